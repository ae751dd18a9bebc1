"""A FAT32 volume, worked out whole before a byte is written: where everything lies, and what.

Follows Microsoft's "FAT32 File System Specification" (fatgen103). Directories come first and
files after them in the order given, each in one run of clusters, so that the volume is written in
one sequential pass and read without seeking. What is not listed in the plan is zero.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from b2ct.core.errors import B2ctError
from b2ct.media.imagewriter import Data, Segment
from b2ct.media.key import names

SECTOR = 512
"""Bytes."""
LARGEST_FILE = 2**32 - 1
"""Bytes."""
FEWEST_CLUSTERS = 65525 + 16
"""With fewer than 65525 a driver takes the volume for FAT16; the rest is for those that err."""
LARGEST_DIRECTORY = 65536
"""Entries of 32 bytes."""
_MIB = 2**20
_ENTRY = 32
_FATS = 2
_FIRST = 2
_END = 0x0FFFFFFF
_BACKUP = 6
_ALIGN = 128
"""Sectors: files begin on a boundary that flash memory and page caches like."""
_CLUSTERS = ((8 * 2**30, 8), (16 * 2**30, 16), (32 * 2**30, 32), (2**41, 64))
"""(volumes up to so many bytes, sectors of a cluster), as Windows formats."""
_DIRECTORY, _ARCHIVE, _VOLUME = 0x10, 0x20, 0x08
_Clusters = Callable[[int], int]
"""Sectors of a cluster -> clusters that everything takes."""
_BOOT_CODE = bytes.fromhex("cd18ebfc")  # int 0x18 (nothing to boot here: the next, please); again


@dataclass(frozen=True)
class File:
    """A file to be: its path without leading slash, and its bytes in pieces."""

    path: str
    parts: tuple[Segment, ...] = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(part.length for part in self.parts)


@dataclass(frozen=True)
class Geometry:
    """How a volume is divided; all but `clusters` in sectors."""

    sectors: int
    per_cluster: int
    reserved: int
    fat: int
    clusters: int

    @property
    def data(self) -> int:
        """The sector at which cluster 2 begins."""
        return self.reserved + _FATS * self.fat

    @property
    def cluster(self) -> int:
        """Bytes of a cluster."""
        return self.per_cluster * SECTOR

    def offset(self, cluster: int) -> int:
        """The byte of the volume at which a cluster begins."""
        return (self.data + (cluster - _FIRST) * self.per_cluster) * SECTOR


@dataclass(frozen=True)
class Piece:
    """Bytes and where they go, in bytes from the start of the volume."""

    offset: int
    segment: Segment = field(repr=False)


@dataclass(frozen=True)
class Volume:
    """A volume that is worked out. `pieces` are in ascending order."""

    geometry: Geometry
    used: int
    """Clusters."""
    pieces: tuple[Piece, ...] = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes."""
        return self.geometry.sectors * SECTOR

    @property
    def free(self) -> int:
        """Bytes that are free for edits."""
        return (self.geometry.clusters - self.used) * self.geometry.cluster


@dataclass
class _Folder:
    """A directory on its way: folders and files by name, then its bytes' place."""

    path: str
    folders: dict[str, _Folder] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)
    entries: int = 0
    first: int = 0
    parent: _Folder | None = None

    def walk(self) -> Iterator[_Folder]:
        """The directory and all below it, each before what it holds."""
        yield self
        for _, folder in sorted(self.folders.items()):
            yield from folder.walk()


