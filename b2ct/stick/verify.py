"""Reading a stick back: its SHA-256, and where and how it differs from the image."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from b2ct.stick import parts
from b2ct.stick.blockio import CHUNK, Door, aligned
from b2ct.stick.image import Image
from b2ct.stick.layout import padded
from b2ct.stick.readahead import ReadAhead

Progress = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]
"""Like console.byte_progress."""
BLOCK = 1 << 20
"""The unit in which differences are counted, in bytes."""


@dataclass(frozen=True)
class Comparison:
    """A device against an image; offsets are in bytes from the start."""

    size: int
    image_sha256: str
    device_sha256: str
    first: int | None
    """The first byte that differs; None: all are the same."""
    blocks: tuple[int, ...]
    """Numbers of the MiB in which any byte differs."""
    regions: tuple[str, ...]
    """The parts of the image in which they are."""
    only_files: bool
    """All differences are inside FAT partitions, after the boot sector: files were changed."""

    @property
    def same(self) -> bool:
        """Nothing differs."""
        return self.first is None

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "same": self.same,
            "size": self.size,
            "image_sha256": self.image_sha256,
            "device_sha256": self.device_sha256,
            "first_difference": self.first,
            "differing_mib": len(self.blocks),
            "regions": list(self.regions),
            "only_files": self.only_files,
        }


def digest_of(door: Door, size: int, progress: Progress) -> str:
    """The SHA-256 of the first bytes of a device, read from the device itself."""
    door.forget()
    digest = hashlib.sha256()
    ahead = ReadAhead(door.read, 0, padded(size, door.align))
    with progress("verifying", size) as advance, ahead as chunks:
        for offset, view, _ in chunks:
            piece = view[: size - offset]
            digest.update(piece)
            advance(len(piece))
    return digest.hexdigest()


@dataclass
class _Tally:
    first: int | None = None
    blocks: list[int] = field(default_factory=list)
    ranges: list[tuple[int, int]] = field(default_factory=list)

    def add(self, offset: int, ours: memoryview, theirs: memoryview) -> None:
        """Compare two buffers that belong at `offset`."""
        if bytes(ours) == bytes(theirs):
            return
        for at in range(0, len(ours), BLOCK):
            a, b = bytes(ours[at : at + BLOCK]), bytes(theirs[at : at + BLOCK])
            if a != b:
                begin = offset + at + first_difference(a, b)
                end = offset + at + len(a) - first_difference(a[::-1], b[::-1])
                self.first = begin if self.first is None else self.first
                self.blocks.append((offset + at) // BLOCK)
                self.ranges.append((begin, end))


def first_difference(a: bytes, b: bytes) -> int:
    """Index of the first byte in which two different strings of one length differ."""
    low, high = 0, len(a)
    while high - low > 1:
        middle = (low + high) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle
    return low


def compare(door: Door, image: Image, progress: Progress) -> Comparison:
    """Compare the image with what the device has, byte by byte, to the end."""
    door.forget()
    ours, theirs = hashlib.sha256(), hashlib.sha256()
    tally = _Tally()
    buffer = aligned(CHUNK)
    ahead = ReadAhead(door.read, 0, padded(image.size, door.align))
    with progress("verifying", image.size) as advance, ahead as chunks:
        for offset, view, _ in chunks:
            wanted = image.read(buffer[: len(view)], offset)
            ours.update(buffer[:wanted])
            theirs.update(view[:wanted])
            tally.add(offset, buffer[:wanted], view[:wanted])
            advance(wanted)
    layout = parts.layout_of(image)
    return Comparison(
        size=image.size,
        image_sha256=ours.hexdigest(),
        device_sha256=theirs.hexdigest(),
        first=tally.first,
        blocks=tuple(tally.blocks),
        regions=parts.regions(layout, tally.ranges),
        only_files=_only_files(door, image, layout, tally.ranges),
    )


def _only_files(
    door: Door, image: Image, layout: tuple[parts.Part, ...], ranges: list[tuple[int, int]]
) -> bool:
    """All differences are where FAT keeps files: someone edited them, or mounted the stick."""
    touched = parts.inside_fat(layout, ranges)
    for part in touched:
        begin = part.start // door.align * door.align
        ours = aligned(padded(part.start + part.reserved - begin, door.align))
        theirs = aligned(len(ours))
        image.read(ours, begin)
        door.read(theirs, begin)
        lead = slice(part.start - begin, part.start - begin + part.reserved)
        if not parts.same_boot_code(bytes(ours[lead]), bytes(theirs[lead])):
            return False
    return bool(touched)
