"""The times in an ext4 file system that mke2fs has just made, clamped to one moment.

mke2fs copies the times of status changes and of access, which no program can choose, into the
file system (and before 1.47.1 does not clamp any). So its inodes are patched: no modification is
later than the epoch, and status change and access are as old as the modification.

Layout after Linux' Documentation/filesystems/ext4. An inode's checksum is a CRC-32C, which is
linear: changed bytes change it by a value that depends on their change and on their distance from
the end alone, so that two short tables are enough and no inode is summed again.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import BinaryIO

from b2ct.core.errors import B2ctError

_SUPERBLOCK = 1024
_MAGIC = 0xEF53
_BIT64 = 0x80
_METADATA_CSUM = 0x400
_INODE_UNINIT = 0x1
_POLYNOMIAL = 0x82F63B78
"""Castagnoli's, bits reversed."""
_LINKS = struct.Struct("<H")
_BASE = struct.Struct("<3I")
_BASE_AT = 0x08
"""Access, status change, modification: the low 32 bits of each."""
_MORE = struct.Struct("<3I")
_MORE_AT = 0x84
"""Status change, modification, access: two more bits of the seconds, and 30 of nanoseconds."""
_MORE_NEEDS = 16
"""The size of an inode's extra fields (at 0x80) that includes them."""


@dataclass(frozen=True)
class _Table:
    """The used part of an inode table: `offset` on the disk, sizes in bytes."""

    offset: int
    inodes: int
    inode_size: int
    summed: bool
    """Each inode has a checksum."""


def clamp(disk: BinaryIO, start: int, epoch: int) -> None:
    """Clamp the times of all inodes of the file system at `start` (bytes) of a disk.

    Raises B2ctError when there is no ext4 as mke2fs makes it.
    """
    for table in _tables(disk, start):
        data = _read(disk, table.offset, table.inodes * table.inode_size)
        disk.seek(table.offset)
        disk.write(clamped(data, table.inode_size, epoch, summed=table.summed))


def _tables(disk: BinaryIO, start: int) -> Iterator[_Table]:
    block = _read(disk, start + _SUPERBLOCK, 1024)
    (magic,) = struct.unpack_from("<H", block, 0x38)
    if magic != _MAGIC:
        raise B2ctError("mke2fs left no ext4 file system where it was told to make one")
    inodes, first, log = struct.unpack_from("<I16x2I", block)
    per_group, inode_size = struct.unpack_from("<I44xH", block, 0x28)
    incompatible, read_only = struct.unpack_from("<2I", block, 0x60)
    wide = bool(incompatible & _BIT64)
    width = struct.unpack_from("<H", block, 0xFE)[0] if wide else 32
    size = 1024 << log
    descriptors = _read(disk, start + (first + 1) * size, inodes // per_group * width)
    for at in range(0, len(descriptors), width):
        table, flags, unused = struct.unpack_from("<8xI6xH8xH", descriptors, at)
        if wide:
            high, unused_high = struct.unpack_from("<I6xH", descriptors, at + 0x28)
            table, unused = table | high << 32, unused | unused_high << 16
        if not flags & _INODE_UNINIT:
            offset = start + table * size
            yield _Table(offset, per_group - unused, inode_size, bool(read_only & _METADATA_CSUM))


def _read(disk: BinaryIO, offset: int, size: int) -> bytes:
    disk.seek(offset)
    data = disk.read(size)
    if len(data) != size:
        raise B2ctError("the file system that mke2fs made is shorter than it should be")
    return data


def clamped(table: bytes, size: int, epoch: int, *, summed: bool) -> bytes:
    """Inodes of `size` bytes each with their times clamped to `epoch` (seconds since 1970)."""
    out = bytearray(table)
    for at in range(0, len(table), size):
        if _LINKS.unpack_from(out, at)[0] == 0:  # no mode: never used
            continue
        extended = size > 128 and _LINKS.unpack_from(out, at + 0x80)[0] >= _MORE_NEEDS
        base = _BASE.unpack_from(out, at + _BASE_AT)
        more = _MORE.unpack_from(out, at + _MORE_AT) if extended else (0, 0, 0)
        seconds = (base[2] ^ 1 << 31) - (1 << 31) + ((more[1] & 3) << 32)
        time = min(seconds, epoch)
        low = time & 0xFFFFFFFF
        high = (time - ((low ^ 1 << 31) - (1 << 31))) >> 32 & 3
        change = _replace(out, at, _BASE_AT, size=size, old=base, new=low)
        if extended:
            change ^= _replace(out, at, _MORE_AT, size=size, old=more, new=high)
        if summed and change:
            _resum(out, at, change, extended=extended)
    return bytes(out)


def _replace(
    out: bytearray, at: int, field: int, *, size: int, old: tuple[int, ...], new: int
) -> int:
    """Set three times of the inode at `at`; by what its checksum changes."""
    if old == (new, new, new):
        return 0
    _BASE.pack_into(out, at + field, new, new, new)
    state = 0
    for byte in _BASE.pack(old[0] ^ new, old[1] ^ new, old[2] ^ new):
        state = state >> 8 ^ _bytewise()[(state ^ byte) & 0xFF]
    tables = _past(size - field - _BASE.size)
    return (
        tables[0][state & 0xFF]
        ^ tables[1][state >> 8 & 0xFF]
        ^ tables[2][state >> 16 & 0xFF]
        ^ tables[3][state >> 24]
    )


def _resum(out: bytearray, at: int, change: int, *, extended: bool) -> None:
    """The checksum is in two halves; an inode without extra fields has the lower one alone."""
    for field, bits in ((0x7C, change & 0xFFFF), (0x82, change >> 16)):
        if field < 0x80 or extended:
            _LINKS.pack_into(out, at + field, _LINKS.unpack_from(out, at + field)[0] ^ bits)


@cache
def _bytewise() -> tuple[int, ...]:
    """CRC-32C of each byte value."""
    table = []
    for byte in range(256):
        state = byte
        for _ in range(8):
            state = state >> 1 ^ (_POLYNOMIAL if state & 1 else 0)
        table.append(state)
    return tuple(table)


@cache
def _past(count: int) -> tuple[tuple[int, ...], ...]:
    """What `count` zero bytes make of a state, by each of its four bytes."""
    bits = []
    for bit in range(32):
        state = 1 << bit
        for _ in range(count):
            state = state >> 8 ^ _bytewise()[state & 0xFF]
        bits.append(state)
    return tuple(
        tuple(
            _sum(bits[8 * number + bit] for bit in range(8) if byte >> bit & 1)
            for byte in range(256)
        )
        for number in range(4)
    )


def _sum(values: Iterator[int]) -> int:
    total = 0
    for value in values:
        total ^= value
    return total
