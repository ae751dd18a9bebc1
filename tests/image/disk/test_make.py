"""Raw disks, looked at with the field's own tools: sfdisk, sgdisk, e2fsck, debugfs, fsck.vfat."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.core.run import CommandError
from b2ct.image.disk import grub
from b2ct.image.disk.make import DiskMade
from b2ct.image.model import MIB, System
from tests.image.disk import trees
from tests.image.disk.trees import EL6, EL8, EPOCH, disk, told


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, DiskMade]]:
    """A disk of the usual tree, to be read only."""
    folder = tmp_path_factory.mktemp("disk")
    raw = folder / "raw.img"
    yield raw, disk(trees.system(folder / "tree", "6.1.0-9-amd64", "6.1.0-32-amd64"), raw)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def root(made: tuple[Path, DiskMade], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of its root file system."""
    raw, done = made
    out = tmp_path_factory.mktemp("root") / "root.ext4"
    return trees.part(raw, done.plan.root.start, done.plan.root.size, out)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_two_disks_of_one_tree_are_the_same_bits(tmp_path: Path) -> None:
    first, second = tmp_path / "first.img", tmp_path / "second.img"
    disk(trees.system(tmp_path / "a"), first)
    # Other inode numbers, another order, later times of change and access.
    time.sleep(1.1)
    shutil.copytree(tmp_path / "a/usr", tmp_path / "elsewhere", symlinks=True)
    disk(trees.system(tmp_path / "b"), second)
    assert digest(first) == digest(second)
    # Once more from a tree that has been made into a disk before.
    disk(tmp_path / "a", second)
    assert digest(first) == digest(second)
    disk(trees.system(tmp_path / "c"), second, seed="another worker")
    assert digest(first) != digest(second)


def test_the_partition_table(made: tuple[Path, DiskMade]) -> None:
    raw, done = made
    assert "No errors detected" in told("sfdisk", "--verify", raw)
    assert "No problems found" in told("sgdisk", "-v", raw)
    table = json.loads(told("sfdisk", "-J", raw))["partitiontable"]
    assert table["label"] == "gpt"
    assert table["id"] == done.plan.uuid.upper()
    found = [(p["start"] * 512, p["size"] * 512, p["uuid"].lower()) for p in table["partitions"]]
    assert found == [(p.start, p.size, p.uuid) for p in done.plan.partitions]
    listed = told("sgdisk", "-p", raw)
    assert re.findall(r"\b(EF02|EF00|8304)\b", listed) == ["EF02", "EF00", "8304"]
    # The firmware of old machines wants a protective entry, and boot code before it.
    with raw.open("rb") as file:
        sector = file.read(512)
    assert sector[450] == 0xEE
    assert any(sector[:440])


def test_the_root_file_system_is_sound_and_exactly_as_long_as_its_partition(
    made: tuple[Path, DiskMade], root: Path
) -> None:
    said = told("e2fsck", "-f", "-n", root)
    assert "clean" in said or "blocks" in said
    about = told("dumpe2fs", "-h", root)
    assert f"Block count:              {made[1].plan.root.size // 4096}\n" in about
    assert f"Filesystem UUID:          {made[1].plan.root_uuid}\n" in about
    assert "Filesystem volume name:   root\n" in about
    # No kernel has to zero inode tables in the background of a VM's first start.
    groups = re.findall(r"^Group \d+:.*", told("dumpe2fs", root), re.M)
    assert groups
    assert all("ITABLE_ZEROED" in line for line in groups)


def stat(root: Path, path: str) -> str:
    return told("debugfs", "-R", f'stat "{path}"', root)


def test_files_keep_owner_mode_links_and_content(root: Path, tmp_path: Path) -> None:
    about = stat(root, "/usr/bin/tool")
    assert "Mode:  04755" in about
    assert "Links: 2" in about
    assert 'Fast link dest: "tool"' in stat(root, "/usr/bin/link")
    assert "Mode:  01777" in stat(root, "/tmp")
    assert "Mode:  0600" in stat(root, "/home/user/secret")
    told("debugfs", "-R", f'dump "/usr/share/many/file 299 ä" {tmp_path}/copy', root)
    assert (tmp_path / "copy").read_text() == "299\n" * 2990


