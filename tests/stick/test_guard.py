"""Every reason against a device, on recorded machines: a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.stick import guard
from b2ct.stick.guard import Wish, reasons
from b2ct.stick.sources import Opener
from tests.stick.machines import MMC, NVME, SATA, USB, VIRTUAL, FakeMachine, usual


def codes(fake: FakeMachine, name: str, wish: Wish = Wish()) -> list[str]:  # noqa: B008
    machine = fake.machine()
    block = next(one for one in machine.blocks if one.name == name)
    return [one.code for one in reasons(machine, block, wish)]


def test_a_stick_that_is_not_in_use_may_be_written(tmp_path: Path) -> None:
    fake = usual(tmp_path)
    assert codes(fake, "sdb") == []
    assert fake.block("sdb").serial == "4C53"
    assert fake.block("sdb").transport == "usb"


def test_old_lsblk_with_nulls(tmp_path: Path) -> None:
    fake = usual(tmp_path, old_lsblk=True)
    assert codes(fake, "sdb") == []
    assert fake.block("sdb1").content.label == "OLD"


def root_on_stick(fake: FakeMachine) -> None:
    fake.mount("8:17", "/", "ext4", "/dev/root")


def boot_on_stick(fake: FakeMachine) -> None:
    fake.mount("8:17", "/boot", "vfat", "/dev/sdb1")


def mounted_whole(fake: FakeMachine) -> None:
    fake.mount("8:16", "/media/x\\040y", "vfat", "/dev/sdb")


def mounted_partition(fake: FakeMachine) -> None:
    fake.mount("8:17", "/media/x", "vfat", "/dev/sdb1")


def mounted_elsewhere(fake: FakeMachine) -> None:
    """In another mount namespace, a container's."""
    other = fake.roots.proc / "4711"
    (other / "ns").mkdir(parents=True)
    (other / "ns" / "mnt").symlink_to("mnt:[99]")
    (other / "mountinfo").write_text("9 1 8:17 / /data rw - ext4 /dev/sdb1 rw\n")


def swapped(fake: FakeMachine) -> None:
    fake.swaps.append("/dev/sdb1")


def lvm_root(fake: FakeMachine) -> None:
    fake.layer("dm-0", "253:0", ["sdb1"], alias="vg-root")
    fake.mount("253:0", "/", "xfs", "/dev/mapper/vg-root")


def crypt_on_lvm_swap(fake: FakeMachine) -> None:
    fake.layer("dm-0", "253:0", ["sdb1"], alias="vg-swap")
    fake.layer("dm-1", "253:1", ["dm-0"], alias="cryptswap")
    fake.swaps.append("/dev/mapper/cryptswap")


def raid_idle(fake: FakeMachine) -> None:
    fake.layer("md0", "9:0", ["sdb1"])


def btrfs_second_device(fake: FakeMachine) -> None:
    fake.mount("0:35", "/", "btrfs", "/dev/nvme0n1p2", "rw,subvol=/@")
    group = fake.roots.sys / "fs/btrfs/cafe/devices"
    group.mkdir(parents=True)
    for name in ("nvme0n1p2", "sdb1"):
        (group / name).symlink_to(fake.folders[name])


def bcachefs_pair(fake: FakeMachine) -> None:
    fake.mount("0:36", "/srv", "bcachefs", "/dev/nvme0n1p2:/dev/sdb1")


def live_stick(fake: FakeMachine) -> None:
    """A live system: the squashfs on the stick is behind a loop device, the stick unmounted."""
    fake.loop("loop0", "7:0", "/run/rootfsbase/squashfs.img (deleted)")
    (fake.folders["sdb1"] / "holders" / "loop0").symlink_to(fake.folders["loop0"])
    fake.mount("7:0", "/run/rootfsbase", "squashfs", "/dev/loop0")


def in_fstab(fake: FakeMachine) -> None:
    (fake.roots.etc / "fstab").write_text("# boot stick\nUUID=1234-ABCD /boot vfat noauto 0 0\n")


def locked(fake: FakeMachine) -> None:
    (fake.folders["sdb"] / "ro").write_text("1\n")


def empty_reader(fake: FakeMachine) -> None:
    (fake.folders["sdb"] / "size").write_text("0\n")