def plan(
    files: Sequence[File],
    *,
    label: str,
    serial: int,
    stamp: int,
    hidden: int,
    size: int | None = None,
    slack: int = 0,
) -> Volume:
    """Work out a volume.

    `serial` is the 32-bit volume ID, `stamp` the time of everything in seconds since 1970 (UTC),
    `hidden` the sectors before the volume on its disk. `size` is that of the volume in bytes;
    without it the volume takes what the files need and `slack` bytes more.
    Raises B2ctError for names, sizes and numbers that FAT32 cannot hold, and for a `size` that is
    too small, naming the smallest.
    """
    root = _tree(files)
    folders = list(root.walk())
    ordered = [file for file in files if file.size]

    def clusters(per_cluster: int) -> int:
        size = per_cluster * SECTOR
        lengths = [f.entries * _ENTRY for f in folders] + [f.size for f in ordered]
        return sum(-(-length // size) for length in lengths)

    geometry = _shape(clusters, hidden, size, slack)
    ends = array("I")
    nxt = _FIRST
    for folder in folders:
        folder.first = nxt
        nxt += -(-folder.entries * _ENTRY // geometry.cluster)
        ends.append(nxt - 1)
    places: dict[str, int] = {}
    for file in ordered:
        places[file.path] = nxt
        nxt += -(-file.size // geometry.cluster)
        ends.append(nxt - 1)
    used = nxt - _FIRST
    when = _dos_time(stamp)
    boot = _boot_sectors(geometry, label, serial, hidden, used)
    fat = _fat(used, ends)
    pieces = [
        Piece(0, Data(boot)),
        *(Piece((geometry.reserved + n * geometry.fat) * SECTOR, fat) for n in range(_FATS)),
    ]
    for folder in folders:
        data = _directory(folder, places, when, label if folder is root else "")
        pieces.append(Piece(geometry.offset(folder.first), Data(data)))
    for file in ordered:
        at = geometry.offset(places[file.path])
        for part in file.parts:
            pieces.append(Piece(at, part))
            at += part.length
    return Volume(geometry, used, tuple(pieces))


def _tree(files: Sequence[File]) -> _Folder:
    """The directories of the files. Raises B2ctError for what FAT32 cannot hold."""
    root = _Folder("")
    paths: dict[str, None] = {}
    for file in files:
        names.check(file.path)
        if file.size > LARGEST_FILE:
            raise B2ctError(
                f"/{file.path} has {file.size} bytes; a file on FAT32 has at most {LARGEST_FILE}",
                hint="make the key from the netinstall ISO, or write the ISO that `b2ct iso` makes"
                " to the stick",
            )
        folder = root
        *above, name = file.path.split("/")
        for depth, part in enumerate(above, start=1):
            path = "/".join(above[:depth])
            paths[path] = None
            folder = folder.folders.setdefault(part, _Folder(path, parent=folder))
        paths[file.path] = None
        folder.files[name] = file
    names.check_collisions(paths)
    for folder in root.walk():
        if both := set(folder.folders) & set(folder.files):
            raise B2ctError(f"/{folder.path}/{both.pop()} cannot be file and folder at once")
        folder.entries = _count(folder, root)
        if folder.entries > LARGEST_DIRECTORY:
            raise B2ctError(
                f"/{folder.path} has more names than a FAT directory holds",
                hint="use the netinstall ISO for the key",
            )
    return root


def _count(folder: _Folder, root: _Folder) -> int:
    """Entries of a directory: label or dots, and for each name its short and long ones."""
    own = 1 if folder is root else 2
    every = (*folder.folders, *folder.files)
    return own + sum(1 if names.is_short(n) else 1 + -(-len(_units(n)) // 26) for n in every)


def _units(name: str) -> bytes:
    return name.encode("utf-16-le")


def _shape(clusters: _Clusters, hidden: int, size: int | None, slack: int) -> Geometry:
    """The division of a volume of `size` bytes, or of one that fits."""
    if size is None:
        return _fitting(clusters, hidden, slack)
    largest = next((n for limit, n in _CLUSTERS if size <= limit), 0)
    for per_cluster in (n for n in (64, 32, 16, 8, 4, 2, 1) if n <= largest):
        geometry = _divide(size // SECTOR, per_cluster, hidden)
        if geometry.clusters >= FEWEST_CLUSTERS and clusters(per_cluster) <= geometry.clusters:
            return geometry
    if not largest:
        raise B2ctError(
            f"a key of {size // _MIB} MiB cannot be divided by an MBR",
            hint="at most 2 TiB: use a smaller --size; the rest of the stick stays free",
        )
    needed = (_fitting(clusters, hidden, 0).sectors + hidden) * SECTOR
    given = (size + hidden * SECTOR) // _MIB
    raise B2ctError(
        f"{given} MiB are too few: the key needs {-(-needed // _MIB)} MiB",
        hint="leave --size out, or give more; without the packages of a DVD a key is smaller "
        "(netinstall ISO, or `source: network` in site.yaml)",
    )


def _fitting(clusters: _Clusters, hidden: int, slack: int) -> Geometry:
    """The smallest volume, in whole MiB with what is before it, that holds all."""
    for per_cluster in (64, 32, 16, 8, 4, 2, 1):
        wanted = clusters(per_cluster) + -(-slack // (per_cluster * SECTOR))
        volume = wanted * per_cluster * SECTOR
        usual = next((n for limit, n in _CLUSTERS if volume <= limit), 64)
        if per_cluster > usual or (wanted < FEWEST_CLUSTERS and per_cluster > 1):
            continue
        wanted = max(wanted, FEWEST_CLUSTERS)
        mib = (wanted * per_cluster * SECTOR + hidden * SECTOR) // _MIB
        while True:
            mib += 1
            geometry = _divide(mib * _MIB // SECTOR - hidden, per_cluster, hidden)
            if geometry.clusters >= wanted:
                return geometry
    raise AssertionError("the smallest cluster always fits")


def _divide(sectors: int, per_cluster: int, hidden: int) -> Geometry:
    """Divide so many sectors; the data area begins on a boundary of the disk."""
    align = max(_ALIGN, per_cluster)
    # A sector of a FAT serves 128 clusters, and every FAT takes room from them: no fewer will do.
    room = max(0, sectors - 32 - align)
    fat = (room + _FIRST * per_cluster) // (SECTOR // 4 * per_cluster + _FATS)
    while True:
        reserved = 32 + -(hidden + 32 + _FATS * fat) % align
        clusters = max(0, (sectors - reserved - _FATS * fat) // per_cluster)
        if (clusters + _FIRST) * 4 <= fat * SECTOR:
            return Geometry(sectors, per_cluster, reserved, fat, clusters)
        fat += 1


def _boot_sectors(geometry: Geometry, label: str, serial: int, hidden: int, used: int) -> bytes:
    """The reserved sectors: boot sector, FSInfo, and the backups of both."""

    def number(value: int, length: int) -> bytes:
        return value.to_bytes(length, "little")

    boot = bytearray(SECTOR)
    boot[0:11] = b"\xeb\x58\x90MSWIN4.1"
    boot[11:36] = (
        number(SECTOR, 2) + number(geometry.per_cluster, 1) + number(geometry.reserved, 2)
        + number(_FATS, 1) + number(0, 4) + b"\xf8" + number(0, 2) + number(63, 2) + number(255, 2)
        + number(hidden, 4) + number(geometry.sectors, 4)
    )  # fmt: skip
    boot[36:90] = (
        number(geometry.fat, 4) + number(0, 4) + number(_FIRST, 4) + number(1, 2)
        + number(_BACKUP, 2) + bytes(12) + b"\x80\0\x29" + number(serial, 4)
        + label.ljust(11).encode("ascii") + b"FAT32   "
    )  # fmt: skip
    boot[90 : 90 + len(_BOOT_CODE)] = _BOOT_CODE
    boot[510:] = b"\x55\xaa"
    info = bytearray(SECTOR)
    info[0:4] = b"RRaA"
    free, following = geometry.clusters - used, _FIRST + used
    info[484:496] = b"rrAa" + number(free, 4) + number(following, 4)
    info[508:] = b"\0\0\x55\xaa"
    third = bytes(SECTOR - 2) + b"\x55\xaa"
    three = bytes(boot) + bytes(info) + third
    return three + bytes((_BACKUP - 3) * SECTOR) + three


def _fat(used: int, ends: Sequence[int]) -> Data:
    """A FAT in which every run ends at one of `ends`; what is free is zero and left out."""
    table = array("I", range(1, used + _FIRST + 1))
    table[0], table[1] = 0x0FFFFFF8, _END
    for end in ends:
        table[end] = _END
    if sys.byteorder == "big":
        table.byteswap()
    return Data(table.tobytes())


def _dos_time(stamp: int) -> bytes:
    """Time and date as a directory entry has them, from 1980 to 2107."""
    moment = datetime.fromtimestamp(stamp, UTC)
    if moment.year < 1980:
        moment = datetime(1980, 1, 1, tzinfo=UTC)
    elif moment.year > 2107:
        moment = datetime(2107, 12, 31, 23, 59, 58, tzinfo=UTC)
    time = moment.hour << 11 | moment.minute << 5 | moment.second // 2
    date = (moment.year - 1980) << 9 | moment.month << 5 | moment.day
    return time.to_bytes(2, "little") + date.to_bytes(2, "little")


def _entry(short: bytes, attributes: int, first: int, size: int, when: bytes) -> bytes:
    cluster = first.to_bytes(4, "little")
    return (
        short + bytes((attributes, 0, 0)) + when + when[2:] + cluster[2:] + when + cluster[:2]
        + size.to_bytes(4, "little")
    )  # fmt: skip


def _directory(folder: _Folder, places: dict[str, int], when: bytes, label: str) -> bytes:
    """The bytes of a directory."""
    out = bytearray()
    if label:
        out += _entry(label.ljust(11).encode("ascii"), _VOLUME, 0, 0, when)
    if folder.parent is not None:
        above = folder.parent.first if folder.parent.parent is not None else 0
        out += _entry(b".".ljust(11), _DIRECTORY, folder.first, 0, when)
        out += _entry(b"..".ljust(11), _DIRECTORY, above, 0, when)
    shorts = names.ShortNames()
    shorts.reserve((*folder.folders, *folder.files))
    for name in sorted((*folder.folders, *folder.files)):
        short = shorts.take(name)
        if not names.is_short(name):
            out += names.long_entries(name, short)
        if name in folder.folders:
            out += _entry(short, _DIRECTORY, folder.folders[name].first, 0, when)
        else:
            file = folder.files[name]
            out += _entry(short, _ARCHIVE, places.get(file.path, 0), file.size, when)
    return bytes(out)
