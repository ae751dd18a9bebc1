"""The MBR: reading an image's partitions, to say where a difference is; and writing one.

Layout of a classical MBR: four entries of 16 bytes at 446, signature 55 AA at 510 (UEFI
specification, 5.2.1).
"""

from __future__ import annotations

import secrets
import struct
from dataclasses import dataclass

from b2ct.stick.image import Image

FAT_TYPES = {0x01, 0x04, 0x06, 0x0B, 0x0C, 0x0E}
_EMPTY_OR_PROTECTIVE = {0x00, 0xEE}
_CHS_BEYOND = b"\xfe\xff\xff"


@dataclass(frozen=True)
class Part:
    """A partition; bytes `start` to `end`. `reserved` bytes of it hold boot code and geometry."""

    index: int
    start: int
    end: int
    fat: bool
    reserved: int = 0

    @property
    def title(self) -> str:
        """How it is called in a message."""
        return f"partition {self.index} ({'FAT' if self.fat else 'not FAT'})"


def layout_of(image: Image, sector: int = 512) -> tuple[Part, ...]:
    """The partitions of an image's MBR; none where it has no MBR."""
    table = memoryview(bytearray(512))
    image.read(table, 0)
    if bytes(table[510:]) != b"\x55\xaa":
        return ()
    found = []
    for index in range(4):
        entry = table[446 + 16 * index : 462 + 16 * index]
        kind = entry[4]
        start, count = struct.unpack_from("<II", entry, 8)
        if kind not in _EMPTY_OR_PROTECTIVE and start and count:
            begin, end = start * sector, min((start + count) * sector, image.size)
            if begin < end:
                fat = kind in FAT_TYPES
                found.append(Part(index + 1, begin, end, fat, _reserved(image, begin, fat)))
    return tuple(found)


def _reserved(image: Image, start: int, fat: bool) -> int:
    """Bytes before the first FAT (BPB_RsvdSecCnt): boot code that no file edit touches."""
    if not fat:
        return 0
    sector = memoryview(bytearray(512))
    image.read(sector, start)
    size, count = struct.unpack_from("<H", sector, 11)[0], struct.unpack_from("<H", sector, 14)[0]
    return int(size * count)


def _at(layout: tuple[Part, ...], offset: int) -> Part | None:
    # Hybrid ISOs nest partitions: the smallest one tells most.
    inside = [part for part in layout if part.start <= offset < part.end]
    return min(inside, key=lambda part: part.end - part.start, default=None)


def regions(layout: tuple[Part, ...], ranges: list[tuple[int, int]]) -> tuple[str, ...]:
    """The names of the parts in which ranges of bytes begin, each once."""
    names: dict[str, None] = {}
    for begin, _ in ranges:
        part = _at(layout, begin)
        if part is not None:
            names[part.title] = None
        elif begin < 512:
            names["the partition table"] = None
        elif layout and begin < min(one.start for one in layout):
            names["the boot loader's area before the first partition"] = None
        else:
            names["outside all partitions"] = None
    return tuple(names)


def inside_fat(layout: tuple[Part, ...], ranges: list[tuple[int, int]]) -> tuple[Part, ...]:
    """The FAT partitions that hold all the ranges; none if any range is elsewhere."""
    found = [_at(layout, begin) for begin, _ in ranges]
    if all(p and p.fat and end <= p.end for p, (_, end) in zip(found, ranges, strict=True)):
        return tuple(dict.fromkeys(part for part in found if part))
    return ()


def same_boot_code(ours: bytes, theirs: bytes) -> bool:
    """The sectors before a FAT are the same, but for what every mount changes there.

    That is the dirty flag in the boot sector (offset 37 on FAT16, 65 on FAT32) and FSInfo's free
    count and next free cluster (488 to 496 of the second sector): Microsoft's fatgen103.
    """
    changing = {37, 65, *range(512 + 488, 512 + 496)}
    return len(ours) == len(theirs) and all(
        a == b or at in changing for at, (a, b) in enumerate(zip(ours, theirs, strict=True))
    )


def mbr(start: int, count: int, kind: int) -> bytes:
    """An MBR of one partition (sector numbers), with a fresh disk signature and no boot code."""
    signature = secrets.token_bytes(4)
    entry = b"\x00" + _CHS_BEYOND + bytes([kind]) + _CHS_BEYOND + struct.pack("<II", start, count)
    return bytes(440) + signature + bytes(2) + entry + bytes(48) + b"\x55\xaa"
