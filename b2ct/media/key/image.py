"""Writes the image of a key: one pass over the plan, holes where it says nothing.

The kernel copies from the ISO where it can, without the bytes passing through this process (and
without copying at all on file systems that share blocks).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from b2ct.core import files
from b2ct.core.errors import B2ctError
from b2ct.media.imagewriter import Data
from b2ct.media.key.fat32 import Piece
from b2ct.media.source import Image

CHUNK = 16 * 2**20
"""Bytes that the kernel is asked to copy at a time: so often there is progress."""
BUFFER = 2**20
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Written:
    """What was written. `stored` are the bytes that are not holes."""

    path: Path
    size: int
    stored: int
    sha256: str | None


def write(
    source: Image,
    pieces: Sequence[Piece],
    size: int,
    out: Path,
    *,
    progress: Progress | None = None,
    sha256: bool = False,
    mode: int = 0o644,
) -> Written:
    """Write an image of `size` bytes atomically: `pieces` of it, and zeros for the rest.

    `mode` is the permissions of the file: 0600 where kickstarts on it hold a secret or a hash.
    `progress` is told the bytes written since its last call; `sha256` reads the result once more.
    Raises B2ctError when the source cannot be read, became shorter, or the operating system
    refuses.
    """
    stored = sum(piece.segment.length for piece in pieces)
    tell = progress or _nobody
    digest = None
    with files.atomic(out, mode=mode) as target:
        handle = target.fileno()
        _need_space(out, handle, stored)
        os.ftruncate(handle, size)
        copy = _Copier(source, handle, tell)
        for piece in pieces:
            if isinstance(piece.segment, Data):
                _store(handle, memoryview(piece.segment.content), piece.offset)
                tell(piece.segment.length)
            else:
                copy(piece.segment.offset, piece.segment.length, piece.offset)
        if sha256:
            digest = files.sha256(Path(f"/proc/self/fd/{handle}"))
    return Written(out, size, stored, digest)


def _nobody(_count: int) -> None:
    pass


def _need_space(out: Path, handle: int, stored: int) -> None:
    """Fail before the work instead of after it, where the file system tells its free space."""
    room = os.fstatvfs(handle)
    free = room.f_bavail * room.f_frsize
    if room.f_blocks and free < stored:
        raise B2ctError(
            f"no space for {out}: it takes {stored // 2**20 + 1} MiB, {free // 2**20} MiB are free",
            hint="free some space or write to another disk with -o",
        )


def _store(handle: int, data: memoryview, offset: int) -> None:
    while data:
        count = os.pwrite(handle, data, offset)
        data, offset = data[count:], offset + count


class _Copier:
    """Copies from the source into the target, by the kernel as long as that works."""

    def __init__(self, source: Image, target: int, progress: Progress) -> None:
        self.source = source
        self.target = target
        self.progress = progress
        self.by_kernel = hasattr(os, "copy_file_range")
        self.buffer = bytearray(0)

    def __call__(self, start: int, length: int, offset: int) -> None:
        """Copy `length` bytes from `start` of the source to `offset` of the target."""
        end = start + length
        while start < end:
            count = self._by_kernel(start, end - start, offset) if self.by_kernel else 0
            if not count:
                count = self._by_hand(start, end - start, offset)
            self.progress(count)
            start, offset = start + count, offset + count

    def _by_kernel(self, start: int, length: int, offset: int) -> int:
        """Bytes copied; 0 where the kernel cannot, which then is not asked again."""
        count = 0
        try:
            count = os.copy_file_range(
                self.source.handle, self.target, min(length, CHUNK), start, offset
            )
        except OSError as err:
            if err.errno in _FULL:
                raise
        self.by_kernel = count > 0
        return count

    def _by_hand(self, start: int, length: int, offset: int) -> int:
        """Bytes copied, at least one: reading says what is wrong with the source."""
        if not self.buffer:
            self.buffer = bytearray(BUFFER)
        room = memoryview(self.buffer)[: min(length, BUFFER)]
        try:
            count = os.preadv(self.source.handle, [room], start)
        except OSError as err:
            raise files.explain(err, f"read {self.source.path}") from err
        if not count:
            raise B2ctError(f"{self.source.path} became shorter while it was copied")
        _store(self.target, room[:count], offset)
        return count
