"""The root file system, made by mke2fs(8) from the tree, at its place in the disk.

Every choice is stated: mke2fs.conf of this host has no say, so that two hosts make the same image.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.core.run import CommandError, Completed, run
from b2ct.image.disk import times
from b2ct.image.disk.partitions import BLOCK, DiskPlan
from b2ct.image.model import MIB, System

Inside = Callable[[Sequence[str | Path]], list[str]]
"""Makes a command into one that sees the tree as its root does: `Namespace.command`."""

_COMMON = (
    *("has_journal", "ext_attr", "resize_inode", "dir_index", "filetype", "extent", "flex_bg"),
    *("sparse_super", "large_file", "huge_file", "dir_nlink", "extra_isize"),
)
MODERN = (*_COMMON, "64bit", "metadata_csum")
"""Not metadata_csum_seed (GRUB 2.06 upstream cannot read it) nor orphan_file (e2fsprogs 1.47: the
resize2fs of EL8 and EL9 would refuse to let the file system grow)."""
OLD = (*_COMMON, "uninit_bg")
"""For e2fsprogs before 1.43, which know no metadata_csum."""
FEATURES = {("centos", "6"): OLD, ("centos", "7"): OLD}
"""Distribution and major release -> features, where they are not the modern ones."""
_INODE = 256
_BYTES_PER_INODE = 16384
_RESERVED = 1
"""Per cent of the blocks that only root may fill."""
_TIMEOUT = 3600.0
_FULL_HERE = re.compile(r"No space left on device|Disk quota exceeded")
_FULL_THERE = re.compile(r"Could not allocate (?:block|inode)|No free (?:space|inodes)")


@dataclass(frozen=True)
class Room:
    """What a tree takes in the file system."""

    blocks: int
    inodes: int


def features(system: System) -> tuple[str, ...]:
    """What the kernel, resize2fs and fsck of a distribution understand."""
    return FEATURES.get((system.distribution, system.release.partition(".")[0]), MODERN)


def write(
    tree: Path, raw: Path, plan: DiskPlan, *, system: System, epoch: int, inside: Inside
) -> None:
    """Write the file system into its partition of `raw`. No time in it is later than `epoch`.

    Raises B2ctError when the tree does not fit in, or the host's disk is full.
    """
    offset = plan.root.start
    argv: list[str | Path] = [
        *("mke2fs", "-q", "-F", "-d", tree, "-L", plan.label, "-U", plan.root_uuid),
        *("-O", ",".join(("none", *features(system)))),
        *("-b", str(BLOCK), "-I", str(_INODE), "-i", str(_BYTES_PER_INODE), "-m", str(_RESERVED)),
        # Inode tables are holes of the file: known to be zero, so that no kernel has to write
        # zeros to them in the background of a VM's first start.
        *("-E", f"offset={offset},hash_seed={plan.hash_seed},root_owner=0:0,lazy_itable_init=1"),
        *(raw, str(plan.blocks)),
    ]
    done = run(inside(argv), env=_environment(epoch), timeout=_TIMEOUT, check=False)
    if done.code != 0:
        raise _explained(done, tree, raw, plan, inside)
    with raw.open("r+b") as disk:
        times.clamp(disk, offset, epoch)


def _environment(epoch: int) -> dict[str, str]:
    """The clock of mke2fs before and after 1.47.1, and no configuration of this host."""
    clock = str(epoch)
    return {
        "E2FSPROGS_FAKE_TIME": clock,
        "SOURCE_DATE_EPOCH": clock,
        "MKE2FS_CONFIG": os.devnull,
        "MKE2FS_DEVICE_SECTSIZE": "512",
        "TZ": "UTC",
    }


def _explained(done: Completed, tree: Path, raw: Path, plan: DiskPlan, inside: Inside) -> B2ctError:
    """What mke2fs means, with the figure that helps."""
    if _FULL_HERE.search(done.stderr):
        return B2ctError(
            f"no space left in {raw.parent} for the raw disk",
            hint="free some space there, or name another folder with --scratch",
        )
    if not _FULL_THERE.search(done.stderr):
        return CommandError(done)
    room = measure(tree, inside)
    return B2ctError(
        f"the image's files need {room.blocks * BLOCK // MIB} MiB in {room.inodes} files, more "
        f"than fits into the root file system of {plan.root.size // MIB} MiB",
        hint=f"set disk.size of the definition to at least {enough(room, plan) // MIB} MiB, and "
        "leave room for what a VM writes",
    )


def measure(tree: Path, inside: Inside) -> Room:
    """What a tree takes, asked of du(1)."""
    blocks = run(inside(["du", "-s", "-x", f"--block-size={BLOCK}", tree])).stdout.split()[0]
    inodes = run(inside(["du", "-s", "-x", "--inodes", tree])).stdout.split()[0]
    return Room(int(blocks), int(inodes))


def enough(room: Room, plan: DiskPlan) -> int:
    """A size of the disk, in bytes, into which a tree fits.

    Inode tables, journal and group descriptors take less than a fourteenth, and at least 48 MiB;
    there must be an inode for each file.
    """
    root = max(room.blocks * BLOCK * 14 // 13 + 48 * MIB, room.inodes * _BYTES_PER_INODE)
    return -(-(root + plan.root.start + MIB) // MIB) * MIB
