"""Which block devices are there, what they are, and what is on them: one frozen picture.

Identity is always the kernel's `major:minor`, never a path.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from b2ct.stick import sources
from b2ct.stick.sources import Content, Mount, Opener, Roots


class Kind(StrEnum):
    """What sort of block device it is."""

    DISK = "disk"
    PARTITION = "partition"
    LOOP = "loop"
    OPTICAL = "optical"
    VIRTUAL = "virtual"
    """Device mapper, RAID, zram, RAM disk, network: nothing that one can pull out."""


@dataclass(frozen=True)
class Block:
    """One block device. `size` is in bytes; text is empty where nothing is known."""

    number: str
    """`major:minor`."""
    name: str
    """The kernel's name: `sdb`, `sdb1`."""
    kind: Kind
    size: int
    whole: str
    """Number of the whole device; of a partition: its disk."""
    sector: int = 512
    """Bytes of a logical sector."""
    removable: bool = False
    read_only: bool = False
    transport: str = ""
    """usb, sd, mmc, sata, nvme, virtio or empty."""
    vendor: str = ""
    model: str = ""
    serial: str = ""
    sequence: str = ""
    """The kernel's diskseq: another medium or device under the same name has another one."""
    backing: str = ""
    """The file behind a loop device."""
    behind: str = ""
    """Number of the block device behind a loop device that is a window on one."""
    home: str = ""
    """Number of the file system that holds the file behind a loop device; empty: not visible."""
    inode: int = 0
    """Of the file behind a loop device."""
    holders: tuple[str, ...] = ()
    """Numbers of the layers on top: LVM, RAID, dm-crypt, bcache."""
    alias: str = ""
    """A device mapper name."""
    content: Content = field(default_factory=Content)
    signatures: tuple[str, ...] = ()

    @property
    def file(self) -> tuple[int, int]:
        """File system number, as stat(2) gives it, and inode of the file behind a loop device."""
        major, _, minor = self.home.partition(":")
        return os.makedev(int(major or 0), int(minor or 0)), self.inode

    @property
    def path(self) -> Path:
        """Its node, as udev and devtmpfs name it."""
        return Path("/dev", self.name)

    @property
    def pluggable(self) -> bool:
        """A USB stick or memory card, by the kernel's word.

        The removable flag alone is not enough: libata sets it for internal disks on ports that
        can be hot-plugged. SD cards have no such flag, but eMMC, soldered in, says `MMC`.
        """
        return (self.removable and self.transport == "usb") or self.transport == "sd"

    @property
    def title(self) -> str:
        """Maker and model."""
        return " ".join(filter(None, (self.vendor, self.model))) or "unnamed device"


@dataclass(frozen=True)
class Use:
    """The device with that number is in use; `what` says by what."""

    number: str
    what: str
    point: str = ""
    """The mount point, where it is a mount."""


@dataclass(frozen=True)
class Machine:
    """The block devices of a machine and what uses them, at one moment."""

    blocks: tuple[Block, ...]
    uses: tuple[Use, ...]
    fstab: tuple[tuple[str, str], ...] = ()
    writers: tuple[Opener, ...] = ()
    swap_files: tuple[tuple[int, int], ...] = ()
    """File system number and inode of the files that are swapped to."""

    @cached_property
    def by_number(self) -> dict[str, Block]:
        """The devices by `major:minor`."""
        return {block.number: block for block in self.blocks}

    def partitions(self, block: Block) -> tuple[Block, ...]:
        """The partitions of a whole device, in the order of the disk's numbering."""
        return tuple(
            other
            for other in self.blocks
            if other.whole == block.number and other.number != block.number
        )

    def upon(self, block: Block) -> dict[str, tuple[str, ...]]:
        """The device, its partitions, and all that is built upon them: number -> way there.

        Follows LVM, RAID and dm-crypt holders, loop devices over the device, and loop devices
        over files of a file system that is on it.
        """
        found: dict[str, tuple[str, ...]] = {}
        todo: list[tuple[Block, tuple[str, ...]]] = [(block, ())]
        while todo:
            current, way = todo.pop()
            if current.number in found:
                continue
            found[current.number] = way
            todo += [(part, way) for part in self.partitions(current)]
            todo += [
                (other, (*way, other.alias or other.name))
                for other in self.blocks
                if other.number in current.holders or current.number in (other.behind, other.home)
            ]
        return found


