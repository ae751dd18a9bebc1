"""Debian from its mirror, and practice packages on top: real mmdebstrap, apt and dpkg."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from b2ct.core import files
from b2ct.core.errors import B2ctError
from b2ct.image.model import Definition
from b2ct.image.rootfs import apt
from b2ct.image.rootfs.userns import Namespace
from b2ct.image.rootfs.workspace import Workspace
from b2ct.rehearsal.packages import Practice
from tests.image import rehearsal
from tests.image.rootfs import debian
from tests.signers import signer


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Practice:
    return rehearsal.shared(tmp_path_factory)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return debian.shared_base(tmp_path_factory)


@pytest.fixture
def cvmfs(practice: Practice) -> dict[str, object]:
    """The practice repository, of which only cvmfs is wanted."""
    return {
        "url": practice.apt.as_uri() if practice.apt else "",
        "suites": ["bookworm-prod"],
        "keys": [{"file": str(practice.folder / "practice-key.asc")}],
        "packages": ["cvmfs", "cvmfs-*"],
    }


def names(archive: Path) -> Iterator[str]:
    with tarfile.open(archive) as opened:
        yield from (member.name.removeprefix(".") for member in opened)


@pytest.mark.boot
def test_the_base_is_small_clean_and_always_the_same(base: Path, tmp_path: Path) -> None:
    answer = debian.make("base", debian.definition(), tmp_path / "again")
    assert files.sha256(tmp_path / "again/base.tar") == files.sha256(base)
    assert {"apt", "dpkg", "bash"} <= answer["packages"].keys()
    assert "perl" not in answer["packages"]
    found = set(names(base))
    assert not [name for name in found if name.startswith(("/usr/share/man/", "/var/lib/apt/l"))
                and not name.endswith(("partial", "lists"))]  # fmt: skip
    assert "/etc/apt/sources.list" not in found
    assert "/etc/dpkg/dpkg.cfg.d/b2ct-exclude" in found
    assert not [name for name in found if "mmdebstrap" in name or "policy-rc" in name]


@pytest.mark.boot
def test_packages_come_from_their_repository_and_leave_no_traces(
    base: Path, tmp_path: Path, cvmfs: dict[str, object]
) -> None:
    look = (
        'test -z "$(cat /etc/machine-id 2>/dev/null)"; ls /etc/ssh; ls /var/lib/apt/lists; '
        "test ! -e /usr/sbin/policy-rc.d; echo; cat /proc/net/dev | grep -c eth || true"
    )
    wanted = debian.definition(
        {"cvmfs": cvmfs}, packages=["cvmfs", "openssh-server", "systemd-sysv"]
    )
    answer = debian.make("packages", wanted, tmp_path / "one", base, look)
    assert "error" not in answer, answer
    assert "practice" in answer["packages"]["cvmfs"]
    assert "ssh_host" not in answer["said"]
    assert "InRelease" not in answer["said"]
    again = debian.make("packages", wanted, tmp_path / "two", base)
    assert "error" not in again, again
    one, two = (tmp_path / name / "packages.tar" for name in ("one", "two"))
    assert files.sha256(one) == files.sha256(two)
    found = set(names(one))
    assert not [name for name in found if name.startswith("/usr/share/man/man")]
    assert not [name for name in found if name.endswith((".log", ".deb", "-old"))]


@pytest.mark.boot
def test_nothing_but_what_is_named_comes_from_a_restricted_repository(
    base: Path, tmp_path: Path, cvmfs: dict[str, object]
) -> None:
    """The wanted package is in the repository, but the definition does not name it."""
    only = {**cvmfs, "packages": ["something-else"]}
    wanted = debian.definition({"cvmfs": only}, packages=["cvmfs"])
    answer = debian.make("packages", wanted, tmp_path / "work", base)
    assert answer["kind"] == "UnknownPackageError", answer
    assert answer["package"] == "cvmfs"


@pytest.mark.boot
def test_a_wrong_key_is_refused(base: Path, tmp_path: Path, cvmfs: dict[str, object]) -> None:
    with signer("foreign") as foreign:
        (tmp_path / "foreign.asc").write_bytes(foreign.key())
    wrong = {**cvmfs, "keys": [{"file": str(tmp_path / "foreign.asc")}]}
    wanted = debian.definition({"cvmfs": wrong}, packages=["cvmfs"])
    answer = debian.make("packages", wanted, tmp_path / "work", base)
    assert "not signed by the key" in answer["error"][0], answer
    assert not (tmp_path / "work/packages.tar").exists()


@pytest.mark.boot
def test_a_tampered_index_is_refused(
    base: Path, tmp_path: Path, practice: Practice, cvmfs: dict[str, object]
) -> None:
    assert practice.apt is not None
    shutil.copytree(practice.apt, tmp_path / "apt")
    release = tmp_path / "apt/dists/bookworm-prod/InRelease"
    release.write_text(release.read_text().replace("Components:", "Components: evil"))
    wanted = debian.definition(
        {"cvmfs": {**cvmfs, "url": (tmp_path / "apt").as_uri()}}, packages=["cvmfs"]
    )
    answer = debian.make("packages", wanted, tmp_path / "work", base)
    assert "not signed by the key" in answer["error"][0], answer


@pytest.mark.boot
def test_another_mirror_is_tried(base: Path, tmp_path: Path, cvmfs: dict[str, object]) -> None:
    moved = {**cvmfs, "url": "http://127.0.0.1:9/gone", "mirrors": [cvmfs["url"]]}
    wanted = debian.definition({"cvmfs": moved}, packages=["cvmfs"])
    answer = debian.make("packages", wanted, tmp_path / "work", base)
    assert "error" not in answer, answer
    assert answer["urls"]["cvmfs"] == cvmfs["url"]


@pytest.mark.boot
def test_the_initramfs_drives_virtio_ahci_and_ide(base: Path, tmp_path: Path) -> None:
    look = "ls /boot; for i in /boot/initrd.img-*; do lsinitramfs $i; done"
    wanted = debian.definition(
        packages=["zstd", "linux-image-amd64"],
        boot={"kernel": "linux-image-amd64"},
        exclude=[*debian.EXCLUDED, "/lib/modules/*/kernel/drivers/gpu/*",
                 "/lib/modules/*/kernel/sound/*", "/lib/modules/*/kernel/drivers/net/wireless/*"],
    )  # fmt: skip
    answer = debian.make("packages", wanted, tmp_path / "work", base, look)
    assert "error" not in answer, answer
    said = answer["said"]
    for name in ("virtio_blk", "virtio_scsi", "virtio_pci", "ahci", "ata_piix", "ext4", "nvme"):
        assert f"/{name}.ko" in said, name
    # A VM waits for what is unpacked: nothing but those, and what they need.
    assert said.count(".ko") < 60
    assert "vmlinuz-" in said


@pytest.mark.parametrize(
    ("name", "word"),
    [("curl", "curl"), ("-plymouth", "plymouth-"), ("lib*", "lib*")],
)
def test_packages_as_apt_takes_them(name: str, word: str) -> None:
    assert apt._word(name) == word


def test_groups_are_not_known_to_apt() -> None:
    with pytest.raises(B2ctError, match="group of packages"):
        apt._word("@core")


def test_a_repository_without_a_key_is_refused(tmp_path: Path) -> None:
    wanted = Definition.model_validate(debian.definition({"bare": {"url": "http://x/"}}))
    work = Workspace(tmp_path, 0, Namespace(as_root=True), tmp_path / "cache")
    with pytest.raises(B2ctError, match="repository bare names no key"):
        list(apt._sources(wanted, work, base=False))


def test_excluded_paths_are_removed_as_dpkg_would(tmp_path: Path) -> None:
    for name in ("usr/share/man/man1/ls.1", "usr/share/man/de/x", "usr/share/misc/magic", "etc/m"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    apt._remove_excluded(tmp_path, ["/usr/share/man/*", "/etc/nothing"])
    left = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
    assert left == ["etc/m", "usr/share/misc/magic"]
    assert not (tmp_path / "usr/share/man/de").exists()


def test_what_is_new_on_the_mirror_since_the_key_was_made_is_noticed(tmp_path: Path) -> None:
    wanted = Definition.model_validate(debian.definition())
    lists = tmp_path / "var/lib/apt/lists"
    lists.mkdir(parents=True)
    (lists / "deb.debian.org_debian_dists_bookworm_InRelease").write_text("now")
    work = Workspace(tmp_path, 0, Namespace(as_root=True), tmp_path)
    same = {"debian bookworm": files.sha256(next(lists.iterdir()))}
    apt._unchanged(tmp_path, wanted, _with(work, same), base=True)
    with pytest.raises(B2ctError, match="repository debian was updated while"):
        apt._unchanged(tmp_path, wanted, _with(work, {"debian bookworm": "0" * 64}), base=True)


def _with(work: Workspace, identity: dict[str, str]) -> Workspace:
    return Workspace(work.folder, work.epoch, work.namespace, work.cache, identity=identity)
