"""Of every node: its disks and file systems: are they sound, and is there room?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from b2ct.validate import expect
from b2ct.validate.check import Severity, check, fail, not_applicable
from b2ct.validate.facts import about, room

if TYPE_CHECKING:
    from testinfra.host import Host

WARNING = Severity.WARNING
FULL, NEARLY = 0.95, 0.85


@check(
    proves="the system's file systems have room",
    why="logs, databases and updates fail on a full disk, often without a word",
    remedy="by hand: `ssh {user}@{address} 'du -xh --max-depth=2 / | sort -h | tail'` shows "
    "what fills it: delete what nobody needs",
)
def test_system_disk_has_room(host: Host) -> None:
    sizes, inodes = room.local(host)
    for one in sizes:
        if one.used >= FULL and one.place not in (expect.SPOOL, expect.DATASTORES):
            fail(f"{one.place} is full: {one.used:.0%} used, {one.free // 1024} MiB left")
    for one in inodes:
        if one.used >= FULL and one.place != expect.DATASTORES:
            fail(f"{one.place} has no room for files: {one.used:.0%} of the inodes are used")


@check(
    proves="the system's file systems will have room for some time",
    why="there is time now to tidy up",
    remedy="by hand: `ssh {user}@{address} 'du -xh --max-depth=2 / | sort -h | tail'` shows "
    "what fills it: delete what nobody needs",
    severity=WARNING,
)
def test_system_disk_stays_roomy(host: Host) -> None:
    sizes, _ = room.local(host)
    for one in sizes:
        if NEARLY <= one.used < FULL and one.place not in (expect.SPOOL, expect.DATASTORES):
            fail(f"{one.place} fills up: {one.used:.0%} used, {one.free // 1024} MiB left")


@check(
    proves="no file system was switched to read-only",
    why="Linux does that when a disk fails; everything seems to run for a while",
    remedy="by hand: `ssh {user}@{address} dmesg` says why: replace a disk that fails; else "
    "`mount -o remount,rw` and the folder's name",
)
def test_file_systems_are_writable(host: Host) -> None:
    kinds = {"ext4", "ext3", "xfs", "vfat", "nfs", "nfs4", "btrfs", "overlay", "tmpfs"}
    said = about.of(host)
    # What somebody wants read-only, and what is so by its nature: the kernel's own, credentials.
    rows = [line.split() for line in said.lines("fstab")]
    meant = {row[1] for row in rows if len(row) > 3 and "ro" in row[3].split(",")}
    last = {mount.place: mount for mount in said.mounts}
    bad = [
        place
        for place, mount in last.items()
        if mount.kind in kinds
        and "ro" in mount.options
        and place not in meant
        and not place.startswith(("/run", "/sys", "/proc", "/dev", "/var/lib/containers"))
    ]
    assert not bad, f"read-only: {', '.join(bad)}"


@check(
    proves="the kernel reports no errors of disks",
    why="a disk that begins to fail says so before it fails",
    remedy="by hand: replace the disk that the message names; smartctl -a (package "
    "smartmontools) says how it is",
)
def test_disks_report_no_errors(host: Host) -> None:
    lines = about.of(host).lines("kernel-errors")
    if lines:
        fail(f"the kernel says: {lines[-1].partition('] ')[2][:150] or lines[-1][:150]}")


@check(
    proves="software RAID arrays are whole",
    why="the next disk that fails takes the data with it",
    remedy="by hand: `ssh {user}@{address} cat /proc/mdstat` shows what is missing: replace "
    "that disk, and `mdadm --add` the new one",
)
def test_raid_is_whole(host: Host) -> None:
    text = about.of(host)["raid"]
    states = re.findall(r"^(md\S*) : .*\n.*\[([U_]+)\]", text, re.M)
    if not states:
        not_applicable("the machine has no software RAID")
    broken = [name for name, members in states if "_" in members]
    assert not broken, f"a disk is missing in: {', '.join(broken)}"
