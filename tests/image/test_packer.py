"""The Packer engine up to what needs a base image: Packer's own validation of what we give it."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tarfile
from pathlib import Path

import pytest

from b2ct.core.data import data_folder
from b2ct.core.errors import B2ctError
from b2ct.core.run import find_tool, run
from b2ct.image import packer, provision
from b2ct.image.definitions import load
from b2ct.image.packer import Base

DEBIAN = load("debian-12-worker").definition
EL9 = load("el9-worker").definition
OLD, CURRENT = (1, 6), (1, 11)

needs_packer = pytest.mark.skipif(find_tool("packer") is None, reason="no packer here")


@pytest.mark.parametrize("definition", [DEBIAN, EL9], ids=["debian", "el9"])
@pytest.mark.parametrize("base", ["base.qcow2", "netinstall.iso"])
@needs_packer
def test_packer_accepts_the_template(tmp_path: Path, definition: object, base: str) -> None:
    packer.lay_out(definition, provision.plan(definition), {}, tmp_path, packer.version())  # type: ignore[arg-type]
    (tmp_path / base).write_bytes(b"not read by validate")
    chosen = Base(str(tmp_path / base))
    values = packer.variables(definition, chosen, tmp_path)  # type: ignore[arg-type]
    (tmp_path / "variables.pkrvars.json").write_text(json.dumps(values))
    done = run(
        ["packer", "validate", f"-only=qemu.{chosen.source}",
         f"-var-file={tmp_path / 'variables.pkrvars.json'}", tmp_path],
        env={"CHECKPOINT_DISABLE": "1"}, check=False,
    )  # fmt: skip
    assert done.code == 0, done.stdout + done.stderr


@needs_packer
def test_packer_refuses_what_is_wrong(tmp_path: Path) -> None:
    """The check above can fail."""
    packer.lay_out(DEBIAN, provision.plan(DEBIAN), {}, tmp_path, packer.version())
    values = packer.variables(DEBIAN, Base("x.qcow2"), tmp_path) | {"accelerator": "magic"}
    (tmp_path / "variables.pkrvars.json").write_text(json.dumps(values))
    done = run(
        ["packer", "validate", f"-var-file={tmp_path / 'variables.pkrvars.json'}", tmp_path],
        env={"CHECKPOINT_DISABLE": "1"}, check=False,
    )  # fmt: skip
    assert done.code != 0


def test_plugins_are_named_to_those_who_need_them(tmp_path: Path) -> None:
    for release, there in ((OLD, False), (CURRENT, True)):
        folder = tmp_path / str(release[1])
        folder.mkdir()
        packer.lay_out(DEBIAN, provision.plan(DEBIAN), {}, folder, release)
        assert (folder / "plugins.pkr.hcl").exists() is there


def test_the_key_is_private_and_the_seed_has_its_public_half(tmp_path: Path) -> None:
    packer.lay_out(DEBIAN, provision.plan(DEBIAN), {}, tmp_path, OLD)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    public = run(["ssh-keygen", "-y", "-f", tmp_path / "key"]).stdout.split()[1]
    assert public in (tmp_path / "http" / "user-data").read_text()
    assert "PRIVATE" not in "".join(p.read_text() for p in (tmp_path / "http").iterdir())


def test_the_seed_passes_cloud_inits_schema(tmp_path: Path) -> None:
    if find_tool("cloud-init") is None:
        pytest.skip("no cloud-init here")
    file = tmp_path / "user-data"
    file.write_text(packer.seed(DEBIAN, "ssh-ed25519 AAAA")["user-data"])
    done = run(["cloud-init", "schema", "--config-file", file])
    assert "Valid" in done.stdout


def test_the_bundle_has_the_same_bytes_as_the_default_engines(tmp_path: Path) -> None:
    configuration = provision.plan(DEBIAN)
    packer.lay_out(DEBIAN, configuration, {}, tmp_path, OLD)
    provision.bundle(configuration, tmp_path / "default.tar")
    theirs, ours = (_contents(tmp_path / name) for name in ("bundle.tar", "default.tar"))
    assert ours.items() <= theirs.items()
    assert theirs["packages.names"].decode().split()[-1] == DEBIAN.boot.kernel


def _contents(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        files = {member.name: tar.extractfile(member) for member in tar if member.isfile()}
        return {name: file.read() for name, file in files.items() if file}


def test_the_kickstart_is_one(tmp_path: Path) -> None:
    validator = shutil.which("ksvalidator") or Path(sys.executable).parent / "ksvalidator"
    text = packer.seed(EL9, "ssh-ed25519 AAAA it's")["worker.ks"]
    (tmp_path / "worker.ks").write_text(text)
    done = run([validator, "-v", "RHEL9", tmp_path / "worker.ks"], check=False)
    assert done.code == 0, done.stdout
    assert "worker.ks" not in packer.seed(DEBIAN, "x")


def test_a_program_of_that_name_that_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "packer"
    fake.write_text("#!/bin/sh\necho 'usage: packer [words]'\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(B2ctError, match="not HashiCorp's Packer") as caught:
        packer.version()
    assert "apt-get install packer" in caught.value.hint


def test_iso_or_cloud_image() -> None:
    assert Base("https://example.org/AlmaLinux-9-boot.ISO").source == "netinstall"
    assert Base("/srv/debian-12.qcow2").source == "cloud"


def test_every_file_of_the_folder_is_used() -> None:
    names = {path.name for path in data_folder("packer").iterdir()}
    assert names == {"README.md", "worker.pkr.hcl", "plugins.pkr.hcl", "worker.ks.j2"}
