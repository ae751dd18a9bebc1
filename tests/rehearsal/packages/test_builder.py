"""Practice repositories, read by the tools that they are for: apt, dpkg, rpm, gpg."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.core.run import find_tool, run
from b2ct.image import definitions
from b2ct.rehearsal import packages as practice
from b2ct.rehearsal.packages import Practice, build
from b2ct.rehearsal.packages.names import packages_of
from tests.image import rehearsal


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Practice:
    return rehearsal.shared(tmp_path_factory)


def packages(folder: Path) -> list[Path]:
    return sorted([*folder.rglob("*.rpm"), *folder.rglob("*.deb")])


def test_apt_accepts_the_repository_and_its_signature(made: Practice, tmp_path: Path) -> None:
    for folder in ("lists/partial", "archives/partial", "dpkg"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "dpkg/status").touch()
    (tmp_path / "sources.list").write_text(
        f"deb [signed-by={made.folder}/practice-key.asc] file://{made.apt} bookworm-prod main\n"
    )
    settings = {
        "Dir::Etc::SourceList": tmp_path / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": tmp_path / "lists",
        "Dir::State::Status": tmp_path / "dpkg/status",
        "Dir::Cache": tmp_path / "archives",
        "APT::Architecture": "amd64",
        "APT::Sandbox::User": "",
    }
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    run(["apt-get", *options, "-o", "APT::Update::Error-Mode=any", "update"])
    shown = run(["apt-cache", *options, "show", "cvmfs"]).stdout
    assert "Version: 2.13.3+practice" in shown
    assert "autofs" in shown
    names = run(["apt-cache", *options, "pkgnames"]).stdout.split()
    assert {"cvmfs", "cvmfs-config-default", "cvmfs-libs"} <= set(names)


def test_the_client_has_the_files_of_the_real_one(made: Practice, tmp_path: Path) -> None:
    assert made.apt is not None
    for package in packages(made.apt):
        run(["dpkg-deb", "-x", package, tmp_path])
    for name in (
        *("usr/bin/cvmfs2", "usr/bin/cvmfs_config", "usr/sbin/mount.cvmfs", "etc/cvmfs/config.sh"),
        *("etc/cvmfs/default.conf", "etc/cvmfs/domain.d/cern.ch.conf"),
        *("etc/cvmfs/keys/cern.ch/cern-it1.cern.ch.pub", "usr/libexec/cvmfs/auto.cvmfs"),
    ):
        assert (tmp_path / name).is_file(), name
    assert (tmp_path / "etc/auto.cvmfs").readlink() == Path("/usr/libexec/cvmfs/auto.cvmfs")
    assert (tmp_path / "cvmfs").is_dir()


@pytest.mark.parametrize("program", ["usr/bin/cvmfs2", "usr/sbin/mount.cvmfs"])
def test_what_would_mount_says_that_it_is_practice_and_fails(
    program: str, made: Practice, tmp_path: Path
) -> None:
    assert made.apt is not None
    run(["dpkg-deb", "-x", made.apt / "pool/main/cvmfs_2.13.3+practice_all.deb", tmp_path])
    done = subprocess.run([tmp_path / program, "/cvmfs/x"], capture_output=True, check=False)
    assert done.returncode != 0
    assert b"practice package" in done.stderr


def test_rpm_accepts_every_signature_with_this_key_only(made: Practice, tmp_path: Path) -> None:
    assert made.rpm is not None
    rpm = ["rpmkeys", "--dbpath", str(tmp_path / "db")]
    found = packages(made.rpm)
    assert len(found) > 40
    assert run([*rpm, "--checksig", *found], check=False).code != 0
    run([*rpm, "--import", made.folder / "practice-key.asc"])
    told = run([*rpm, "--checksig", *found]).stdout.splitlines()
    assert len(told) == len(found)
    assert all(line.endswith("digests signatures OK") for line in told)


def test_every_version_says_practice(made: Practice) -> None:
    for path in packages(made.folder):
        assert "+practice" in path.name, path


def test_the_secret_key_is_gone(made: Practice) -> None:
    held = run(["gpg", "--show-keys", "--with-colons", made.folder / "practice-key.asc"]).stdout
    assert f":{made.fingerprint}:" in held
    assert not any(line.startswith("sec") for line in held.splitlines())
    left = [path for path in made.folder.rglob("*") if b"PRIVATE KEY" in _bytes(path)]
    assert left == []


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def test_packages_are_the_same_twice_but_for_the_signature(made: Practice, tmp_path: Path) -> None:
    again = build(tmp_path / "again", names=packages_of(["el9-worker"]))
    assert again.fingerprint != made.fingerprint
    ours, others = packages(made.folder), packages(again.folder)
    assert [path.name for path in ours] == [path.name for path in others]
    query = ["rpm", "-qp", "--nosignature", "--qf", "%{NAME} %{SHA256HEADER} %{PAYLOADDIGEST}\n"]
    for suffix in (".deb", ".rpm"):
        pairs = [(a, b) for a, b in zip(ours, others, strict=True) if a.suffix == suffix]
        assert pairs
        if suffix == ".rpm":
            first, second = (run([*query, *side]).stdout for side in zip(*pairs, strict=True))
            assert first == second
        else:
            assert all(a.read_bytes() == b.read_bytes() for a, b in pairs)


def test_the_example_definitions_are_valid_and_use_the_repositories(made: Practice) -> None:
    assert [path.name for path in made.definitions] == [
        "practice-debian-12.yaml", "practice-el9.yaml",
    ]  # fmt: skip
    debian, el9 = (definitions.load(str(path)).definition for path in made.definitions)
    assert made.apt is not None
    assert debian.repositories["cvmfs"].url == made.apt.as_uri()
    assert debian.repositories["debian"].base
    assert set(el9.repositories) == {"base", "cvmfs"}
    for definition in (debian, el9):
        (key,) = definition.repositories["cvmfs"].keys
        assert key.file == made.folder / "practice-key.asc"
        assert key.fingerprint == made.fingerprint


def test_only_one_of_them(tmp_path: Path) -> None:
    made = build(tmp_path / "deb", rpm=False)
    assert made.rpm is None
    assert sorted(path.name for path in made.folder.iterdir()) == [
        "README", "apt", "practice-debian-12.yaml", "practice-key.asc",
    ]  # fmt: skip


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(B2ctError, match="exists already"):
        build(tmp_path / "there")
    assert list((tmp_path / "there").iterdir()) == []


def test_a_missing_tool_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("gpg", "gpgconf", "gpg-agent"):
        (tools / name).symlink_to(find_tool(name) or "")

    def which(name: str, mode: int = os.F_OK, path: str | None = None) -> str | None:
        return str(tools / name) if (tools / name).exists() else None

    monkeypatch.setattr(shutil, "which", which)
    with pytest.raises(B2ctError, match="'dpkg-deb' is not installed"):
        build(tmp_path / "made")
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]


def test_a_definition_of_debian_has_no_el_packages() -> None:
    with pytest.raises(B2ctError, match="apt packages"):
        packages_of(["debian-12-worker"])


def test_the_small_programs_of_the_practice_system_are_clean_shell() -> None:
    tools = sorted((Path(practice.__file__).parent / "tools").iterdir())
    assert len(tools) == 3
    run(["shellcheck", *tools])
