"""What a worker of site.yaml comes to."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from pathlib import Path

import pytest

from b2ct.context.model import OwnFiles, VmContext
from b2ct.context.worker import for_worker, number
from b2ct.core.errors import B2ctError
from tests.context.shells import sourced
from tests.context.sites import PUBLIC_KEY, site, whole

WORKERS = {"small": {}, "big": {"vcpu": 8}}


def text(made: VmContext, path: str) -> str:
    file = made.file(path)
    assert file is not None, [file.path for file in made.files]
    return file.text


def test_a_site_without_workers_has_the_default_one_and_says_so() -> None:
    made = for_worker(site())
    assert made.name == "b2ct-worker"
    assert made.notes == (
        "site.yaml describes no `workers`: taking the default, b2ct-worker from el9-worker",
    )


def test_a_described_worker_is_taken_in_silence() -> None:
    described = site(workers={"big": {}})
    assert for_worker(described).notes == ()
    assert for_worker(described, "worker").name == "big"


def test_of_several_one_must_be_named() -> None:
    described = site(workers=WORKERS)
    assert for_worker(described, "big").name == "big"
    with pytest.raises(B2ctError, match="several workers") as caught:
        for_worker(described)
    assert "small, big" in caught.value.hint
    with pytest.raises(B2ctError, match="no worker 'huge'"):
        for_worker(described, "huge")


def test_files_that_nobody_read_are_not_forgotten() -> None:
    described = site(workers={"big": {"scripts": ["tune.sh"]}})
    with pytest.raises(B2ctError, match="were not read"):
        for_worker(described, "big")
    with pytest.raises(B2ctError, match="were not read"):
        for_worker(site(cvmfs={"keys": {"kek.jp": "k"}}), own=OwnFiles())


def test_the_cvmfs_client_reads_what_is_meant() -> None:
    made = for_worker(site(cvmfs={"quota": "5 GiB"}))
    names = ("CVMFS_REPOSITORIES", "CVMFS_HTTP_PROXY", "CVMFS_QUOTA_LIMIT")
    assert sourced(text(made, "/etc/cvmfs/default.local"), *names) == {
        "CVMFS_REPOSITORIES": "belle.cern.ch,belle.kek.jp,grid.cern.ch,cvmfs-config.cern.ch",
        "CVMFS_HTTP_PROXY": "http://10.1.0.10:3128",
        "CVMFS_QUOTA_LIMIT": "5120",
    }


def test_the_key_of_kek_is_left_to_the_configuration_repository() -> None:
    kek = text(for_worker(site()), "/etc/cvmfs/domain.d/kek.jp.local")
    assert "CVMFS_KEYS_DIR=" not in kek
    assert "configuration repository" in kek
    cern = text(for_worker(site()), "/etc/cvmfs/domain.d/cern.ch.local")
    assert sourced(cern, "CVMFS_KEYS_DIR", "CVMFS_USE_GEOAPI") == {
        "CVMFS_KEYS_DIR": "/etc/cvmfs/keys/cern.ch",
        "CVMFS_USE_GEOAPI": "yes",
    }


def test_a_key_of_the_sites_own_is_brought(tmp_path: Path) -> None:
    made = whole(tmp_path)
    assert text(made, "/etc/cvmfs/keys/kek.jp/kek.jp.pub") == PUBLIC_KEY
    kek = text(made, "/etc/cvmfs/domain.d/kek.jp.local")
    assert sourced(kek, "CVMFS_KEYS_DIR") == {"CVMFS_KEYS_DIR": "/etc/cvmfs/keys/kek.jp"}


def test_the_idle_rule_in_seconds() -> None:
    idle = {"mode": "dry-run", "load": "0.000001", "period": "10 min", "grace": "1 h"}
    made = for_worker(site(workers={"w": {"idle": idle, "lifetime": "2 d"}}))
    names = ("MODE", "LOAD", "SPAN", "PERIOD", "MARGIN", "GRACE", "LIFETIME", "LOGINS")
    found = sourced(text(made, "/etc/b2ct/idle.conf"), *names)
    assert list(found.values()) == [
        *("dry-run", "0.000001", "60", "600", "300", "3600", "172800", "keep"),
    ]


@pytest.mark.parametrize(
    ("value", "written"), [(0.01, "0.01"), (12, "12"), (1e-6, "0.000001"), (0, "0"), (0.5, "0.5")]
)
def test_numbers_have_no_exponent(value: float, written: str) -> None:
    assert number(value) == written


def test_a_worker_may_differ_from_the_site() -> None:
    own = {"repositories": ["sft.cern.ch"], "quota": "1 GiB"}
    made = for_worker(site(workers={"w": {"cvmfs": own}}))
    found = sourced(
        text(made, "/etc/cvmfs/default.local"), "CVMFS_REPOSITORIES", "CVMFS_QUOTA_LIMIT"
    )
    assert list(found.values()) == ["sft.cern.ch", "1024"]
    assert made.file("/etc/cvmfs/domain.d/kek.jp.local") is None


def test_systemd_mounts_instead_of_autofs(tmp_path: Path) -> None:
    made = whole(tmp_path)
    assert made.file("/etc/systemd/system/autofs.service.d/b2ct-network.conf") is None
    assert made.commands[0] == ("systemctl", "disable", "--now", "autofs.service")
    units = [f.path.rsplit("/", 1)[1] for f in made.files if f.path.endswith(".automount")]
    assert made.commands[2] == ("systemctl", "enable", "--now", *units)


@pytest.mark.skipif(not shutil.which("systemd-escape"), reason="systemd is not installed")
def test_units_are_called_as_systemd_calls_them(tmp_path: Path) -> None:
    for file in whole(tmp_path).files:
        if not file.path.endswith(("mount",)):
            continue
        (where,) = (line[6:] for line in file.text.splitlines() if line.startswith("Where="))
        suffix = file.path.rsplit(".", 1)[1]
        words = ["systemd-escape", "--path", f"--suffix={suffix}", where]
        name = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
        assert file.path == f"/etc/systemd/system/{name}"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    folder = tmp_path / "units"
    folder.mkdir()
    (folder / "network-online.target").write_text("[Unit]\nDescription=x\n")
    for file in whole(tmp_path).files:
        if file.path.endswith("mount"):
            (folder / file.path.rsplit("/", 1)[1]).write_text(file.text)
    units = sorted(folder.glob("*.automount"))
    assert len(units) == 4
    env = {"SYSTEMD_UNIT_PATH": f"{folder}:", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        ["systemd-analyze", "verify", *units], capture_output=True, text=True, env=env, check=False
    )
    assert not [line for line in done.stderr.splitlines() if "cvmfs" in line], done.stderr


def test_a_context_is_a_value(tmp_path: Path) -> None:
    assert whole(tmp_path) == whole(tmp_path)
    with pytest.raises(dataclasses.FrozenInstanceError):
        whole(tmp_path).name = "x"  # type: ignore[misc]
