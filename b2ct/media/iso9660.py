"""ISO 9660 as it is read: volume descriptors, directory records, Rock Ridge and Joliet names.

Follows ECMA-119 (descriptors in 8, directory records in 9.1), the System Use Sharing Protocol
(IEEE P1281) and the Rock Ridge Interchange Protocol (IEEE P1282). Addresses in a tree count from
`Volume.base`: an image with a partition offset holds the same files twice, and its second tree
counts from where the partition begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NoReturn

from b2ct.core.errors import B2ctError
from b2ct.media.source import SECTOR, Image

DIRECTORY = 0x02
MULTI_EXTENT = 0x80
LARGEST_DIRECTORY = 4 * 2**20
"""Bytes of one directory; a DVD's biggest has one or two MiB."""
LARGEST_TREES = 32 * 2**20
"""Bytes of all directories that are read, in both trees: they may lie one over the other."""
DEEPEST = 32
"""Parts of a path; ISO 9660 knows 8 levels."""
DESCRIPTORS = 32
"""Volume descriptors that are looked at; real images have three or four."""
_BOOT_RECORD, _PRIMARY, _SUPPLEMENTARY, _TERMINATOR = 0, 1, 2, 255
_JOLIET = {b"%/@", b"%/C", b"%/E"}


def damaged(image: Image, what: str) -> NoReturn:
    """Refuse an image whose structures contradict each other."""
    raise B2ctError(
        f"{image.path} is damaged: {what}",
        hint="compare its checksum with the distribution's, and download it again",
    )


def both(data: bytes, offset: int, size: int = 4) -> int:
    """A number recorded in both byte orders (ECMA-119 7.2.3, 7.3.3): the little-endian half."""
    return int.from_bytes(data[offset : offset + size], "little")


def to_both(number: int, size: int = 4) -> bytes:
    """A number in both byte orders."""
    return number.to_bytes(size, "little") + number.to_bytes(size, "big")


@dataclass(frozen=True)
class Record:
    """One directory record, raw; addresses in sectors, counted from the volume's base."""

    raw: bytes

    @property
    def extent(self) -> int:
        """First sector of the data."""
        return both(self.raw, 2)

    @property
    def size(self) -> int:
        """Bytes of the data."""
        return both(self.raw, 10)

    @property
    def flags(self) -> int:
        """File flags (ECMA-119 9.1.6)."""
        return self.raw[25]

    @property
    def is_directory(self) -> bool:
        """It is a directory."""
        return bool(self.flags & DIRECTORY)

    @property
    def identifier(self) -> bytes:
        """The file identifier; a zero byte is the directory itself, a one byte its parent."""
        return self.raw[33 : 33 + self.raw[32]]

    @property
    def system_use(self) -> bytes:
        """The system use field, where Rock Ridge lives."""
        return self.raw[self.system_use_offset :]

    @property
    def system_use_offset(self) -> int:
        """Byte of the record at which the system use field begins."""
        return 33 + self.raw[32] + (self.raw[32] + 1) % 2

    def at(self, extent: int, size: int) -> Record:
        """The same record for data elsewhere."""
        raw = self.raw
        return Record(raw[:2] + to_both(extent) + to_both(size) + raw[18:])


@dataclass(frozen=True)
class Volume:
    """A volume descriptor that has a tree: the primary one, or Joliet's."""

    raw: bytes
    sector: int
    """Where the descriptor is, from the start of the image."""
    base: int
    """The sector from which the tree's addresses count."""
    joliet: bool
    skip: int = 0
    """Bytes before the first system use entry of a record (SUSP LEN_SKP)."""
    rock_ridge: bool = False

    @property
    def space_size(self) -> int:
        """Sectors of the volume space."""
        return both(self.raw, 80)

    @property
    def root(self) -> Record:
        """The root directory's record."""
        return Record(self.raw[156:190])

    @property
    def identifier(self) -> str:
        """The volume ID, decoded and without padding."""
        text = self.raw[40:72]
        if self.joliet:
            return text.decode("utf-16-be", errors="replace").rstrip(" \0")
        return text.decode("latin-1").rstrip(" \0")

    @property
    def path_table_size(self) -> int:
        """Bytes of one path table."""
        return both(self.raw, 132)

    def name(self, record: Record) -> str:
        """The name that a user sees."""
        if self.joliet:
            return record.identifier.decode("utf-16-be", errors="replace").split(";")[0]
        parts = [
            body[1:]
            for kind, body in susp(record.system_use[self.skip :])
            if kind == b"NM" and body
        ]
        if parts:
            return b"".join(parts).decode("utf-8", errors="surrogateescape")
        return record.identifier.decode("latin-1").split(";")[0].rstrip(".").lower()


