"""What %pre makes of disks: which it offers, what is on them, how they are divided."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.kickstart import sites
from tests.kickstart.machine import Machine, Part
from tests.kickstart.test_pre import hypervisor, machine, run

SHOW = 'printf "%s|" "${DISKS[@]}" "${HIDDEN[@]}"'


def disk_of(made: Machine, **disk: Any) -> str:
    words = (disk.get(k, "") for k in ("serial", "wwn", "path", "model", "least", "most"))
    quoted = " ".join(shlex.quote(str(word)) for word in words)
    return made.shell(f'for d in "${{DISKS[@]}}"; do fits "$d" {quoted} && printf "%s " "$d"; done')


def test_the_disk_by_any_of_its_names(tmp_path: Path) -> None:
    made = machine(tmp_path)
    path = "/dev/disk/by-path/pci-0000:00:1f.2-ata-1"
    made.disk("sda", 500, serial="S1", model="ACME SSD 870", ID_WWN="0x5000c500a1b2c3d4")
    made.disk("sdb", 2000, serial="S2", model="ACME SSD 870", DEVLINKS=f"/dev/x {path} /dev/y")
    made.disk("nvme0n1", 1000, model="Fast")
    made.write("sys/block/nvme0n1/device/serial", "S3  ")
    assert disk_of(made, serial="s1") == "sda "
    assert disk_of(made, serial="S3") == "nvme0n1 "
    assert disk_of(made, wwn="naa.5000C500A1B2C3D4") == "sda "
    assert disk_of(made, path=path) == "sdb "
    assert disk_of(made, path=path[:-1]) == ""
    assert disk_of(made, model="acme_ssd  870") == "sda sdb "
    assert disk_of(made, model="ACME SSD 870", least=1000 * 2**30) == "sdb "
    assert disk_of(made, least=600 * 2**30, most=1500 * 2**30) == "nvme0n1 "
    assert disk_of(made, serial="S1", model="Fast") == ""


def test_a_usb_disk_is_taken_only_when_it_is_named(tmp_path: Path) -> None:
    made = machine(tmp_path)
    made.disk("sda", 500, serial="S1", model="ACME", usb=True)
    assert disk_of(made, model="ACME") == ""
    assert disk_of(made, serial="S1") == "sda "


@pytest.mark.parametrize(
    ("cmdline", "mounts"),
    [
        ("inst.stage2=hd:LABEL=B2CT", ""),
        (r"inst.ks=hd:LABEL=B2\x20CT:/ks/auto.ks", ""),
        ("ks=hd:sdb1:/ks/auto.ks", ""),
        ("inst.repo=hd:/dev/sdb1:/", ""),
        ("inst.repo=hd:/dev/disk/by-path/pci-0000:00:14.0-usb-0:1:1.0-part1:/el9.iso", ""),
        ("root=live:CDLABEL=B2CT", ""),
        ("quiet", "/dev/sdb1 /run/install/repo vfat ro 0 0"),
        ("quiet", "/dev/sdb /run/initramfs/live iso9660 ro 0 0"),
    ],
)
def test_the_medium_is_never_offered(tmp_path: Path, cmdline: str, mounts: str) -> None:
    made = machine(tmp_path)
    made.disk("sda", 500)
    made.disk("sdb", 16, Part(1, 8000, "vfat", "B2 CT" if "x20" in cmdline else "B2CT"))
    made.link("disk/by-path/pci-0000:00:14.0-usb-0:1:1.0-part1", "sdb1")
    made.write("proc/cmdline", cmdline)
    made.write("proc/mounts", mounts)
    assert made.shell(SHOW) == ("sda|sdb: the installation medium|")


def test_what_else_is_not_offered(tmp_path: Path) -> None:
    made = machine(tmp_path)
    made.disk("sda", 500)
    made.disk("sdb", 500)
    made.disk("sdc", 9000, Part(1, 100))
    made.disk("sr0", 4)
    made.disk("loop0", 1)
    made.disk("sdd", 0)
    made.write("sys/block/sdb/ro", "1")
    made.write("pvs", "  /dev/sdc1  vg-one-100\n  /dev/sda vg_old")
    assert made.shell(SHOW) == (
        "sda|sdb: read-only|sdc: holds OpenNebula's shared storage (vg-one-100)|"
    )
    assert made.shell("contents sda") == "LVM volume group vg_old\n"


def test_what_is_on_a_disk(tmp_path: Path) -> None:
    made = machine(tmp_path)
    made.disk("sda", 500, Part(1, 512, "vfat", "EFI"), Part(2, 20480, "ext4", "home"), Part(3, 64))
    made.disk("sdb", 500)
    assert made.shell("contents sda").splitlines() == [
        "sda1, 512 MiB, vfat, labelled 'EFI'",
        "sda2, 20 GiB, ext4, labelled 'home'",
        "sda3, 64 MiB",
    ]
    assert made.shell("contents sdb; has_data sdb || echo empty") == "empty\n"
    image = made.root / "dev/sdb"
    subprocess.run(["sgdisk", "-o", image], check=True, capture_output=True)
    assert made.shell("contents sdb; has_data sdb || echo empty") == (
        "an empty partition table (gpt)\nempty\n"
    )


def test_a_disk_that_cannot_be_read_is_not_taken_for_empty(tmp_path: Path) -> None:
    made = machine(tmp_path)
    made.disk("sda", 500)
    (made.root / "dev/sda").unlink()
    assert made.shell(SHOW) == "sda: cannot be read|"


def test_a_disk_that_never_answers_is_not_waited_for(tmp_path: Path) -> None:
    """Reading it blocks, as of a map whose last path has gone; the others are offered."""
    made = machine(tmp_path)
    made.extra_environment["B2CT_PATIENCE"] = "0.2"
    made.disk("sda", 500)
    made.disk("sdb", 500)
    (made.root / "dev/sda").unlink()
    os.mkfifo(made.root / "dev/sda")
    assert made.shell(SHOW) == "sdb|sda: cannot be read|"


@pytest.mark.parametrize(
    ("blkid", "told"),
    [("exit 8", "sda, several kinds of data at once"), ("exit 127", "sda, xfs, labelled 'old'")],
)
def test_data_is_seen_where_blkid_does_not_say(tmp_path: Path, blkid: str, told: str) -> None:
    """Two signatures at once; and an installer without blkid, where udev has looked."""
    made = machine(tmp_path)
    made.disk("sda", 500, ID_FS_TYPE="xfs", ID_FS_LABEL="old")
    tool = made.root / "bin/blkid"
    tool.write_text(f"#!/bin/bash\n{blkid}\n")
    tool.chmod(0o755)
    assert made.shell("contents sda; has_data sda && echo data") == f"{told}\ndata\n"


def plan(made: Machine, gib: int, role: str = "control") -> str:
    made.write("sys/block/sda/size", str(gib * 2**21))
    told = '"$PLAN_ROOT $PLAN_SWAP $PLAN_SQUID $PLAN_DATASTORE $PLAN_GROW|$PLAN_NOTES|$PLAN_ERROR"'
    return made.shell(f"SYSTEM=(sda); plan_disks {role} name; echo {told}").strip()


def test_the_layout_follows_the_size_of_the_disk(tmp_path: Path) -> None:
    made = machine(tmp_path)
    made.disk("sda", 500)
    assert plan(made, 500) == "40960 4096 61440 128000 1||"
    assert plan(made, 500, "hypervisor") == "40960 4096 0 128000 1||"
    assert plan(made, 100) == (
        "40960 4096 29992 25600 1|the disk is small, so: root 40 GiB, swap 4096 MiB, squid 29 GiB,"
        " datastores 25 GiB|"
    )
    for gib in (20, 24, 32, 60, 90, 116, 117, 118):
        words = plan(made, gib).split("|")[0].split()
        total = sum(map(int, words[:4])) + 1024 + 600
        assert total <= gib * 1024, gib
    assert "sda has 8192 MiB, and a control machine needs at least" in plan(made, 8)


@pytest.mark.parametrize(
    ("storage", "role", "expected"),
    [
        ({"type": "nfs", "server": "nfs.example.org", "export": "/one"}, "control", "0 0"),
        ({"type": "lvm"}, "hypervisor", "16384 0"),
        ({"type": "lvm"}, "control", "128000 1"),
        ({"type": "ssh"}, "hypervisor", "128000 1"),
    ],
)
def test_who_keeps_images_has_the_rest_of_the_disk(
    tmp_path: Path, storage: dict[str, str], role: str, expected: str
) -> None:
    made = machine(tmp_path, sites.full(storage=storage))
    made.disk("sda", 500)
    assert plan(made, 500, role).split("|")[0].endswith(f" {expected}")


def test_a_datastore_of_the_size_that_the_site_says(tmp_path: Path) -> None:
    made = hypervisor(tmp_path, sites.full(disk_layout={"datastore": "100 GiB"}))
    run(made)
    assert "--name=datastores --fstype=xfs --size=102400\n" in made.written("storage.ks")


def test_firmware_of_releases_without_reqpart(tmp_path: Path) -> None:
    made = hypervisor(tmp_path, sites.full("el6"))
    run(made)
    assert "/boot/efi" not in made.written("storage.ks")
    assert "--driveorder=sda" in made.written("storage.ks")
    (made.root / "sys/firmware/efi").mkdir(parents=True)
    run(made)
    assert "part /boot/efi --fstype=efi --size=600 --ondisk=sda\n" in made.written("storage.ks")


def test_el6_under_bios_refuses_what_it_cannot_start_from(tmp_path: Path) -> None:
    made = machine(tmp_path, sites.full("el6"))
    made.disk("sda", 3000)
    assert "starts from at most 2048 GiB under BIOS" in plan(made, 3000)
    made = machine(tmp_path / "b", sites.full("el7"))
    made.disk("sda", 3000)
    assert plan(made, 3000).endswith("||")


def test_the_serial_console_goes_on(tmp_path: Path) -> None:
    made = hypervisor(tmp_path, sites.full(installer={"serial_console": "ttyS1,115200"}))
    run(made)
    assert '--append="console=tty0 console=ttyS1,115200"' in made.written("storage.ks")


@pytest.mark.parametrize(
    ("pvs", "question"), [("  /dev/sdb1 b2ct", "disk"), ("  /dev/sda1 b2ct", ""), ("", "")]
)
def test_two_volume_groups_of_our_name_are_refused(tmp_path: Path, pvs: str, question: str) -> None:
    made = hypervisor(tmp_path)
    made.disk("sdb", 500, Part(1, 100))
    made.write("pvs", pvs)
    assert made.shell('derive || printf %s "$NEXT"') == question


def test_disks_with_a_folder_in_their_name(tmp_path: Path) -> None:
    made = hypervisor(tmp_path)
    (made.root / "dev/cciss").mkdir()
    made.write("sys/block/cciss!c0d0/size", str(500 * 2**21))
    made.write("sys/block/cciss!c0d0/cciss!c0d0p1/partition", "1")
    made.write("dev/cciss/c0d0", "")
    assert made.shell('printf "%s " "${DISKS[@]}"') == "cciss!c0d0 sda "
    made.shell('KEYBOARD=us; SYSTEM=("cciss!c0d0"); plan_disks control one; write_storage')
    assert "ignoredisk --only-use=cciss/c0d0\n" in made.written("storage.ks")
    made.write("proc/mounts", "/dev/cciss/c0d0p1 /run/install/repo vfat ro 0 0")
    assert made.shell('printf "%s " "${DISKS[@]}"') == "sda "


# ---------------------------------------------------------------- the medium


def started_from_a_stick(root: Path) -> Machine:
    """An internal disk, and a stick with one partition for many ISO files."""
    made = hypervisor(root)
    made.disk("sdb", 58, Part(1, 57000, "vfat", "MULTIBOOT"), serial="STICK", usb=True)
    made.write("proc/cmdline", "quiet")
    return made


@pytest.mark.parametrize(
    "mounts",
    [
        # iso-scan/filename= of GRUB's loopback keys, and inst.repo=hd:LABEL=MULTIBOOT:/el9.iso
        "/dev/sdb1 /run/initramfs/isoscan vfat ro 0 0\n/dev/loop0 /run/install/repo iso9660 ro 0 0",
        "/dev/sdb1 /run/install/isodir vfat ro 0 0\n/dev/loop0 /run/install/repo iso9660 ro 0 0",
        "/dev/sdb1 /mnt/some\\040where\\040else vfat ro 0 0",
    ],
)
def test_a_stick_with_iso_files_is_never_offered(tmp_path: Path, mounts: str) -> None:
    made = started_from_a_stick(tmp_path)
    made.write("proc/mounts", mounts)
    assert made.shell(SHOW) == "sda|sdb: the installation medium|"


@pytest.mark.parametrize("mounted", [True, False])
def test_the_stick_below_ventoys_map_is_never_offered(tmp_path: Path, mounted: bool) -> None:
    """/dev/mapper/ventoy is a linear map on the stick; rd.live.ram lets go of what it mounted."""
    made = started_from_a_stick(tmp_path)
    made.disk("dm-0", 1)
    made.write("sys/block/dm-0/dm/name", "ventoy")
    made.write("sys/block/dm-0/slaves/sdb1/partition", "1")
    made.link("mapper/ventoy", "dm-0")
    if mounted:
        made.write("proc/mounts", "/dev/mapper/ventoy /run/install/repo iso9660 ro 0 0")
    assert made.shell(SHOW) == "sda|sdb: the installation medium|"


def test_what_a_loop_device_reads_is_never_offered(tmp_path: Path) -> None:
    """Two loop devices on each other, as live media nest their images."""
    made = started_from_a_stick(tmp_path)
    made.disk("loop0", 1)
    made.disk("loop1", 1)
    made.write("sys/block/loop0/loop/backing_file", "/run/initramfs/isoscan/a b/el9.iso")
    made.write("sys/block/loop1/loop/backing_file", "/run/install/repo/images/install.img")
    made.disk("dm-0", 1)
    made.write("sys/block/dm-0/slaves/loop1/size", "1")
    made.link("mapper/live-rw", "dm-0")
    made.write(
        "proc/mounts",
        "/dev/sdb1 /run/initramfs/isoscan vfat ro 0 0\n"
        "/dev/loop0 /run/install/repo iso9660 ro 0 0\n"
        "/dev/mapper/live-rw / ext4 rw 0 0",
    )
    told = made.shell('for d in $(below dm-0); do printf "%s " $d; done; ' + SHOW)
    assert told == "dm-0 loop1 loop0 sdb sda|sdb: the installation medium|"


def test_a_loop_device_on_its_own_mount_ends(tmp_path: Path) -> None:
    made = started_from_a_stick(tmp_path)
    made.disk("loop0", 1)
    made.write("sys/block/loop0/loop/backing_file", "/run/install/repo/images/install.img")
    made.write("proc/mounts", "/dev/loop0 /run/install/repo iso9660 ro 0 0")
    assert made.shell(SHOW) == "sda|sdb|"


# ---------------------------------------------------------------- what is on it


@pytest.mark.parametrize("at", [0, 700, 500 * 2**30 - 1])
def test_data_that_nobody_knows_is_data(tmp_path: Path, at: int) -> None:
    """An encrypted disk, a database on the bare device: libblkid finds nothing there."""
    described = {"name": "hv01", "role": "hypervisor", "disk": {"min_size": "100 GiB"}}
    site = sites.full(nodes=[{"name": "one", "role": "control"}, described])
    made = hypervisor(tmp_path, site, roles=[], node="hv01")
    told = "contents sda; has_data sda && echo data || echo empty"
    assert made.shell(told) == "empty\n"
    with (made.root / "dev/sda").open("r+b") as file:
        file.seek(at)
        file.write(b"\n")
    assert made.shell(told) == (
        "data of an unknown kind: its first and last MiB are not all zero\ndata\n"
    )


def test_a_disk_that_cannot_be_read_to_its_end_is_not_empty(tmp_path: Path) -> None:
    made = hypervisor(tmp_path)
    tool = made.root / "bin/dd"
    tool.write_text('#!/bin/bash\n[[ "$*" = *skip=0* ]] && exec /bin/dd "$@"\nexit 1\n')
    tool.chmod(0o755)
    assert made.shell("has_data sda && echo data") == "data\n"


@pytest.mark.parametrize(
    ("bus", "fits"), [("ata", True), ("scsi", True), ("usb", False), ("", False)]
)
def test_a_disk_in_a_hot_plug_bay_is_a_disk(tmp_path: Path, bus: str, fits: bool) -> None:
    made = machine(tmp_path)
    made.disk("sda", 500, model="INTEL SSD", ID_BUS=bus)
    made.write("sys/block/sda/removable", "1")
    assert disk_of(made, model="INTEL SSD") == ("sda " if fits else "")
    assert ("removable or USB" in made.shell("disk_line sda")) is not fits


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
@pytest.mark.parametrize("release", sites.RELEASES)
def test_no_bios_starts_from_a_4kn_disk(tmp_path: Path, release: str, firmware: str) -> None:
    made = hypervisor(tmp_path, sites.full(release))
    made.write("sys/block/sda/queue/logical_block_size", "4096")
    if firmware == "uefi":
        (made.root / "sys/firmware/efi").mkdir(parents=True)
    told = made.shell('derive || printf "%s: %s" "$NEXT" "$NOTE"')
    if firmware == "uefi":
        assert told == ""
    else:
        assert told == (
            "disk: The disk that site.yaml describes cannot be taken: sda has sectors of 4096 bytes"
            " (4Kn), and no BIOS starts from such a disk: switch the firmware to UEFI or take"
            " another disk."
        )


# ---------------------------------------------------------------- several paths, firmware RAID

LUN: dict[str, Any] = {"serial": "DISK-1", "model": "VNX LUN", "ID_WWN": "0x6006016012345678"}


def with_paths(root: Path, *, mapped: bool = True) -> Machine:
    """A LUN by two paths; beside it a disk of the machine's own."""
    made = machine(root)
    made.card("eno1", sites.HV_MAC)
    made.card("eno2", sites.HV_MAC2)
    for disk in ("sda", "sdb"):
        made.disk(disk, 500, **LUN, ID_FS_TYPE="mpath_member" if mapped else "")
    made.disk("sdc", 500, serial="OWN", ID_WWN="0x5000c500a1b2c3d4")
    if mapped:
        made.array("dm-0", 500, "sda", "sdb", DM_NAME="mpatha", DM_WWN=LUN["ID_WWN"])
        made.write("sys/block/dm-0/dm/uuid", "mpath-36006016012345678")
        made.write("sys/block/dm-0/dm/name", "mpatha")
    return made


