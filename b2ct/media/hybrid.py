"""What firmware reads: MBR, GPT and El Torito, and how they follow when an image grows.

A hybrid image describes itself up to four times (volume descriptors, El Torito, MBR, GPT). New
data goes into a gap that is opened behind the ISO file system, at one place; all that lies behind
it (an appended EFI system partition, padding, the backup GPT) moves by the gap's length. So every
table follows one rule: what contains the gap grows, what lies behind it moves.

Follows UEFI 2.10 chapter 5 (GPT, protective MBR) and the El Torito specification 1.0.
Addresses of the MBR and GPT are in blocks of 512 bytes, those of El Torito in sectors of 2048.
"""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass

from b2ct.core.errors import B2ctError
from b2ct.media.iso9660 import damaged
from b2ct.media.source import BLOCK, SECTOR, Image

RATIO = SECTOR // BLOCK
MEGABYTE = 2**20 // SECTOR
"""Sectors of a MiB: growth in whole MiB keeps the alignment of what is moved."""
LARGEST_CYLINDER = 8 * 2**20
PLATFORM_BIOS, PLATFORM_EFI = 0x00, 0xEF
_PROTECTIVE, _MBR_ESP = 0xEE, 0xEF
_ESP_TYPE = bytes.fromhex("28732ac11ff8d211ba4b00a0c93ec93b")
_HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")  # UEFI 2.10, table 5.5
_ISO_STARTS_BY = 64
"""Blocks: the ISO's partition begins at 0, or at the partition offset of 16 sectors."""


@dataclass(frozen=True)
class Partition:
    """A partition of the MBR or the GPT, in blocks."""

    index: int
    start: int
    size: int
    is_esp: bool
    protective: bool = False

    @property
    def end(self) -> int:
        """The block behind the last."""
        return self.start + self.size


