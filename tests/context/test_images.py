"""What a context writes, read by the programs that our images bring."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from b2ct.context.model import VmContext
from b2ct.context.worker import for_worker
from b2ct.core.data import data_folder
from tests.context.sites import site, whole

IMAGE = data_folder("images") / "files"
PROGRAMS = IMAGE / "worker/usr/libexec/b2ct"


def written(made: VmContext, root: Path) -> Path:
    """The files of a context below a folder."""
    for file in made.files:
        target = root / file.path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(file.text)
        target.chmod(file.mode)
    return root


def run(*words: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **variables}
    return subprocess.run(words, env=env, capture_output=True, text=True, check=False)


def test_the_image_finds_nothing_wrong_with_cvmfs(tmp_path: Path) -> None:
    root = written(for_worker(site()), tmp_path / "root")
    # As if the CVMFS client were installed.
    client = root / "etc/auto.cvmfs"
    client.write_text("#!/bin/sh\n")
    client.chmod(0o755)
    programs = tmp_path / "programs"
    programs.mkdir()
    for source in (*PROGRAMS.iterdir(), *(IMAGE / "systemd/usr/libexec/b2ct").iterdir()):
        (programs / source.name).write_bytes(source.read_bytes())
        (programs / source.name).chmod(0o755)
    variables = {"ROOT": str(root), "B2CT_SYSTEMCTL": "true", "B2CT_CONSOLE": "/dev/null"}
    done = run(programs / "contextualised", **variables)
    assert done.returncode == 0, done.stderr
    assert (root / "run/b2ct/contextualised").read_text() == "good\n"
    (root / "etc/cvmfs/default.local").write_text("CVMFS_REPOSITORIES='a\n")
    assert run(programs / "contextualised", **variables).returncode == 1


@pytest.mark.parametrize("hs06", [None, 12.5])
def test_the_image_tells_jobs_the_features(hs06: float | None, tmp_path: Path) -> None:
    made = for_worker(site(workers={"w": {"lifetime": "1 h", **({"hs06": hs06} if hs06 else {})}}))
    root = written(made, tmp_path)
    done = run("/bin/sh", PROGRAMS / "features", ROOT=str(root))
    assert done.returncode == 0, done.stderr
    assert (root / "etc/jobfeatures/wall_limit_secs").read_text() == "3600\n"
    cpus = int((root / "etc/machinefeatures/total_cpu").read_text())
    total = root / "etc/machinefeatures/hs06"
    assert total.exists() == (hs06 is not None)
    if hs06 is not None:
        assert float(total.read_text()) == cpus * hs06


def test_shells_get_the_environment_as_it_was_written(tmp_path: Path) -> None:
    root = written(whole(tmp_path), tmp_path / "root")
    profile = IMAGE / "worker/etc/profile.d/b2ct.sh"
    show = f'. {profile}; printf "%s|%s|%s" "$B2CT_WORKER" "$SITE_TMP" "$QUOTED"'
    for shell in ("sh", "bash"):
        done = run(shell, "-eu", "-c", show, B2CT_ENVIRONMENT=f"{root}/etc/b2ct/environment")
        assert done.stdout == 'big|/var/tmp/a b|it\'s "$HOME" \\ `x`', done.stderr


def test_the_idle_rule_reads_its_file(tmp_path: Path) -> None:
    """Every key that the image knows, and no other, so that none is lost without a word."""
    text = (IMAGE / "worker/etc/b2ct/idle.conf").read_text()
    known = {line.split("=")[0] for line in text.splitlines() if line[:1].isupper()}
    idle = for_worker(site()).file("/etc/b2ct/idle.conf")
    assert idle is not None
    ours = {line.split("=")[0] for line in idle.text.splitlines() if line[:1].isupper()}
    # How often it looks is the image's business.
    assert ours == known - {"INTERVAL"}
    assert os.access(PROGRAMS / "idle", os.R_OK)