def gather(roots: Roots = Roots(), listing: Callable[[], str] = sources.lsblk) -> Machine:  # noqa: B008
    """Look at the machine. Raises B2ctError when lsblk cannot be used."""
    contents = sources.parse_lsblk(listing())
    blocks = tuple(_with_loops(list(_blocks(roots, contents))))
    names = _names(blocks)
    mounts = sources.all_mounts(roots)
    swaps = sources.parse_swaps(sources.text_of(roots.proc / "swaps"))
    return Machine(
        blocks=blocks,
        uses=(
            *_mount_uses(mounts, names, _btrfs_groups(roots, names)),
            *(Use(n, "is swapped to") for path in swaps if (n := _number(path, names))),
        ),
        fstab=sources.parse_fstab(sources.text_of(roots.etc / "fstab")),
        writers=sources.openers(roots),
        swap_files=tuple(_identities(swaps)),
    )


def with_signatures(machine: Machine, block: Block) -> Machine:
    """The machine, with what is read now from a device and its partitions (needs root)."""
    members = {block.number, *(part.number for part in machine.partitions(block))}
    return replace(
        machine,
        blocks=tuple(
            replace(one, signatures=_united(one.signatures, sources.signatures(one.path)))
            if one.number in members and os.access(one.path, os.R_OK)
            else one
            for one in machine.blocks
        ),
    )


def _united(known: tuple[str, ...], read: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*read, *known)))


def _blocks(roots: Roots, contents: dict[str, Content]) -> Iterator[Block]:
    by_name: dict[str, tuple[str, Path]] = {}
    for link in sorted((roots.sys / "dev" / "block").glob("*:*"), key=_order):
        folder = link.resolve()
        by_name[folder.name] = (link.name, folder)
    for number, folder in by_name.values():
        content = contents.get(number, Content())
        partition = (folder / "partition").exists()
        whole = by_name.get(folder.parent.name, (number, folder))[0] if partition else number
        yield _block(
            number, folder, whole=whole, partition=partition, content=content, by_name=by_name
        )


def _order(link: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in link.name.split(":") if part.isdigit())


def _block(
    number: str,
    folder: Path,
    *,
    whole: str,
    partition: bool,
    content: Content,
    by_name: dict[str, tuple[str, Path]],
) -> Block:
    device = folder / "device"
    transport = _transport(folder)
    holders = (folder / "holders").glob("*")
    return Block(
        number=number,
        name=folder.name.replace("!", "/"),
        kind=Kind.PARTITION if partition else _kind(folder),
        size=int(sources.text_of(folder / "size") or 0) * 512,  # always in units of 512 bytes
        whole=whole,
        sector=int(sources.text_of(folder / "queue" / "logical_block_size") or 512),
        removable=sources.text_of(folder / "removable") == "1",
        read_only=sources.text_of(folder / "ro") == "1",
        transport=transport,
        vendor=_name(content.vendor) or _name(sources.text_of(device / "vendor")),
        model=content.model or sources.text_of(device / "model") or _card(device),
        serial=content.serial or _serial(folder),
        sequence=sources.text_of(folder / "diskseq"),
        backing=sources.text_of(folder / "loop" / "backing_file"),
        holders=tuple(by_name[h.name][0] for h in holders if h.name in by_name),
        alias=sources.text_of(folder / "dm" / "name"),
        content=content,
        signatures=(content.fstype,) if content.fstype else (),
    )


def _name(text: str) -> str:
    """A vendor's name; PCI and virtio devices have a number instead."""
    return "" if text.startswith("0x") else text


def _card(device: Path) -> str:
    """The name of a memory card; other devices' `name` is something else."""
    return sources.text_of(device / "name") if (device / "cid").exists() else ""


