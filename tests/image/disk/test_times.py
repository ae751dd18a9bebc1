"""Inodes against a CRC-32C that is computed from the first byte to the last."""

from __future__ import annotations

import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from b2ct.image.disk.times import clamped

EPOCH = 1_700_000_000
SIZE = 256


def crc32c(data: bytes, state: int = 0xFFFFFFFF) -> int:
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = state >> 1 ^ (0x82F63B78 if state & 1 else 0)
    return state


def summed(inode: bytes) -> bytes:
    """The inode with its right checksum, as ext4 computes it behind some seed."""
    out = bytearray(inode)
    extended = len(out) > 128 and struct.unpack_from("<H", out, 0x80)[0] >= 4
    struct.pack_into("<H", out, 0x7C, 0)
    if extended:
        struct.pack_into("<H", out, 0x82, 0)
    value = crc32c(bytes(out), 0x12345678)
    struct.pack_into("<H", out, 0x7C, value & 0xFFFF)
    if extended:
        struct.pack_into("<H", out, 0x82, value >> 16)
    return bytes(out)


def inode(atime: int, ctime: int, mtime: int, *, mode: int = 0o100644, fill: int = 0) -> bytes:
    out = bytearray([fill] * SIZE)
    struct.pack_into("<H", out, 0, mode)
    struct.pack_into("<3I", out, 8, *(time & 0xFFFFFFFF for time in (atime, ctime, mtime)))
    struct.pack_into("<H", out, 0x80, 32)
    more = [time - ((time + 2**31) % 2**32 - 2**31) >> 32 & 3 for time in (ctime, mtime, atime)]
    struct.pack_into("<3I", out, 0x84, *more)
    return bytes(out)


def times(data: bytes) -> set[int]:
    base = struct.unpack_from("<3i", data, 8)
    more = struct.unpack_from("<3I", data, 0x84)
    assert more[0] == more[1] == more[2]
    return {seconds + ((more[0] & 3) << 32) for seconds in base}


moments = st.integers(-(2**31), 2**33)


@settings(max_examples=60)
@given(moments, moments, moments, st.integers(0, 255), st.integers(0, 2**32 - 1))
def test_times_are_clamped_and_the_checksum_follows(
    atime: int, ctime: int, mtime: int, fill: int, epoch: int
) -> None:
    before = summed(inode(atime, ctime, mtime, fill=fill))
    after = clamped(before, SIZE, epoch, summed=True)
    assert times(after) == {min(mtime, epoch)}
    assert after == summed(after)
    rest = [(0, 8), (20, 0x7C), (0x7E, 0x82), (0x90, SIZE)]
    assert all(after[a:b] == before[a:b] for a, b in rest)


def test_old_inodes_have_half_a_checksum() -> None:
    before = bytearray(inode(EPOCH + 1, EPOCH + 2, EPOCH + 3)[:128])
    after = clamped(summed(bytes(before)), 128, EPOCH, summed=True)
    assert struct.unpack_from("<3I", after, 8) == (EPOCH,) * 3
    assert after == summed(after)


def test_without_checksums_none_is_written() -> None:
    after = clamped(inode(EPOCH + 1, 5, 7), SIZE, EPOCH, summed=False)
    assert times(after) == {7}
    assert after[0x7C:0x7E] == after[0x82:0x84] == b"\0\0"


def test_what_was_never_used_stays() -> None:
    table = inode(EPOCH + 1, EPOCH, EPOCH, mode=0) + bytes(SIZE)
    assert clamped(table, SIZE, EPOCH, summed=True) == table
