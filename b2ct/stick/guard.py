"""Whether a device may be overwritten. Every reason against it is told, and most cannot be waived.

A picture of the machine in, reasons out: nothing here opens a device. See `target` for when this
is asked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.stick.devices import Block, Kind, Machine, Use

SYSTEM_POINTS = frozenset(
    {"/", "/boot", "/boot/efi", "/efi", "/usr", "/usr/local", "/var", "/var/lib", "/var/log"}
    | {"/var/tmp", "/home", "/opt", "/srv", "/root", "/tmp", "/sysroot", "/cdrom"}  # noqa: S108 - names
    | {"/run/initramfs/live", "/run/live/medium", "/run/archiso/bootmnt", "/run/rootfsbase"}
    | {"/lib/live/mount/medium"}
)
"""Mount points of a running system, installed or live."""
_MEMBERS = {
    "lvm": "LVM",
    "linux_raid": "a software RAID",
    "zfs": "a ZFS pool",
    "mpath": "a multipath device",
}
_LAYERS = {"bcache": "bcache", "drbd": "DRBD", "ceph_bluestore": "Ceph", "vmfs": "VMFS"}
_SWAP = {"swap", "swsuspend"}
PRACTICE_MINIMUM = 1 << 20


@dataclass(frozen=True)
class Reason:
    """Why a device is not offered; `code` is for programs, `hint` is the remedy."""

    code: str
    text: str
    hint: str = ""


@dataclass(frozen=True)
class Wish:
    """What the user asks for beyond the device's name."""

    force_fixed: str | None = None
    """The serial of a device that is not removable, named on purpose."""
    practice_file: bool = False
    """A regular file may stand in for a stick."""
    image: tuple[int, int] | None = None
    """File system number and inode of the image that is to be written; a path can lie."""


def describe(block: Block) -> str:
    """Maker, model, serial and kind of a device."""
    if block.kind is Kind.LOOP:
        return f"loop device over {block.backing or 'nothing'}"
    words = [block.title, f"serial {block.serial}" if block.serial else "no serial number"]
    words += [block.transport] if block.transport else []
    return ", ".join([*words, "removable" if block.pluggable else "fixed"])


def identity(block: Block) -> str:
    """The serial number, or what takes its place."""
    return block.backing if block.kind is Kind.LOOP else block.serial


def reasons(machine: Machine, block: Block, wish: Wish = Wish()) -> tuple[Reason, ...]:
    """All that speaks against overwriting a device, the most telling first; empty: it may be."""
    shape = _shape(machine, block)
    if shape:
        return (shape,)
    found = [
        *_in_use(machine, block),
        *_layers(machine, block),
        *_members(machine, block),
        *_fstab(machine, block),
        *_written(machine, block),
        *_fixed(block, wish),
    ]
    if block.kind is Kind.LOOP:
        found += _loop(machine, block, wish)
    if block.read_only:
        found.append(
            Reason(
                "read-only",
                f"{block.path} is write-protected",
                "move the lock on the card or stick; a stick without one has worn out",
            )
        )
    return tuple(found)


def _shape(machine: Machine, block: Block) -> Reason | None:
    """What it is, where that alone decides."""
    path = block.path
    if block.kind is Kind.PARTITION:
        whole = machine.by_number.get(block.whole)
        name = f"{whole.path}" if whole else "the whole device"
        return Reason(
            "partition",
            f"{path} is a partition, not a whole device",
            f"name the whole device if you mean it: {name}",
        )
    if block.kind is Kind.OPTICAL:
        return Reason("optical", f"{path} is a CD or DVD drive", "burn the ISO instead")
    if block.kind is Kind.VIRTUAL:
        return Reason(
            "virtual",
            f"{path} is not a device that one can pull out (LVM, RAID, RAM or network)",
            "`b2ct usb list` shows the sticks",
        )
    if block.kind is Kind.LOOP and not block.backing:
        return Reason("no-medium", f"{path} has no file behind it", "losetup --find --show FILE")
    if block.size == 0:
        return Reason(
            "no-medium",
            f"{path} has no medium in it",
            "put the card into the reader, and look again",
        )
    return None


def _in_use(machine: Machine, block: Block) -> Iterator[Reason]:
    upon = machine.upon(block)
    uses = [use for use in machine.uses if use.number in upon]
    system = [use for use in uses if use.point in SYSTEM_POINTS]
    if system:
        use = min(system, key=lambda one: (len(one.point), one.number))
        yield Reason(
            "system",
            f"{block.path} holds the running system: "
            f"{_place(machine, use)} {use.what}{_way(upon[use.number])}",
            "this device is never written; `b2ct usb list` shows the sticks",
        )
        return
    for use in uses:
        code = "mounted" if use.point else "swap"
        yield Reason(
            code,
            f"{_place(machine, use)} {use.what}{_way(upon[use.number])}",
            f"umount {use.point}" if use.point else f"swapoff {_place(machine, use)}",
        )


def _place(machine: Machine, use: Use) -> str:
    block = machine.by_number.get(use.number)
    return str(block.path) if block else f"device {use.number}"


def _way(names: tuple[str, ...]) -> str:
    return f" (through {', '.join(names)})" if names else ""


def _layers(machine: Machine, block: Block) -> Iterator[Reason]:
    """Something is built upon it, mounted or not."""
    for number, way in machine.upon(block).items():
        if way and (layer := machine.by_number.get(number)):
            yield Reason(
                "held",
                f"{block.path} is in use by {', '.join(way)}",
                f"close {layer.path} first (vgchange -an, mdadm --stop, cryptsetup close, "
                "losetup --detach)",
            )