def test_of_a_disk_with_several_paths_the_map_is_offered(tmp_path: Path) -> None:
    made = with_paths(tmp_path)
    hidden = "sda: belongs to mpatha (multipath)|sdb: belongs to mpatha (multipath)|"
    assert made.shell(SHOW) == f"dm-0|sdc|{hidden}"
    assert made.shell("disk_line dm-0") == "mpatha: 500 GiB, VNX LUN, serial DISK-1, multipath"


def test_the_kickstart_names_the_map_in_all_four_places(tmp_path: Path) -> None:
    """What Anaconda of el9 and el10 took; a member anywhere ended in `No usable disks`."""
    made = with_paths(tmp_path)
    run(made)
    assert made.asked() == []
    lines = made.written("storage.ks").splitlines()
    assert [line for line in lines if "mpatha" in line] == [
        "ignoredisk --only-use=mpatha",
        "clearpart --all --initlabel --drives=mpatha",
        "bootloader --location=mbr --boot-drive=mpatha",
        "part /boot --fstype=ext4 --size=1024 --ondisk=mpatha",
        "part pv.01 --size=1 --grow --ondisk=mpatha",
    ]
    assert not [line for line in lines if "sda" in line or "sdb" in line or "dm-0" in line]


def test_a_member_is_not_taken_even_if_an_answer_names_it(tmp_path: Path) -> None:
    """The dialogue is a process of its own, and disks come and go between."""
    made = with_paths(tmp_path)
    told = made.shell('ANSWERS[disk]=sda; derive || printf "%s: %s" "$NEXT" "$NOTE"')
    assert told == "disk: sda is not there, or not offered."