def susp(area: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The system use entries of one area as (signature, body after the version byte)."""
    at = 0
    while at + 4 <= len(area):
        length = area[at + 2]
        if length < 4 or at + length > len(area) or area[at : at + 2] == b"ST":
            return
        yield area[at : at + 2], area[at + 4 : at + length]
        at += length


def split_records(image: Image, data: bytes) -> list[Record]:
    """The records of a directory's bytes, in their order."""
    records, at = [], 0
    while at < len(data):
        length = data[at]
        if length == 0:  # the rest of a sector is empty: no record crosses a sector's end
            at = (at // SECTOR + 1) * SECTOR
            continue
        raw = data[at : at + length]
        whole = 34 <= length == len(raw) and at % SECTOR + length <= SECTOR
        if not whole or not raw[32] or 33 + raw[32] > length:
            damaged(image, "a directory record has an impossible length")
        records.append(Record(raw))
        at += length
    if len(records) < 2 or records[0].identifier != b"\0" or records[1].identifier != b"\1":
        damaged(image, "a directory does not begin with itself and its parent")
    return records


def directory_bytes(image: Image, volume: Volume, record: Record) -> bytes:
    """The bytes of a directory."""
    if not 0 < record.size <= LARGEST_DIRECTORY:
        damaged(image, f"a directory of {record.size} bytes")
    image.walked += record.size
    if image.walked > LARGEST_TREES:
        damaged(image, f"its directories have more than {LARGEST_TREES >> 20} MiB")
    return image.read((volume.base + record.extent) * SECTOR, record.size)


@dataclass(frozen=True)
class Directory:
    """What a directory holds, without itself and its parent; of one name the first counts."""

    records: tuple[Record, ...]
    names: dict[str, Record]


def directory(image: Image, volume: Volume, record: Record) -> Directory:
    """A directory, parsed once for an opened image."""
    where = (volume.base + record.extent, record.size, volume.joliet)
    if where not in image.directories:
        records = split_records(image, directory_bytes(image, volume, record))[2:]
        names = {volume.name(one): one for one in reversed(records)}
        image.directories[where] = Directory(tuple(records), names)
    return image.directories[where]


def children(image: Image, volume: Volume, record: Record) -> tuple[Record, ...]:
    """What a directory holds, without itself and its parent."""
    return directory(image, volume, record).records


def find(image: Image, volume: Volume, path: str, *, start: Record | None = None) -> Record | None:
    """The record of a path such as `images/pxeboot/vmlinuz`; None where there is none.

    The path counts from the directory `start`, or from the root.
    """
    parts = [part for part in path.split("/") if part]
    record = start or volume.root
    for part in parts[: DEEPEST + 1]:
        found = directory(image, volume, record).names.get(part) if record.is_directory else None
        if found is None:
            return None
        record = found
    return record if len(parts) <= DEEPEST else None


def content(image: Image, volume: Volume, path: str, *, limit: int) -> bytes | None:
    """A small file's bytes; None where there is none. Raises B2ctError above `limit` bytes."""
    record = find(image, volume, path)
    if record is None or record.is_directory:
        return None
    return small(image, volume, path, record, limit=limit)


def small(image: Image, volume: Volume, path: str, record: Record, *, limit: int) -> bytes:
    """The bytes of the file at a record. Raises B2ctError above `limit` bytes."""
    if record.size > limit or record.flags & MULTI_EXTENT:
        damaged(image, f"/{path} has {record.size} bytes, more than such a file ever has")
    return image.read((volume.base + record.extent) * SECTOR, record.size)


@dataclass(frozen=True)
class Descriptors:
    """All that the volume descriptors of an image say."""

    volumes: tuple[Volume, ...]
    """Primary first, then Joliet; then those of a second set, if there is one."""
    boot_catalog: int
    """Sector of El Torito's boot catalogue; 0: there is none."""

    @property
    def primary(self) -> Volume:
        """The first tree, which Linux mounts from the whole device."""
        return self.volumes[0]


def read_descriptors(image: Image, bases: tuple[int, ...] = (0,)) -> Descriptors:
    """The volume descriptors at each base. Raises B2ctError when the first set is not there."""
    volumes: list[Volume] = []
    catalog = 0
    for base in bases:
        found, boot = _read_set(image, base)
        if base and not found:
            continue
        volumes += found
        catalog = catalog or boot
    return Descriptors(tuple(volumes), catalog)


def _read_set(image: Image, base: int) -> tuple[list[Volume], int]:
    """One set of descriptors: its volumes with a tree, and El Torito's catalogue."""
    volumes: list[Volume] = []
    catalog = 0
    for sector in range(base + 16, base + 16 + DESCRIPTORS):
        if (sector + 1) * SECTOR > image.size:
            break
        raw = image.sector(sector)
        if raw[1:6] in {b"NSR02", b"NSR03"}:
            raise B2ctError(
                f"{image.path} has a UDF file system as well, which would not show new files",
                hint="use the distribution's netinstall or boot ISO, which has none",
            )
        if raw[1:6] not in {b"CD001", b"BEA01", b"TEA01"} or raw[0] == _TERMINATOR:
            if raw[0] == _TERMINATOR and raw[1:6] == b"CD001":
                continue  # UDF's own descriptors would follow the terminator
            break
        if raw[0] == _BOOT_RECORD and raw[7:30] == b"EL TORITO SPECIFICATION":
            catalog = int.from_bytes(raw[71:75], "little")
        elif raw[0] == _PRIMARY and not volumes:
            volumes.append(_with_rock_ridge(image, Volume(raw, sector, base, joliet=False)))
        elif raw[0] == _SUPPLEMENTARY and raw[88:91] in _JOLIET and volumes:
            volumes.append(Volume(raw, sector, base, joliet=True))
    return volumes, catalog


def _with_rock_ridge(image: Image, volume: Volume) -> Volume:
    """The volume with what the first record of its root says about Rock Ridge (SUSP 5.3)."""
    if both(volume.raw, 128, 2) != SECTOR:
        damaged(image, "its logical blocks are not 2048 bytes")
    first = split_records(image, directory_bytes(image, volume, volume.root))[0]
    area = first.system_use
    if area[:2] == b"SP" and len(area) >= 7 and area[4:6] == b"\xbe\xef":
        return replace(volume, skip=area[6], rock_ridge=True)
    return volume