@dataclass(frozen=True)
class Gpt:
    """A GUID partition table: its header's fields and the raw entries."""

    header: bytes
    entries: bytes
    entries_at: int
    """Block of the primary entry array."""
    entry_size: int
    backup_at: int
    """Block of the backup header."""
    backup_entries_at: int

    def partitions(self) -> list[Partition]:
        """The entries in use."""
        found = []
        for index in range(len(self.entries) // self.entry_size):
            raw = self.entries[index * self.entry_size : (index + 1) * self.entry_size]
            if any(raw[:16]):
                first, last = struct.unpack_from("<QQ", raw, 32)
                found.append(
                    Partition(index, first, last - first + 1, is_esp=raw[:16] == _ESP_TYPE)
                )
        return found


@dataclass(frozen=True)
class BootImage:
    """A bootable entry of El Torito's catalogue."""

    entry_at: int
    """Byte of the image at which the 32-byte catalogue entry is."""
    platform: int
    sector: int
    blocks: int
    """Blocks of 512 bytes to load, in 16 bits: not the length of a big image."""


@dataclass(frozen=True)
class Equipment:
    """The boot equipment of an image."""

    mbr: bytes
    """Block 0; empty where there is no partition table and no boot code."""
    gpt: Gpt | None
    boot_images: tuple[BootImage, ...]

    def mbr_partitions(self) -> list[Partition]:
        """The MBR's entries in use."""
        found = []
        for index in range(4 if self.mbr else 0):
            raw = self.mbr[446 + 16 * index : 462 + 16 * index]
            start, size = struct.unpack_from("<II", raw, 8)
            if size:
                found.append(
                    Partition(index, start, size, raw[4] == _MBR_ESP, raw[4] == _PROTECTIVE)
                )
        return found

    def partitions(self) -> list[Partition]:
        """The real partitions of both tables."""
        both = [*(self.gpt.partitions() if self.gpt else []), *self.mbr_partitions()]
        return [partition for partition in both if not partition.protective]

    def iso_partition(self) -> Partition | None:
        """The partition that holds the ISO file system: the first that begins before it."""
        holders = [p for p in self.partitions() if p.start <= _ISO_STARTS_BY]
        return max(holders, key=lambda p: p.end, default=None)


def read_equipment(image: Image, boot_catalog: int) -> Equipment:
    """Parse the boot equipment; `boot_catalog` is a sector, 0 for none.

    Raises B2ctError for tables that contradict the image's size.
    """
    block = image.read(0, BLOCK)
    mbr = block if block[510:] == b"\x55\xaa" and any(block[:510]) else b""
    gpt = _read_gpt(image) if mbr else None
    boot_images = tuple(_read_catalog(image, boot_catalog)) if boot_catalog else ()
    ends = [partition.end for partition in (gpt.partitions() if gpt else [])]
    ends += [boot.sector * RATIO for boot in boot_images]
    if any(not 0 < end * BLOCK <= image.size for end in ends):
        damaged(image, "its boot records refer to places outside of it")
    return Equipment(mbr, gpt, boot_images)


def _read_gpt(image: Image) -> Gpt | None:
    """The primary GPT; None where there is none."""
    raw = image.read(BLOCK, BLOCK)
    if raw[:8] != b"EFI PART":
        return None
    fields = _HEADER.unpack_from(raw)
    length, backup, entries_at, count, size = (
        fields[2],
        fields[6],
        fields[10],
        fields[11],
        fields[12],
    )
    if not 92 <= length <= BLOCK or size not in {128, 256, 512} or not 1 <= count <= 1024:
        damaged(image, "its GUID partition table is not readable")
    array_blocks = -(-count * size // BLOCK)
    if (backup + 1) * BLOCK > image.size:
        raise B2ctError(
            f"{image.path} is cut: its partition table says {(backup + 1) * BLOCK} bytes,"
            f" the file has {image.size}",
            hint="download it again, and compare its checksum",
        )
    backup_entries = backup - array_blocks
    header = image.read(backup * BLOCK, BLOCK)
    if header[:8] == b"EFI PART":
        backup_entries = _HEADER.unpack_from(header)[10]
    if not 1 < entries_at < backup_entries < backup or fields[8] >= backup:
        damaged(image, "its GUID partition table is not readable")
    return Gpt(
        raw[:length], image.read(entries_at * BLOCK, count * size), entries_at, size, backup,
        backup_entries,
    )  # fmt: skip


def _read_catalog(image: Image, sector: int) -> list[BootImage]:
    """The bootable entries of the boot catalogue."""
    raw = image.sector(sector)
    if raw[0] != 1 or raw[30:32] != b"\x55\xaa":
        damaged(image, "its El Torito boot catalogue is not readable")
    found, platform, at = [], raw[1], 32
    while at < SECTOR:
        kind = raw[at]
        if kind in {0x90, 0x91}:
            platform = raw[at + 1]
        elif kind == 0x88:
            blocks, start = struct.unpack_from("<HI", raw, at + 6)
            found.append(BootImage(sector * SECTOR + at, platform, start, blocks))
        elif kind == 0 and at > 32:
            break
        at += 32
    return found


def gap_position(image: Image, equipment: Equipment, volume_sectors: int) -> int:
    """The sector at which new data goes: behind the ISO file system, before what is appended.

    Raises B2ctError when an appended partition lies where it cannot be moved as a whole.
    """
    iso = equipment.iso_partition()
    if iso is None:
        return volume_sectors
    appended = [p for p in equipment.partitions() if p.start >= iso.end]
    if not any(p.start < volume_sectors * RATIO for p in appended):
        return volume_sectors
    if iso.end % RATIO or any(p.start % RATIO for p in appended if p.is_esp):
        damaged(image, "a partition is not aligned to the sectors of the file system")
    return iso.end // RATIO


def growth_unit(equipment: Equipment) -> int:
    """Sectors by which an image may grow, so that its alignment stays: a MiB or a cylinder.

    A BIOS may take the disk's geometry from the end of the partition, so that an image that ended
    on a cylinder should go on doing so.
    """
    iso = next((p for p in equipment.mbr_partitions() if p.start <= _ISO_STARTS_BY), None)
    if iso is None or iso.protective:
        return MEGABYTE
    geometry = _geometry(equipment.mbr, iso)
    cylinder = geometry[0] * geometry[1] if geometry else 0
    if not cylinder or iso.end % cylinder:
        return MEGABYTE
    unit = math.lcm(cylinder * BLOCK, SECTOR)
    return unit // SECTOR if unit <= LARGEST_CYLINDER else MEGABYTE


def _geometry(mbr: bytes, partition: Partition) -> tuple[int, int] | None:
    """Heads and sectors a track by which an MBR entry's end is written; None: by none."""
    end = mbr[446 + 16 * partition.index + 5 : 446 + 16 * partition.index + 8]
    for heads, per_track in ((end[0] + 1, end[1] & 0x3F), (64, 32), (255, 63)):
        if per_track and _chs(partition.end - 1, heads, per_track) == end:
            return heads, per_track
    return None


def grow(equipment: Equipment, gap: int, growth: int) -> dict[int, bytes]:
    """The tables after `growth` sectors went in at sector `gap`: byte of the result -> bytes."""
    patches: dict[int, bytes] = {}
    if equipment.mbr and equipment.mbr_partitions():
        patches[0] = _grow_mbr(equipment, gap * RATIO, growth * RATIO)
    if equipment.gpt:
        patches |= _grow_gpt(equipment.gpt, gap * RATIO, growth * RATIO)
    for boot in equipment.boot_images:
        if boot.sector >= gap:
            patches[boot.entry_at + 8] = struct.pack("<I", boot.sector + growth)
    return patches


def _follow(partition: Partition, gap: int, growth: int) -> tuple[int, int]:
    """The start and size of a partition after the growth, in blocks."""
    if partition.start >= gap:
        return partition.start + growth, partition.size
    if partition.protective or partition.start <= _ISO_STARTS_BY or partition.end > gap:
        return partition.start, partition.size + growth
    return partition.start, partition.size


def _grow_mbr(equipment: Equipment, gap: int, growth: int) -> bytes:
    mbr = bytearray(equipment.mbr)
    for partition in equipment.mbr_partitions():
        start, size = _follow(partition, gap, growth)
        at = 446 + 16 * partition.index
        size = min(size, 0xFFFFFFFF if partition.protective else size)
        geometry = _geometry(equipment.mbr, partition)
        if (start, size) != (partition.start, partition.size):
            if geometry:
                mbr[at + 5 : at + 8] = _chs(start + size - 1, *geometry)
            if geometry and start != partition.start:
                mbr[at + 1 : at + 4] = _chs(start, *geometry)
            try:
                struct.pack_into("<II", mbr, at + 8, start, size)
            except struct.error:
                raise B2ctError("the image would be bigger than an MBR can say (2 TiB)") from None
    return bytes(mbr)


def _chs(block: int, heads: int, per_track: int) -> bytes:
    """Cylinder, head and sector of a block, as the MBR packs them; beyond cylinder 1023 clipped."""
    cylinder, rest = divmod(block, heads * per_track)
    head, sector = divmod(rest, per_track)
    if cylinder > 1023:
        cylinder, head, sector = 1023, heads - 1, per_track - 1
    return bytes((head, (sector + 1) | (cylinder >> 2) & 0xC0, cylinder & 0xFF))


def _grow_gpt(gpt: Gpt, gap: int, growth: int) -> dict[int, bytes]:
    entries = bytearray(gpt.entries)
    for partition in gpt.partitions():
        start, size = _follow(partition, gap, growth)
        struct.pack_into(
            "<QQ", entries, partition.index * gpt.entry_size + 32, start, start + size - 1
        )
    array = bytes(entries)
    backup_at, backup_entries_at = gpt.backup_at + growth, gpt.backup_entries_at + growth
    primary = _gpt_header(gpt, growth, (1, backup_at, gpt.entries_at), array)
    backup = _gpt_header(gpt, growth, (backup_at, 1, backup_entries_at), array)
    old = {
        at * BLOCK: bytes(length)
        for at, length in ((gpt.backup_at, BLOCK), (gpt.backup_entries_at, len(array)))
        if at < gap
    }
    return old | {
        BLOCK: primary,
        gpt.entries_at * BLOCK: array,
        backup_entries_at * BLOCK: array,
        backup_at * BLOCK: backup,
    }


def _gpt_header(gpt: Gpt, growth: int, places: tuple[int, int, int], array: bytes) -> bytes:
    """A header with its checksums; `places`: its own block, the other header's, the entries'."""
    fields = list(_HEADER.unpack_from(gpt.header))
    fields[3] = 0  # the checksum is taken with its own field empty
    fields[5], fields[6], fields[10] = places
    fields[8] += growth  # the last usable block
    fields[13] = zlib.crc32(array)
    raw = bytearray(gpt.header)
    _HEADER.pack_into(raw, 0, *fields)
    struct.pack_into("<I", raw, 16, zlib.crc32(bytes(raw)))
    return bytes(raw)