def _members(machine: Machine, block: Block) -> Iterator[Reason]:
    for one in (block, *machine.partitions(block)):
        for signature in one.signatures:
            if what := member_of(signature):
                yield Reason(
                    "swap" if signature.lower() in _SWAP else "member",
                    f"{one.path} belongs to {what} (signature {signature})",
                    f"if nothing on it is needed any more: wipefs --all {one.path}",
                )


def member_of(signature: str) -> str:
    """What a device with that signature (as libblkid names it) is a part of; empty: nothing."""
    name = signature.lower()
    if name in _SWAP:
        return "swap space"
    base = name.removesuffix("_member")
    if base != name or name.startswith("lvm"):
        for start, what in _MEMBERS.items():
            if base.startswith(start):
                return what
        return "a hardware or firmware RAID"
    return next((what for start, what in _LAYERS.items() if name.startswith(start)), "")


def _fstab(machine: Machine, block: Block) -> Iterator[Reason]:
    """A stick that the system boots from, or that holds a part of it, need not be mounted now."""
    for one in (block, *machine.partitions(block)):
        tags = {str(one.path), f"/dev/mapper/{one.alias}"} | {
            f"{tag}={value}"
            for tag, value in (
                ("UUID", one.content.uuid),
                ("LABEL", one.content.label),
                ("PARTUUID", one.content.partuuid),
                ("PARTLABEL", one.content.partlabel),
            )
            if value
        }
        for device, point in machine.fstab:
            if point in SYSTEM_POINTS and device.replace('"', "") in tags:
                yield Reason(
                    "fstab",
                    f"{one.path} is {point} by /etc/fstab ({device})",
                    "remove the line from /etc/fstab if it is out of date",
                )


def _written(machine: Machine, block: Block) -> Iterator[Reason]:
    upon = machine.upon(block)
    for writer in machine.writers:
        if writer.number and writer.number in upon:
            yield Reason(
                "busy",
                f"{writer.command} (process {writer.pid}) has {block.path} open for writing",
                "end it first",
            )


def _fixed(block: Block, wish: Wish) -> Iterator[Reason]:
    if block.pluggable or block.kind is Kind.LOOP:
        return
    if not block.serial:
        yield Reason(
            "fixed",
            f"{block.path} ({block.title}) is not a removable device, and it has no serial number "
            "to name it by",
            "`b2ct usb list` shows the sticks",
        )
    elif wish.force_fixed is None:
        yield Reason(
            "fixed",
            f"{block.path} ({block.title}) is not a removable device",
            f"if it is the one you mean: --force-fixed {block.serial}",
        )
    elif wish.force_fixed != block.serial:
        yield Reason(
            "fixed",
            f"--force-fixed says {wish.force_fixed}, but the serial of {block.path} is "
            f"{block.serial}",
            "name the serial exactly, or another device",
        )


def _loop(machine: Machine, block: Block, wish: Wish) -> Iterator[Reason]:
    """A loop device is a practice stick if nothing but a plain file of its own is behind it."""
    if block.behind:
        yield Reason(
            "loop",
            f"{block.path} is a window on the block device {block.backing}",
            "name that device itself",
        )
    elif not block.home:
        yield Reason(
            "loop",
            f"the file behind {block.path} cannot be seen from here: {block.backing}",
            "attach it again: losetup --detach, then losetup --find --show FILE",
        )
    else:
        yield from _file(machine, f"the file behind {block.path}", block.file, wish, but=block)


def _file(
    machine: Machine, name: str, file: tuple[int, int], wish: Wish, *, but: Block | None = None
) -> Iterator[Reason]:
    """What speaks against writing over a file, whichever way leads to it; `but` is that way."""
    if file == wish.image:
        yield Reason("image", f"{name} is the image itself", "name another device, or another file")
    if file in machine.swap_files:
        yield Reason("swap", f"{name} is swapped to", "swapoff it first")
    for block in machine.blocks:
        if block.home and block.file == file and block is not but:
            yield Reason(
                "held", f"{name} is in use by {block.path}", f"losetup --detach {block.path}"
            )
    for writer in machine.writers:
        if writer.file == file and not writer.number:
            text = f"{writer.command} (process {writer.pid}) has {name} open for writing"
            yield Reason("busy", text, "end it first")


def file_reasons(
    machine: Machine, path: Path, status: os.stat_result, wish: Wish
) -> tuple[Reason, ...]:
    """All that speaks against using a regular file as a practice stick."""
    found = [*_file(machine, str(path), (status.st_dev, status.st_ino), wish)]
    if status.st_size < PRACTICE_MINIMUM or status.st_size % 4096:
        found.append(
            Reason(
                "practice",
                f"{path} is not a practice stick: its size must be a multiple of 4096 bytes, "
                "1 MiB or more",
                f"truncate --size 2G {path}.img",
            )
        )
    elif not _like_a_stick(path):
        found.append(
            Reason(
                "practice",
                f"{path} has data that is not a stick's: its first sector is neither empty nor a "
                "boot sector",
                "give an empty file: truncate --size 2G stick.img",
            )
        )
    return tuple(found)


def _like_a_stick(path: Path) -> bool:
    try:
        with path.open("rb") as source:
            sector = source.read(512)
    except OSError:
        return True  # opening it for writing will tell
    return not any(sector) or sector[510:] == b"\x55\xaa"


def refuse(found: tuple[Reason, ...]) -> None:
    """Raise B2ctError if there are reasons."""
    if found:
        first, *others = found
        more = "".join(f"; also: {other.text}" for other in others)
        raise B2ctError(f"refused: {first.text}{more}", hint=first.hint)