def test_no_time_is_later_than_the_epoch(root: Path) -> None:
    numbers = re.findall(r"^ *(\d+) ", told("debugfs", "-R", "ls -l /usr/share/many", root), re.M)
    assert len(numbers) > 300
    for number in ["<2>", *(f"<{number}>" for number in numbers[:20])]:
        times = re.findall(r"[acm]time: 0x([0-9a-f]{8})", stat(root, number))
        assert len(times) >= 3
        assert all(int(value, 16) <= EPOCH or int(value, 16) >= 2**31 for value in times), number
    about = stat(root, "/usr/bin/tool")
    assert set(re.findall(r" [acm]time: 0x([0-9a-f]{8})", about)) == {f"{1_000_000_000:08x}"}
    assert f"crtime: 0x{EPOCH:08x}" in about


def test_the_system_knows_its_disk(made: tuple[Path, DiskMade], root: Path) -> None:
    uuid = made[1].plan.root_uuid
    assert told("debugfs", "-R", "cat /etc/fstab", root).endswith(
        f"UUID={uuid} / ext4 noatime,errors=remount-ro 0 1\n"
    )
    words = f"root=UUID={uuid} ro quiet console=tty0 console=ttyS0,115200"
    assert told("debugfs", "-R", "cat /etc/kernel/cmdline", root).endswith(f"{words}\n")
    assert f"'root=UUID={uuid}'" in told("debugfs", "-R", "cat /boot/grub/grub.cfg", root)
    assert made[1].kernel.release == "6.1.0-32-amd64"
    assert " ".join(made[1].arguments) == words


def test_the_efi_system_partition(made: tuple[Path, DiskMade], tmp_path: Path) -> None:
    raw, done = made
    fat = trees.part(raw, done.plan.esp.start, done.plan.esp.size, tmp_path / "esp.fat")
    said = told("fsck.vfat", "-n", "-v", fat)
    assert "FAT32" in said or "32 bit entries" in said
    listing = told("mdir", "-i", fat, "-b", "-/", "::/")
    assert listing.split() == ["::/EFI/", "::/EFI/BOOT/", "::/EFI/BOOT/BOOTX64.EFI"]
    told("mcopy", "-i", fat, "::/EFI/BOOT/BOOTX64.EFI", tmp_path / "loader")
    assert (tmp_path / "loader").read_bytes() == grub.loader(done.plan)
    serial = f"{done.plan.esp_id:08X}"
    assert f"{serial[:4]}-{serial[4:]}" in told("mdir", "-i", fat, "::/")


@pytest.mark.parametrize(
    ("system", "has", "lacks"),
    [
        (trees.DEBIAN, {"metadata_csum", "64bit"}, {"orphan_file", "metadata_csum_seed"}),
        (EL8, {"metadata_csum", "64bit"}, {"orphan_file", "metadata_csum_seed"}),
        (EL6, {"extent", "uninit_bg"}, {"metadata_csum", "64bit", "orphan_file"}),
    ],
)
def test_features_that_the_distribution_understands(
    tmp_path: Path, system: System, has: set[str], lacks: set[str]
) -> None:
    raw = tmp_path / "raw.img"
    done = disk(trees.system(tmp_path / "tree"), raw, system=system)
    out = trees.part(raw, done.plan.root.start, done.plan.root.size, tmp_path / "root.ext4")
    told("e2fsck", "-f", "-n", out)
    found = re.search(r"Filesystem features: +(.*)", told("dumpe2fs", "-h", out))
    assert found
    assert has <= set(found[1].split())
    assert not lacks & set(found[1].split())


def test_it_grows_with_its_disk(root: Path, tmp_path: Path) -> None:
    """As growpart and resize2fs do at the first start."""
    copy = tmp_path / "grown.ext4"
    shutil.copyfile(root, copy)
    told("resize2fs", copy, "20G")
    told("e2fsck", "-f", "-n", copy)


def test_a_namespace_decides_who_owns_the_files(tmp_path: Path) -> None:
    """mke2fs runs inside: here, where this user is root and nobody else is known."""
    if os.geteuid() != 0:
        pytest.skip("giving files away needs root")
    tree, raw = trees.system(tmp_path / "tree"), tmp_path / "raw.img"
    os.chown(tree / "usr/share/many/file 1 ä", 1001, 1002)

    def inside(argv: Sequence[str | Path]) -> list[str]:
        return ["unshare", "--user", "--map-root-user", "--", *map(str, argv)]

    if subprocess.run(inside(["true"]), check=False, capture_output=True).returncode:
        pytest.skip("no user namespace here")
    done = disk(tree, raw, inside=inside)
    out = trees.part(raw, done.plan.root.start, done.plan.root.size, tmp_path / "root.ext4")
    assert re.search(r"User: +65534 +Group: +65534 ", stat(out, "/usr/share/many/file 1 ä"))
    assert re.search(r"User: +0 +Group: +0 ", stat(out, "/etc/fstab"))


