"""The EL path with real dnf and rpm, on synthetic packages."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from b2ct.core import files
from b2ct.core.run import run
from b2ct.image.rootfs.userns import Namespace
from b2ct.rehearsal.packages import Practice
from b2ct.rehearsal.packages.el import KERNEL_VERSION
from b2ct.rehearsal.packages.package import PracticePackage, placeholder
from tests.image import rehearsal
from tests.image.rootfs import inside
from tests.sharing import once

PACKAGES = ("cvmfs", "cloud-init", "sudo", "openssh-server")
EXCLUDED = ("/usr/share/b2ct-practice/s*", "/lib/modules/*/config")


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Practice:
    return rehearsal.shared(tmp_path_factory)


@pytest.fixture(scope="module")
def built(
    practice: Practice, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    definition = rehearsal.rehearsed(practice, PACKAGES, exclude=EXCLUDED)

    def make(folder: Path) -> dict[str, Any]:
        return inside.build(definition, folder, epoch=rehearsal.EPOCH)

    return once(tmp_path_factory, "el-layers", make)


def members(archive: Path) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(archive) as opened:
        return {member.name.removeprefix("./"): member for member in opened}


def read(archive: Path, name: str) -> str:
    with tarfile.open(archive) as opened:
        found = opened.extractfile(f"./{name}")
        assert found is not None
        return found.read().decode()


def names(result: dict[str, Any]) -> set[str]:
    return {row["name"] for row in result["packages"]}


def test_the_packages_and_what_they_need_are_installed(
    built: tuple[Path, dict[str, Any]],
) -> None:
    _, result = built
    rows = {row["name"]: row for row in result["packages"]}
    assert {*PACKAGES, "kernel", "cvmfs-libs", "cvmfs-config-default", "bash"} <= set(rows)
    assert "gpg-pubkey" not in rows
    assert rows["cvmfs"]["version"] == "2.13.3+practice-1"
    assert rows["cvmfs"]["architecture"] == "x86_64"
    assert rows["cvmfs"]["license"] == "BSD-3-Clause"
    assert rows["cvmfs"]["source"] == "b2ct-practice"
    assert [row["name"] for row in result["packages"]] == sorted(rows)


def test_the_base_layer_has_the_package_manager_and_no_kernel(
    built: tuple[Path, dict[str, Any]],
) -> None:
    found = members(built[0] / "base.tar")
    assert {"usr/bin/dnf", "usr/bin/bash", "etc/os-release", "var/lib/rpm/rpmdb.sqlite"} <= set(
        found
    )
    assert not [name for name in found if name.startswith("boot/vmlinuz")]


def test_the_layout_is_that_of_the_packages(built: tuple[Path, dict[str, Any]]) -> None:
    found = members(built[0] / "packages.tar")
    assert (found["bin"].type, found["bin"].linkname) == (tarfile.SYMTYPE, "usr/bin")
    for name, mode in (("root", 0o550), ("tmp", 0o1777), ("etc/shadow", 0), ("proc", 0o555)):
        assert found[name].mode == mode, name
    assert not [name for name in found if re.match("(dev|proc|sys|run)/", name)]
    assert found["var/lib/cvmfs"].uid == found["var/lib/cvmfs"].gid != 0
    assert "cvmfs:x:" in read(built[0] / "packages.tar", "etc/passwd")
    assert all(member.mtime <= rehearsal.EPOCH for member in found.values())


def test_the_database_is_where_this_release_looks_for_it_and_nothing_else_is_left(
    built: tuple[Path, dict[str, Any]],
) -> None:
    found = members(built[0] / "packages.tar")
    assert [name for name in found if name.startswith("var/lib/rpm/")] == [
        "var/lib/rpm/rpmdb.sqlite"
    ]
    assert found["etc/machine-id"].size == 0
    left = re.compile("(var/cache/dnf|var/lib/dnf|var/log|tmp|var/tmp|root|etc/kernel/install.d)/.")
    assert [name for name in found if left.match(name)] == []


def test_the_kernel_is_in_boot_with_an_initramfs_for_every_machine(
    built: tuple[Path, dict[str, Any]],
) -> None:
    archive = built[0] / "packages.tar"
    found = members(archive)
    assert found[f"boot/vmlinuz-{KERNEL_VERSION}"].size > 0
    told = read(archive, f"boot/initramfs-{KERNEL_VERSION}.img")
    assert "hostonly: no" in told
    assert "--no-hostonly --add-drivers" in told
    for driver in ("virtio_blk", "virtio_scsi", "ahci", "ata_piix"):
        assert f" {driver}" in told.partition("drivers:")[2]
    assert 'hostonly="no"' in read(archive, "etc/dracut.conf.d/90-b2ct.conf")


def test_excluded_paths_are_gone(built: tuple[Path, dict[str, Any]]) -> None:
    found = members(built[0] / "packages.tar")
    notes = [name for name in found if name.startswith("usr/share/b2ct-practice/")]
    assert "usr/share/b2ct-practice/cloud-init" in notes
    assert not [name for name in notes if name.rpartition("/")[2].startswith("s")]
    assert f"usr/lib/modules/{KERNEL_VERSION}/config" not in found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be both")
def test_root_and_an_ordinary_user_make_the_same_bytes(
    built: tuple[Path, dict[str, Any]], practice: Practice, tmp_path: Path
) -> None:
    if run(["unshare", "--user", "true"], check=False).code != 0:
        pytest.skip("no user namespace here, as in a chroot")
    definition = rehearsal.rehearsed(practice, PACKAGES, exclude=EXCLUDED)
    again = tmp_path / "again"
    namespace = inside.UserNamespace(as_root=True)
    result = inside.build(definition, again, epoch=rehearsal.EPOCH, namespace=namespace)
    for layer in ("base.tar", "packages.tar"):
        assert files.sha256(again / layer) == files.sha256(built[0] / layer)
    assert result["packages"] == built[1]["packages"]


def test_twice_the_same_bytes(
    built: tuple[Path, dict[str, Any]], practice: Practice, tmp_path: Path
) -> None:
    definition = rehearsal.rehearsed(practice, PACKAGES, exclude=EXCLUDED)
    inside.build(definition, tmp_path / "again", epoch=rehearsal.EPOCH)
    for layer in ("base.tar", "packages.tar"):
        assert files.sha256(tmp_path / "again" / layer) == files.sha256(built[0] / layer)


def test_installed_leaves_the_tree_as_it_was(built: tuple[Path, dict[str, Any]]) -> None:
    folder = built[0] / "tree/var/lib/rpm"
    assert [path.name for path in folder.iterdir()] == ["rpmdb.sqlite"]


def test_mounts_are_gone_with_the_build(built: tuple[Path, dict[str, Any]]) -> None:
    assert str(built[0]) not in Path("/proc/self/mountinfo").read_text()


# --- what goes wrong


Fails = Callable[..., list[str]]


@pytest.fixture
def fails(tmp_path: Path) -> Fails:
    def build(definition: dict[str, Any], *, space: str = "") -> list[str]:
        folder = tmp_path / "failed"
        result = inside.build(definition, folder, epoch=rehearsal.EPOCH, space=space)
        assert "error" in result, result
        assert not (folder / "packages.tar").exists()
        lines: list[str] = result["error"]
        return lines

    return build


def with_key(definition: dict[str, Any], name: str, key: Path | dict[str, str]) -> dict[str, Any]:
    row = key if isinstance(key, dict) else {"file": str(key)}
    definition["repositories"][name]["keys"] = [row]
    return definition


def test_an_unknown_package(practice: Practice, fails: Fails) -> None:
    lines = fails(rehearsal.rehearsed(practice, ["cvmfs", "no-such-thing"]))
    assert lines[0] == "no repository has the package 'no-such-thing'"
    assert lines[1].startswith("hint: ")
    assert any(line.startswith("  | ") for line in lines)


def test_packages_of_another_key_are_refused(
    practice: Practice, fails: Fails, tmp_path: Path
) -> None:
    with rehearsal.another_key(tmp_path) as (_, other):
        lines = fails(with_key(rehearsal.rehearsed(practice, ["cvmfs"]), "base", other))
    assert "not signed by the key that the definition names" in lines[0]


def test_a_key_of_another_fingerprint_is_refused(practice: Practice, fails: Fails) -> None:
    key = {"file": str(practice.folder / "practice-key.asc"), "fingerprint": "A" * 40}
    lines = fails(with_key(rehearsal.rehearsed(practice), "base", key))
    assert "holds the key" in lines[0]
    assert "AAAA AAAA" in lines[0]


def test_only_the_pinned_key_of_a_file_counts(
    practice: Practice, fails: Fails, tmp_path: Path
) -> None:
    """The file also has the key that signed the packages, but the definition names the other."""
    with rehearsal.another_key(tmp_path) as (signer, other):
        both = tmp_path / "both.asc"
        both.write_text(other.read_text() + (practice.folder / "practice-key.asc").read_text())
        key = {"file": str(both), "fingerprint": signer.fingerprint}
        lines = fails(with_key(rehearsal.rehearsed(practice, ["cvmfs"]), "base", key))
    assert "not signed by the key that the definition names" in lines[0]


def copied(practice: Practice, tmp_path: Path) -> Path:
    assert practice.rpm is not None
    return Path(shutil.copytree(practice.rpm / "cvmfs", tmp_path / "copied"))


def with_cvmfs(practice: Practice, folder: Path) -> dict[str, Any]:
    definition = rehearsal.rehearsed(practice, ["cvmfs"])
    definition["repositories"]["cvmfs"]["url"] = folder.as_uri()
    return definition


def indexed(folder: Path) -> Path:
    shutil.rmtree(folder / "repodata")
    run(["createrepo_c", "--quiet", "--no-database", folder])
    return folder


def test_an_unsigned_package_is_refused(practice: Practice, fails: Fails, tmp_path: Path) -> None:
    folder = copied(practice, tmp_path)
    run(["rpmsign", "--delsign", *folder.glob("cvmfs-libs*.rpm")])
    lines = fails(with_cvmfs(practice, indexed(folder)))
    assert "cvmfs-libs" in lines[0]
    assert "is not signed" in lines[0]


def test_a_changed_package_is_refused(practice: Practice, fails: Fails, tmp_path: Path) -> None:
    folder = copied(practice, tmp_path)
    (package,) = folder.glob("cvmfs-libs*.rpm")
    data = bytearray(package.read_bytes())
    data[-20] ^= 0xFF  # in the payload: the index is made anew, the signature cannot be
    package.write_bytes(data)
    lines = fails(with_cvmfs(practice, indexed(folder)))
    assert "was changed after it was signed" in lines[0], lines


def test_a_package_that_the_index_promises_and_the_mirror_has_not(
    practice: Practice, fails: Fails, tmp_path: Path
) -> None:
    folder = copied(practice, tmp_path)
    for package in folder.glob("cvmfs-libs*.rpm"):
        package.unlink()
    lines = fails(with_cvmfs(practice, folder))
    assert "a mirror" in lines[0]
    assert "mirrors" in lines[1]


def test_an_index_that_does_not_fit(practice: Practice, fails: Fails, tmp_path: Path) -> None:
    folder = copied(practice, tmp_path)
    for index in folder.glob("repodata/*-primary.xml.gz"):
        index.write_bytes(b"not what repomd.xml says")
    lines = fails(with_cvmfs(practice, folder))
    assert "a mirror" in lines[0]


def test_a_mirror_that_changes_in_the_middle(practice: Practice, tmp_path: Path) -> None:
    """A layer must not be kept under the key of another state."""
    definition = rehearsal.rehearsed(practice, ["cvmfs"])
    built, epoch = tmp_path / "built", rehearsal.EPOCH
    result = inside.build(definition, built, epoch=epoch, identity={"cvmfs": "0" * 64})
    assert result["error"][0] == "the repository cvmfs was updated while the image was being made"
    assert not (built / "packages.tar").exists()


def test_a_full_disk(practice: Practice, fails: Fails) -> None:
    lines = fails(rehearsal.rehearsed(practice, ["cvmfs"]), space="9m")
    assert "no space left" in lines[0]
    assert "--scratch" in lines[1]


def test_a_definition_without_a_base(practice: Practice, fails: Fails) -> None:
    definition = rehearsal.rehearsed(practice)
    definition["repositories"]["base"]["base"] = False
    assert "`base: true`" in fails(definition)[0]


def test_a_script_that_fails_is_told(practice: Practice, tmp_path: Path) -> None:
    """rpm installs a package whose %post fails, and dnf ends well: somebody has to say it."""
    bad = PracticePackage("bad-script", "Fails", scripts={"post": "exit 3\n"})
    with rehearsal.another_key(tmp_path) as (signer, key):
        folder = rehearsal.rpm_repository(tmp_path / "bad", [bad], signer, tmp_path / "scratch")
        definition = rehearsal.rehearsed(practice, ["bad-script"])
        definition["repositories"]["site"] = rehearsal.repository(folder, key)
        result = inside.build(definition, tmp_path / "built", epoch=rehearsal.EPOCH)
    assert any("bad-script" in note and "scriptlet failed" in note for note in result["notes"])


# --- which repository gives what


@pytest.fixture(scope="module")
def pinned(
    practice: Practice, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """A build in which a further repository has newer packages of everybody's names."""
    newer = [
        PracticePackage(name, "newer", version="99+practice", items=placeholder(name).items)
        for name in ("sudo", "cvmfs-libs", "site-tool")
    ]

    def make(folder: Path) -> dict[str, Any]:
        folder.mkdir()
        with rehearsal.another_key(folder) as (signer, key):
            site = rehearsal.rpm_repository(folder / "site", newer, signer, folder / "scratch")
        definition = rehearsal.rehearsed(practice, ["cvmfs", "sudo", "site-tool"])
        row = rehearsal.repository(site, key, packages=["site-*"])
        definition["repositories"]["site"] = row
        return inside.build(definition, folder / "built", epoch=rehearsal.EPOCH)

    return once(tmp_path_factory, "el-pinned", make)