def test_what_is_on_a_map(tmp_path: Path) -> None:
    """Its partitions are maps again; LVM calls them by their names below /dev/mapper."""
    made = with_paths(tmp_path)
    made.array("dm-1", 1, "dm-0")
    made.write("sys/block/dm-1/dm/uuid", "part1-mpath-36006016012345678")
    made.link("mapper/mpatha1", "dm-1")
    made.write("pvs", "  /dev/mapper/mpatha1 old")
    assert made.shell("contents dm-0") == "dm-1, 1024 MiB\nLVM volume group old\n"
    made.write("proc/mounts", "/dev/mapper/mpatha1 /run/install/repo vfat ro 0 0")
    assert made.shell('echo "${DISKS[*]}"') == "sdc\n"


def test_two_paths_without_a_map_are_not_offered(tmp_path: Path) -> None:
    """Without multipathd Anaconda installs onto one path, and says nothing."""
    made = with_paths(tmp_path, mapped=False)
    assert made.shell(SHOW) == (
        "sdc|sda: the same disk as sdb by another path, and no multipath is running|"
        "sdb: the same disk as sda by another path, and no multipath is running|"
    )


def test_disks_of_one_placeholder_serial_are_no_twins(tmp_path: Path) -> None:
    made = machine(tmp_path)
    for disk in ("sda", "sdb"):
        made.disk(disk, 500, serial="0123456789", ID_WWN="0x5000000000000000")
    assert made.shell(SHOW) == "sda|sdb|"