def usb_disk(fake: FakeMachine) -> None:
    (fake.folders["sdb"] / "removable").write_text("0\n")


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (root_on_stick, "system", "holds the running system"),
        (boot_on_stick, "system", "is mounted at /boot"),
        (mounted_whole, "mounted", "/media/x y"),
        (mounted_partition, "mounted", "/dev/sdb1 is mounted at /media/x"),
        (mounted_elsewhere, "mounted", "/data"),
        (swapped, "swap", "/dev/sdb1 is swapped to"),
        (lvm_root, "system", "through vg-root"),
        (crypt_on_lvm_swap, "swap", "through vg-swap, cryptswap"),
        (raid_idle, "held", "in use by md0"),
        (btrfs_second_device, "system", "/dev/sdb1 is mounted at /"),
        (bcachefs_pair, "system", "is mounted at /srv"),
        (live_stick, "system", "/run/rootfsbase"),
        (in_fstab, "fstab", "/boot by /etc/fstab"),
        (locked, "read-only", "write-protected"),
        (empty_reader, "no-medium", "no medium"),
        (usb_disk, "fixed", "not a removable device"),
    ],
)
def test_reasons_against_a_stick(
    tmp_path: Path, change: Callable[[FakeMachine], None], code: str, words: str
) -> None:
    fake = usual(tmp_path)
    change(fake)
    machine = fake.machine()
    block = next(one for one in machine.blocks if one.name == "sdb")
    found = reasons(machine, block)
    assert found[0].code == code
    assert words in found[0].text
    assert all(one.hint for one in found)
    with pytest.raises(B2ctError, match="refused"):
        guard.refuse(found)


@pytest.mark.parametrize("serial", ["4C53", "wrong", ""])
@pytest.mark.parametrize("change", [root_on_stick, mounted_partition, swapped, raid_idle, locked])
def test_force_fixed_waives_nothing_else(
    tmp_path: Path, change: Callable[[FakeMachine], None], serial: str
) -> None:
    fake = usual(tmp_path)
    change(fake)
    assert codes(fake, "sdb", Wish(force_fixed=serial))


def test_force_fixed_must_name_the_serial(tmp_path: Path) -> None:
    fake = usual(tmp_path)
    fake.disk("sda", "8:0", SATA, serial="WD-123")
    assert codes(fake, "sda") == ["fixed"]
    assert codes(fake, "sda", Wish(force_fixed="WD-12")) == ["fixed"]
    assert codes(fake, "sda", Wish(force_fixed="")) == ["fixed"]
    assert codes(fake, "sda", Wish(force_fixed="WD-123")) == []


def test_a_device_without_serial_cannot_be_forced(tmp_path: Path) -> None:
    fake = usual(tmp_path)
    fake.disk("sda", "8:0", SATA)
    assert codes(fake, "sda", Wish(force_fixed="")) == ["fixed"]


def test_an_internal_disk_on_a_hot_plug_port_is_not_removable(tmp_path: Path) -> None:
    """libata sets the removable flag there."""
    fake = usual(tmp_path)
    fake.disk("sda", "8:0", SATA, removable=True, serial="WD-123")
    assert codes(fake, "sda") == ["fixed"]


def test_sd_card_is_a_stick_and_emmc_is_not(tmp_path: Path) -> None:
    fake = usual(tmp_path)
    fake.disk("mmcblk0", "179:0", MMC, serial="0x1")
    fake.disk("mmcblk1", "179:8", MMC.replace("mmc0", "mmc1"), serial="0x2", card="MMC")
    assert codes(fake, "mmcblk0") == []
    assert codes(fake, "mmcblk1") == ["fixed"]


@pytest.mark.parametrize(
    ("signature", "code"),
    [
        ("LVM2_member", "member"),
        ("linux_raid_member", "member"),
        ("isw_raid_member", "member"),
        ("zfs_member", "member"),
        ("bcache", "member"),
        ("ceph_bluestore", "member"),
        ("swap", "swap"),
        ("swsuspend", "swap"),
    ],
)
def test_signatures_of_members(tmp_path: Path, signature: str, code: str) -> None:
    fake = usual(tmp_path)
    fake.partition("sdb", 2, "8:18", fstype=signature)
    assert codes(fake, "sdb") == [code]
    assert codes(fake, "sdb", Wish(force_fixed="4C53")) == [code]


