"""The device that the user named: examined without opening it, then opened and examined again.

`examine` resolves the name once and refuses; `acquire` opens exclusively and asks everything
again of the opened descriptor, so that nothing can change between the check and the first write.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.stick import blockio, devices
from b2ct.stick.blockio import OpenDevice
from b2ct.stick.devices import Block, Machine
from b2ct.stick.guard import (
    Reason,
    Wish,
    describe,
    file_reasons,
    identity,
    reasons,
    refuse,
)

_PAUSES = (0.7, 0.3)
"""Seconds to wait, the last one first, for who has the device open only for a moment."""


@dataclass(frozen=True)
class Target:
    """A device that passed the guard, before it is opened."""

    path: Path
    """Resolved: no symbolic link is left in it."""
    name: str
    """What the user types to confirm."""
    serial: str
    """What --serial must be; a loop device's backing file, a practice file's own path."""
    size: int
    block: Block | None
    """None for a practice file."""
    inode: tuple[int, int]
    wish: Wish

    @property
    def sector(self) -> int:
        """The logical sector, in which a partition table counts."""
        return self.block.sector if self.block else 512

    @property
    def align(self) -> int:
        """The unit of reads and writes."""
        return self.block.sector if self.block else blockio.FILE_ALIGN

    @property
    def title(self) -> str:
        """One line: what it is."""
        return describe(self.block) if self.block else "practice file"


def examine(
    device: str, wish: Wish, look: Callable[[], Machine] = devices.gather
) -> tuple[Target, Machine]:
    """What the user named, if it may be overwritten as far as can be told without opening it.

    Symbolic links are resolved here, once. Raises B2ctError with all reasons.
    """
    path = Path(os.path.realpath(device))
    try:
        status = path.stat()
    except OSError as err:
        raise B2ctError(
            f"no such device: {device}", hint="`b2ct usb list` shows the sticks"
        ) from err
    if stat.S_ISREG(status.st_mode) and wish.practice_file:
        machine = look()
        refuse(file_reasons(machine, path, status, wish))
        inode = (status.st_dev, status.st_ino)
        return Target(path, path.name, str(path), status.st_size, None, inode, wish), machine
    _need_block(device, status.st_mode)
    number = blockio.number_of(status)
    machine, found = _judged(look, number, wish)
    if number not in machine.by_number:
        raise B2ctError(
            f"refused: the kernel knows no block device {number} ({path})",
            hint="plug the stick in again; `b2ct usb list` shows what is there",
        )
    refuse(found)
    block = machine.by_number[number]
    inode = (status.st_dev, status.st_ino)
    return Target(path, block.name, identity(block), block.size, block, inode, wish), machine


def _need_block(device: str, mode: int) -> None:
    if stat.S_ISBLK(mode):
        return
    kinds = {stat.S_IFREG: "a file", stat.S_IFDIR: "a folder", stat.S_IFCHR: "a character device"}
    what = kinds.get(stat.S_IFMT(mode), "a pipe or socket")
    hint = "`b2ct usb list` shows the sticks"
    if stat.S_ISREG(mode):
        hint = "--practice-file writes to a file that stands in for a stick"
    raise B2ctError(f"refused: {device} is {what}, not a block device", hint=hint)


def _judged(
    look: Callable[[], Machine], number: str, wish: Wish
) -> tuple[Machine, tuple[Reason, ...]]:
    """The machine, and what speaks against one of its devices.

    A program that has the device open for a moment only (losetup, partprobe) is waited for.
    """
    pauses = list(_PAUSES)
    while True:
        machine = look()
        block = machine.by_number.get(number)
        if block is None:
            return machine, ()
        machine = devices.with_signatures(machine, block)
        found = reasons(machine, machine.by_number[number], wish)
        if not pauses or {one.code for one in found} != {"busy"}:
            return machine, found
        time.sleep(pauses.pop())


def acquire(target: Target, look: Callable[[], Machine] = devices.gather) -> OpenDevice:
    """Open the target exclusively for writing, and guard it again by its descriptor.

    Nothing has been written when this raises B2ctError.
    """
    try:
        door = _open(target)
    except OSError as err:
        raise _cannot_open(err, target) from err
    try:
        if target.block is None:
            _recheck_file(door, target, look())
        else:
            _recheck_block(door, target.block, target.wish, look)
    except BaseException:
        door.close()
        raise
    return door


def _open(target: Target) -> OpenDevice:
    expect = target.block.number if target.block else ""
    pauses = list(_PAUSES)
    while True:
        try:
            return blockio.open_device(target.path, write=True, expect=expect)
        except OSError as err:
            if err.errno != errno.EBUSY or not pauses:
                raise
        time.sleep(pauses.pop())


def _recheck_file(door: OpenDevice, target: Target, machine: Machine) -> None:
    if door.number or door.identity() != target.inode:
        raise _changed(target.path)
    refuse(file_reasons(machine, target.path, target.path.stat(), target.wish))


def _recheck_block(door: OpenDevice, shown: Block, wish: Wish, look: Callable[[], Machine]) -> None:
    machine, found = _judged(look, door.number, wish)
    if door.number != shown.number or door.number not in machine.by_number:
        raise _changed(door.path)
    block = machine.by_number[door.number]
    parts = (block.serial, block.model, block.size, block.sequence, block.backing)
    if parts != (shown.serial, shown.model, shown.size, shown.sequence, shown.backing):
        raise _changed(door.path)
    refuse(found)
    if door.size != block.size:
        raise _changed(door.path)
    if door.read_only:
        refuse((Reason("read-only", f"{door.path} is write-protected", "move its lock"),))
    _recheck_loop(door, block)


def _recheck_loop(door: OpenDevice, block: Block) -> None:
    """The path behind a loop device can lie (moved, deleted, another namespace); the inode not."""
    behind = door.loop()
    if behind is None:
        return
    if behind.block_device or (behind.device, behind.inode) != (block.home, block.inode):
        raise B2ctError(
            f"refused: what is behind {door.path} is not the file {block.backing}",
            hint="attach the file again: losetup --detach, then losetup --find --show FILE",
        )


def _changed(path: Path) -> B2ctError:
    return B2ctError(
        f"refused: {path} is not the device any more that was shown",
        hint="it was pulled out or swapped: look at `b2ct usb list`, and start anew",
    )


def _cannot_open(err: OSError, target: Target) -> B2ctError:
    path = target.path
    if err.errno == errno.EBUSY:
        return B2ctError(
            f"refused: {path} is in use by the system or another program",
            hint="unmount it and close what uses it (`lsblk`, `fuser -v` tell)",
        )
    if err.errno in (errno.EACCES, errno.EPERM):
        return B2ctError(f"no permission to write to {path}", hint="run the same command as root")
    if err.errno in (errno.ENOMEDIUM, errno.ENXIO, errno.ENODEV, errno.ENOENT):
        return B2ctError(f"{path} is not there any more", hint="plug it in again")
    if err.errno == errno.EROFS:
        return B2ctError(f"{path} is write-protected", hint="move the lock on the card or stick")
    if err.errno in (errno.ELOOP, errno.ENOTBLK, errno.ESTALE):
        return _changed(path)
    return B2ctError(f"cannot open {path}: {(err.strerror or str(err)).lower()}")