def test_namespaces_of_one_nvme_controller_are_no_twins(tmp_path: Path) -> None:
    """They share the serial number; the kernel itself hides the path below one of them."""
    made = machine(tmp_path)
    made.disk("nvme0n1", 500, serial="S1", ID_WWN="eui.0025385b71b00001")
    made.disk("nvme0n2", 500, serial="S1", ID_WWN="eui.0025385b71b00002")
    made.disk("nvme0c0n1", 500)
    made.write("sys/block/nvme0c0n1/hidden", "1")
    assert made.shell(SHOW) == "nvme0n1|nvme0n2|"


def test_of_a_firmware_raid_the_array_is_offered(tmp_path: Path) -> None:
    """Intel's: a container without a size, and in it the volume."""
    made = machine(tmp_path)
    for disk in ("sda", "sdb"):
        made.disk(disk, 500, serial=f"S-{disk}", ID_FS_TYPE="isw_raid_member")
    made.array("md127", 0, "sda", "sdb")
    made.write("sys/block/md127/md/metadata_version", "external:imsm")
    made.array("md126", 490, "sda", "sdb", MD_DEVNAME="Volume0")
    made.write("sys/block/md126/md/metadata_version", "external:/md127/0")
    hidden = "belongs to Volume0 (firmware RAID)"
    assert made.shell(SHOW) == f"md126|sda: {hidden}|sdb: {hidden}|"
    assert disk_of(made, serial="S-sda") == "md126 "
    made.shell("KEYBOARD=us; SYSTEM=(md126); plan_disks control one; write_storage")
    assert "--ondisk=Volume0" in made.written("storage.ks")