@pytest.mark.parametrize("signature", ["vfat", "exfat", "ntfs", "ext4", "btrfs", "iso9660", "gpt"])
def test_ordinary_contents_are_no_reason(tmp_path: Path, signature: str) -> None:
    fake = usual(tmp_path)
    fake.partition("sdb", 2, "8:18", fstype=signature)
    assert codes(fake, "sdb") == []


def test_shapes_that_are_never_a_stick(tmp_path: Path) -> None:
    fake = usual(tmp_path)
    fake.disk("sr0", "11:0", SATA.replace("ata1", "ata2"), removable=True)
    fake.disk("zram0", "251:0", VIRTUAL)
    fake.layer("dm-0", "253:0", [], alias="vg-data")
    fake.loop("loop7", "7:7", "")
    assert codes(fake, "sdb1") == ["partition"]
    assert codes(fake, "nvme0n1p2") == ["partition"]
    assert codes(fake, "sr0") == ["optical"]
    assert codes(fake, "zram0") == ["virtual"]
    assert codes(fake, "dm-0") == ["virtual"]
    assert codes(fake, "loop7") == ["no-medium"]


def test_the_system_disk_of_the_usual_machine(tmp_path: Path) -> None:
    fake = usual(tmp_path)
    for wish in (Wish(), Wish(force_fixed="S5GX"), Wish(practice_file=True)):
        assert codes(fake, "nvme0n1", wish)[0] == "system"


def test_loop_devices(tmp_path: Path) -> None:
    fake = usual(tmp_path)
    plain = tmp_path / "stick.img"
    plain.write_bytes(b"")
    fake.loop("loop0", "7:0", str(plain))
    assert codes(fake, "loop0") == []
    fake.loop("loop1", "7:1", f"{tmp_path}/gone.img (deleted)")
    assert codes(fake, "loop1") == ["loop"]
    fake.loop("loop2", "7:2", str(plain))
    assert codes(fake, "loop0") == ["held"]
    assert codes(fake, "loop2") == ["held"]


def test_a_loop_device_is_as_free_as_the_file_behind_it(tmp_path: Path) -> None:
    """Whatever speaks against the plain file speaks against the loop device over it."""
    fake = usual(tmp_path)
    plain = tmp_path / "stick.img"
    plain.write_bytes(bytes(1 << 20))
    fake.loop("loop0", "7:0", str(plain))
    machine, status = fake.machine(), plain.stat()
    file = (status.st_dev, status.st_ino)
    block = next(one for one in machine.blocks if one.name == "loop0")
    assert block.file == file
    for changed, wish, code in (
        (machine, Wish(image=file), "image"),
        (replace(machine, writers=(Opener(42, "qemu", "", file),)), Wish(), "busy"),
        (replace(machine, swap_files=(file,)), Wish(), "swap"),
    ):
        assert [one.code for one in reasons(changed, block, wish)] == [code]
        of_file = guard.file_reasons(changed, plain, status, wish)
        assert {one.code for one in of_file} == {code, "held"}


def test_another_writer(tmp_path: Path) -> None:
    machine = usual(tmp_path).machine()
    block = next(one for one in machine.blocks if one.name == "sdb")
    busy = replace(machine, writers=(Opener(42, "dd", "8:17", (5, 6)),))
    assert [one.code for one in reasons(busy, block)] == ["busy"]


def test_several_sticks_are_told_apart(tmp_path: Path) -> None:
    fake = usual(tmp_path)
    fake.disk("sdc", "8:32", USB.replace("1-2", "1-3"), removable=True, serial="OTHER")
    fake.mount("8:32", "/media/c", "vfat", "/dev/sdc")
    assert codes(fake, "sdb") == []
    assert codes(fake, "sdc") == ["mounted"]
    assert fake.block("sdc").serial == "OTHER"


def test_nvme_is_fixed(tmp_path: Path) -> None:
    fake = usual(tmp_path)
    fake.disk("nvme1n1", "259:8", NVME.replace("nvme0", "nvme1"), serial="X")
    assert codes(fake, "nvme1n1") == ["fixed"]
