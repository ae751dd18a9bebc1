"""The media check's sum as isomd5sum implants it, taken while the image streams by.

The layout is that of isomd5sum (libimplantisomd5.c, utilities.c): the MD5 of the volume space
without its last 15 sectors, with the application use field of the primary descriptor blank; and
20 short sums on the way, so that a check can stop early. A short sum is taken after the first
buffer of 32 KiB that begins in the next twenty-first part of the image.
"""

from __future__ import annotations

import hashlib

from b2ct.media.source import SECTOR

FIELD_AT = 883
"""Byte of the primary volume descriptor (ECMA-119 8.4.32)."""
FIELD_LENGTH = 512
SKIPPED = 15
"""Sectors at the end of the volume space that are left out."""
FRAGMENTS = 20
_BUFFER = 32_768
_DIGITS = 3


def checked_bytes(volume_sectors: int) -> int:
    """How many bytes of an image the sum covers."""
    return max(0, volume_sectors - SKIPPED) * SECTOR


def stops(total: int) -> list[int]:
    """The offsets at which short sums are taken, for `total` bytes that are summed."""
    part = total // (FRAGMENTS + 1)
    if not part:
        return []
    starts = {-(-part * number // _BUFFER) * _BUFFER for number in range(1, FRAGMENTS + 1)}
    return sorted(min(start + _BUFFER, total) for start in starts if start < total)


def every_version_agrees(volume_sectors: int) -> bool:
    """Old and new isomd5sum take the short sums of such an image at the same places.

    isomd5sum before 1.1 computes the part of an offset as `offset * 21 // total`, later ones as
    `offset // (total // 21)`: an installer that checks itself may have either.
    """
    total = checked_bytes(volume_sectors)
    part = total // (FRAGMENTS + 1)
    if part < _BUFFER:
        return total == 0 or part > 0
    for number in range(1, FRAGMENTS + 1):
        new = -(-part * number // _BUFFER)
        old = -(-total * number // ((FRAGMENTS + 1) * _BUFFER))
        if old != new:
            return False
    return True


class Summer:
    """Takes an image's bytes in order and makes the field of them."""

    def __init__(self, total: int, *, supported: bool = False) -> None:
        """`total` bytes are summed, what follows is ignored."""
        self._left = total
        self._at = 0
        self._stops = stops(total)
        self._next = 0
        self._sums = ""
        self._supported = supported
        self._hash = hashlib.md5(usedforsecurity=False)

    def update(self, data: memoryview) -> None:
        """Take the next bytes."""
        data = data[: self._left]
        self._left -= len(data)
        while self._next < len(self._stops) and self._stops[self._next] <= self._at + len(data):
            part = self._stops[self._next] - self._at
            self._take(data[:part])
            data = data[part:]
            digest = self._hash.copy().digest()
            # each digit is the first of the byte written in hexadecimal without a leading zero
            self._sums += "".join(f"{byte:x}"[0] for byte in digest[:_DIGITS])
            self._next += 1
        self._take(data)

    def _take(self, data: memoryview) -> None:
        self._hash.update(data)
        self._at += len(data)

    def md5(self) -> str:
        """The sum, in hexadecimal."""
        return self._hash.hexdigest()

    def field(self) -> bytes:
        """The 512 bytes of the application use field."""
        text = (
            f"ISO MD5SUM = {self.md5()};SKIPSECTORS = {SKIPPED};"
            f"RHLISOSTATUS={int(self._supported)};FRAGMENT SUMS = {self._sums};"
            f"FRAGMENT COUNT = {FRAGMENTS};"
            "THIS IS NOT THE SAME AS RUNNING MD5SUM ON THIS ISO!!"
        )
        return text.encode().ljust(FIELD_LENGTH)