def _kind(folder: Path) -> Kind:
    if (folder / "loop").exists() or folder.name.startswith("loop"):
        return Kind.LOOP
    if folder.name.startswith("sr"):
        return Kind.OPTICAL
    return Kind.DISK if (folder / "device").exists() else Kind.VIRTUAL


def _transport(folder: Path) -> str:
    if folder.name.startswith("mmcblk"):
        return "sd" if sources.text_of(folder / "device" / "type") == "SD" else "mmc"
    parts = folder.parts
    for word, transport in (
        ("usb", "usb"),
        ("ata", "sata"),
        ("nvme", "nvme"),
        ("virtio", "virtio"),
    ):
        if any(part.startswith(word) and part[len(word) :].isdigit() for part in parts):
            return transport
    return ""


def _serial(folder: Path) -> str:
    """The serial number by sysfs: of the disk, or of the USB device that it is a part of."""
    for place in (folder / "serial", folder / "device" / "serial"):
        if found := sources.text_of(place):
            return found
    for parent in folder.parents:
        if (parent / "idVendor").exists():
            return sources.text_of(parent / "serial")
    return ""


def _with_loops(blocks: list[Block]) -> Iterator[Block]:
    """Add what is behind each loop device, as far as its path leads there."""
    for block in blocks:
        if block.kind is Kind.LOOP and block.backing:
            with suppress(OSError):
                status = Path(block.backing).stat()
                home, node = status.st_dev, status.st_rdev
                yield replace(
                    block,
                    home=f"{os.major(home)}:{os.minor(home)}",
                    inode=status.st_ino,
                    behind=f"{os.major(node)}:{os.minor(node)}"
                    if stat.S_ISBLK(status.st_mode)
                    else "",
                )
                continue
        yield block


def _names(blocks: tuple[Block, ...]) -> dict[str, str]:
    """Path -> number, for the names that the kernel gives."""
    found = {str(block.path): block.number for block in blocks}
    found |= {f"/dev/mapper/{block.alias}": block.number for block in blocks if block.alias}
    return found


def _number(source: str, names: dict[str, str]) -> str:
    """The number of the device at a path; empty when it is none."""
    if source in names:
        return names[source]
    if not source.startswith("/dev/"):
        return ""
    with suppress(OSError):
        status = Path(source).stat()
        if stat.S_ISBLK(status.st_mode):
            return f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    return ""


def _btrfs_groups(roots: Roots, names: dict[str, str]) -> list[frozenset[str]]:
    """The devices of each btrfs that the kernel has seen: mountinfo names only one of them."""
    groups = []
    for folder in (roots.sys / "fs" / "btrfs").glob("*/devices"):
        groups.append(
            frozenset(
                names[f"/dev/{d.name}"] for d in folder.iterdir() if f"/dev/{d.name}" in names
            )
        )
    return groups


def _mount_uses(
    mounts: tuple[Mount, ...], names: dict[str, str], groups: list[frozenset[str]]
) -> Iterator[Use]:
    for mount in mounts:
        # bcachefs lists its devices with colons between them.
        numbers = {mount.number, *(_number(part, names) for part in mount.source.split(":"))}
        for group in groups:
            if numbers & group:
                numbers |= group
        if mount.fstype == "overlay":
            numbers |= set(_overlay_layers(mount))
        for number in sorted(filter(None, numbers)):
            yield Use(number, f"is mounted at {mount.point}", mount.point)


def _overlay_layers(mount: Mount) -> Iterator[str]:
    """Numbers of the file systems that hold the layers of an overlay."""
    for option in mount.options:
        name, _, value = option.partition("=")
        if name in ("lowerdir", "upperdir", "workdir", "lowerdir+", "datadir+"):
            for folder in filter(None, value.split(":")):
                with suppress(OSError):
                    home = Path(folder).stat().st_dev
                    yield f"{os.major(home)}:{os.minor(home)}"


def _identities(swaps: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    for path in swaps:
        with suppress(OSError):
            status = Path(path).stat()
            if stat.S_ISREG(status.st_mode):
                yield status.st_dev, status.st_ino