def test_a_listed_package_comes_from_its_repository(
    pinned: tuple[Path, dict[str, Any]],
) -> None:
    versions = {row["name"]: row["version"] for row in pinned[1]["packages"]}
    assert versions["site-tool"] == "99+practice-1"


@pytest.mark.parametrize("name", ["sudo", "cvmfs-libs"])
def test_what_is_not_listed_is_not_taken_from_it(
    name: str, pinned: tuple[Path, dict[str, Any]]
) -> None:
    versions = {row["name"]: row["version"] for row in pinned[1]["packages"]}
    assert not versions[name].startswith("99")


def test_without_a_list_the_newest_is_taken_but_not_what_another_repository_is_for(
    practice: Practice, tmp_path: Path
) -> None:
    newer = [
        PracticePackage(name, "newer", version="99+practice", items=placeholder(name).items)
        for name in ("sudo", "cvmfs-libs")
    ]
    with rehearsal.another_key(tmp_path) as (signer, key):
        folder = rehearsal.rpm_repository(tmp_path / "site", newer, signer, tmp_path / "scratch")
        definition = rehearsal.rehearsed(practice, ["cvmfs", "sudo"])
        definition["repositories"]["site"] = rehearsal.repository(folder, key)
        result = inside.build(definition, tmp_path / "built", epoch=rehearsal.EPOCH)
    versions = {row["name"]: row["version"] for row in result["packages"]}
    assert versions["sudo"] == "99+practice-1"
    assert versions["cvmfs-libs"] == "2.13.3+practice-1"