def test_capabilities_are_kept(tmp_path: Path) -> None:
    tree = trees.system(tmp_path / "tree")
    value = bytes.fromhex("0100000200200000000000000000000000000000")
    try:
        os.setxattr(tree / "usr/bin/tool", "security.capability", value)
    except OSError:
        pytest.skip("capabilities need root and a file system that stores them")
    raw = tmp_path / "raw.img"
    done = disk(tree, raw)
    out = trees.part(raw, done.plan.root.start, done.plan.root.size, tmp_path / "root.ext4")
    assert "security.capability (20)" in stat(out, "/usr/bin/tool")


def filled(tree: Path, kind: str) -> Path:
    """More than a disk of 160 MiB holds: in bytes, or in files."""
    if kind == "large":
        (tree / "usr/large").write_bytes(os.urandom(140 * MIB))
        return tree
    for number in range(12_000):
        folder = tree / f"usr/share/{number // 200}"
        folder.mkdir(exist_ok=True)
        (folder / str(number)).write_bytes(b"x")
    return tree


@pytest.mark.parametrize("kind", ["large", "many"])
def test_a_tree_too_large_says_how_much_it_needs(tmp_path: Path, kind: str) -> None:
    tree, raw = filled(trees.system(tmp_path / "tree"), kind), tmp_path / "raw.img"
    with pytest.raises(B2ctError, match=r"files need \d+ MiB in \d+ files") as failed:
        disk(tree, raw)
    assert not raw.exists()
    # What it asks for is enough.
    found = re.search(r"at least (\d+) MiB", failed.value.hint)
    assert found
    assert 160 < int(found[1]) < 300
    disk(tree, raw, layout=trees.layout(int(found[1])))


def test_a_tree_without_a_kernel_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "tree/etc").mkdir(parents=True)
    with pytest.raises(B2ctError, match="no kernel in /boot"):
        disk(tmp_path / "tree", tmp_path / "raw.img")
    assert list((tmp_path / "tree/etc").iterdir()) == []
    assert not (tmp_path / "raw.img").exists()


def test_links_do_not_lead_out_of_the_tree(tmp_path: Path) -> None:
    tree = trees.system(tmp_path / "tree")
    (tmp_path / "outside").mkdir()
    (tree / "boot/grub").symlink_to(tmp_path / "outside")
    with pytest.raises(B2ctError, match=r"cannot write /boot/grub/grub\.cfg of the image"):
        disk(tree, tmp_path / "raw.img")
    (tree / "boot/grub").unlink()
    (tree / "etc/fstab").unlink()
    (tmp_path / "fstab").write_text("/dev/sda1 / ext4 defaults 0 0\n")
    (tree / "etc/fstab").symlink_to(tmp_path / "fstab")
    disk(tree, tmp_path / "raw.img")
    assert (tmp_path / "fstab").read_text().startswith("/dev/sda1")
    assert list((tmp_path / "outside").iterdir()) == []


def test_no_room_for_the_raw_disk(small_disk: Path, tmp_path: Path) -> None:
    tree = trees.system(tmp_path / "tree")
    (tree / "usr/large").write_bytes(os.urandom(8 * MIB))
    with pytest.raises(B2ctError, match=r"no space left in .*small for the raw disk") as failed:
        disk(tree, small_disk / "raw.img")
    assert "--scratch" in failed.value.hint
    assert list(small_disk.iterdir()) == []


def test_a_failure_of_mke2fs_shows_what_it_said(tmp_path: Path) -> None:
    def inside(_argv: Sequence[str | Path]) -> list[str]:
        return ["sh", "-c", "echo mke2fs: something else is wrong >&2; exit 3"]

    with pytest.raises(CommandError, match="something else is wrong"):
        disk(trees.system(tmp_path / "tree"), tmp_path / "raw.img", inside=inside)
    assert not (tmp_path / "raw.img").exists()


def test_a_missing_tool_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("b2ct.firmware.grub.UEFI_FOLDERS", (tmp_path,))
    with pytest.raises(B2ctError, match="no GRUB for UEFI") as failed:
        disk(trees.system(tmp_path / "tree"), tmp_path / "raw.img")
    assert "grub-efi-amd64-bin" in failed.value.hint
    assert not (tmp_path / "raw.img").exists()