def test_members_of_arrays_that_did_not_start_are_not_offered(tmp_path: Path) -> None:
    made = machine(tmp_path)
    made.disk("sda", 500, ID_FS_TYPE="isw_raid_member")
    made.disk("sdb", 500, ID_FS_TYPE="mpath_member")
    made.disk("sdc", 500, ID_FS_TYPE="linux_raid_member")
    made.disk("sdd", 500, ID_PATH="ip-10.0.0.5:3260-iscsi-iqn.2001-05.org.example:x-lun-0")
    (made.root / "sys/firmware/ibft").mkdir(parents=True)
    shown = made.shell(SHOW).split("|")
    assert shown[0] == "sdc", "an array of Linux is taken apart"
    assert "firmware RAID that has not started (isw_raid_member)" in shown[1]
    assert "a path of a multipath disk whose map is not there" in shown[2]
    assert shown[3] == "sdd: reached by iSCSI: B2CT does not install on iSCSI or FCoE disks"
    assert shown[4].startswith("the iSCSI disk that the firmware names: B2CT does not install")


@pytest.mark.parametrize(
    "wwn",
    [
        "0x5000c500a1b2c3d4",
        "5000C500A1B2C3D4",
        "naa.5000c500a1b2c3d4",
        "wwn-0x5000c500a1b2c3d4",
        "/dev/disk/by-id/wwn-0x5000c500a1b2c3d4",
        "35000c500a1b2c3d4",
        "scsi-35000c500a1b2c3d4",
        "dm-uuid-mpath-35000c500a1b2c3d4",
    ],
)
def test_every_spelling_of_a_world_wide_name(tmp_path: Path, wwn: str) -> None:
    made = machine(tmp_path)
    made.disk("sda", 500, ID_WWN="0x5000c500a1b2c3d4")
    made.disk("sdb", 500, ID_WWN="0x5000c500a1b2c3d5")
    assert disk_of(made, wwn=wwn) == "sda "


def test_the_world_wide_name_of_an_nvme_disk(tmp_path: Path) -> None:
    made = machine(tmp_path)
    made.disk("nvme0n1", 500, ID_WWN="eui.0025385b71b00001")
    assert disk_of(made, wwn="nvme-eui.0025385B71B00001") == "nvme0n1 "
    assert disk_of(made, wwn="eui.") == ""