# --- releases whose rpm has another database


@pytest.mark.parametrize(("release", "says"), [("8", "did not take over"), ("7", "cannot read")])
def test_a_release_with_another_database_is_told(
    release: str, says: str, practice: Practice, tmp_path: Path
) -> None:
    """The practice tree's rpm converts nothing, so that the host's database stays."""
    definition = rehearsal.rehearsed(practice, ["cvmfs"])
    definition["system"]["release"] = release
    if release == "7":
        definition["system"]["distribution"] = "centos"
    result = inside.build(definition, tmp_path / "built", epoch=rehearsal.EPOCH)
    assert any(f"EL{release}" in note and says in note for note in result["notes"]), result
    assert "cvmfs" in names(result)


def test_the_host_s_programs_work_in_the_tree(built: tuple[Path, dict[str, Any]]) -> None:
    """Otherwise the scripts of packages would have proven nothing."""
    tree = built[0] / "tree"
    command = Namespace(as_root=os.geteuid() == 0).command(
        ["chroot", tree, "/bin/sh", "-c", "getent passwd cvmfs && cvmfs_config showconfig belle"]
    )
    told = run(command).stdout
    assert told.startswith("cvmfs:x:")
    assert "CVMFS_KEYS_DIR=/etc/cvmfs/keys/cern.ch" in told
    assert stat.S_IMODE((tree / "usr/bin/cvmfs_config").stat().st_mode) == 0o755
