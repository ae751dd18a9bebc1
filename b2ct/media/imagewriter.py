"""Write an image from a list of segments in one pass: copied, patched and summed together.

One thread reads and writes while another takes the MD5 of the same buffers (hashlib lets go of
the interpreter's lock for them), so that the pass takes as long as the slower of the two. A third
has the kernel write back what is finished, so that little is left for the fsync at the end.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

from b2ct.core.errors import B2ctError
from b2ct.core.files import atomic, explain
from b2ct.media.mediacheck import Summer
from b2ct.media.source import Image

CHUNK = 2**20
"""Bytes of a buffer."""
BUFFERS = 6
_SYNC_FILE_RANGE_WRITE = 2  # <linux/fs.h>
WRITE_BACK = 32 * 2**20
"""Bytes that are written back together."""
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Copy:
    """Bytes of the source."""

    offset: int
    length: int


@dataclass(frozen=True)
class Data:
    """Bytes of our own."""

    content: bytes

    @property
    def length(self) -> int:
        """How many they are."""
        return len(self.content)


Segment = Copy | Data


@dataclass(frozen=True)
class Stream:
    """An image to be written: its segments in order, and what to sum."""

    source: Path
    source_size: int
    source_modified: int
    """In nanoseconds; a source that changed since it was looked at is not copied."""
    segments: tuple[Segment, ...]
    size: int
    """Bytes of the result."""
    summed: int
    """Bytes that the media check covers."""
    supported: bool
    """The media check's flag, kept from the source."""
    field_at: int
    """Byte at which the media check's field goes; blank in the segments."""


@dataclass(frozen=True)
class Written:
    """What was written. `md5` is the implanted sum of the media check, not that of the file."""

    path: Path
    size: int
    md5: str
    sha256: str | None


def write(
    stream: Stream,
    out: Path,
    *,
    progress: Progress | None = None,
    sha256: bool = False,
    mode: int = 0o644,
) -> Written:
    """Write the image atomically. `progress` is told the bytes written since its last call.

    `mode` is the permissions of the file: 0600 where kickstarts on it hold a secret or a hash.
    `sha256` reads the result once more: the sum that is implanted near its start depends on all
    of it, so that no single pass can know both. Raises B2ctError when the source changed, is the
    target itself, or the operating system refuses.
    """
    if out.exists() and out.samefile(stream.source):
        raise B2ctError(f"{out} is the source itself", hint="write to another file with -o")
    with Image(stream.source) as source:
        if (source.size, source.modified) != (stream.source_size, stream.source_modified):
            raise B2ctError(f"{stream.source} changed while it was being looked at")
        with atomic(out, mode=mode) as target:
            handle = target.fileno()
            _need_space(out, handle, stream.size)
            summer = _pass(stream, source, handle, progress or _nobody)
            os.pwrite(handle, summer.field(), stream.field_at)
            digest = _sha256(handle, stream.size) if sha256 else None
    return Written(out, stream.size, summer.md5(), digest)


def _nobody(_count: int) -> None:
    pass


def _need_space(out: Path, handle: int, size: int) -> None:
    """Fail before the work instead of after it, where the file system tells its free space."""
    room = os.fstatvfs(handle)
    if room.f_blocks and room.f_bavail * room.f_frsize < size:
        free = room.f_bavail * room.f_frsize // 2**20
        raise B2ctError(
            f"cannot write {out}: it takes {-(-size // 2**20)} MiB, the disk has {free} MiB free",
            hint="free some space or write to another disk with -o",
        )


def _pass(stream: Stream, source: Image, target: int, progress: Progress) -> Summer:
    """Stream the segments into the target and take their sum."""
    summer = Summer(stream.summed, supported=stream.supported)
    free: SimpleQueue[bytearray] = SimpleQueue()
    filled: SimpleQueue[tuple[memoryview, bytearray | None] | None] = SimpleQueue()
    for _ in range(BUFFERS):
        free.put(bytearray(CHUNK))

    def take_sums() -> None:
        while (work := filled.get()) is not None:
            data, buffer = work
            summer.update(data)
            if buffer is not None:
                free.put(buffer)

    worker = Thread(target=take_sums, name="media check", daemon=True)
    worker.start()
    output = _Output(source.handle, target)
    early = _WriteBack(target)
    try:
        for piece in _pieces(stream.segments):
            if isinstance(piece, Copy):
                buffer = free.get()
                data = memoryview(buffer)[: piece.length]
                _read_into(source, piece.offset, data)
                filled.put((data, buffer))
                output.copy(piece.offset, data)
            else:
                data = memoryview(piece.content)
                filled.put((data, None))
                output.write(data)
            early.reached(output.at)
            progress(len(data))
    finally:
        filled.put(None)
        early.end()
        worker.join()
    return summer


class _WriteBack:
    """Starts the writing to disk of what is finished: sync_file_range(2), which waits for nothing.

    Errors are for the fsync at the end to tell; where there is no such call, it does all the work.
    """

    def __init__(self, handle: int) -> None:
        import ctypes

        self._call: Any = getattr(ctypes.CDLL(None), "sync_file_range", None)
        self._handle = handle
        self._next = WRITE_BACK
        self._ready: SimpleQueue[int | None] = SimpleQueue()
        if self._call:
            self._call.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
            self._worker = Thread(target=self._work, name="write back", daemon=True)
            self._worker.start()

    def reached(self, at: int) -> None:
        """All bytes before `at` are written."""
        if self._call and at >= self._next:
            self._ready.put(self._next - WRITE_BACK)
            self._next += WRITE_BACK

    def end(self) -> None:
        """Wait for the thread, not for the disk."""
        if self._call:
            self._ready.put(None)
            self._worker.join()

    def _work(self) -> None:
        while (start := self._ready.get()) is not None:
            self._call(self._handle, start, WRITE_BACK, _SYNC_FILE_RANGE_WRITE)


def _pieces(segments: tuple[Segment, ...]) -> Iterator[Segment]:
    """The segments, those of the source cut at multiples of CHUNK."""
    for segment in segments:
        if isinstance(segment, Data):
            yield segment
            continue
        at, end = segment.offset, segment.offset + segment.length
        while at < end:
            length = min(end - at, CHUNK - at % CHUNK)
            yield Copy(at, length)
            at += length


def _read_into(source: Image, offset: int, room: memoryview) -> None:
    while room:
        try:
            count = os.preadv(source.handle, [room], offset)
        except OSError as err:
            raise explain(err, f"read {source.path}") from err
        if not count:
            raise B2ctError(f"{source.path} became shorter while it was copied")
        room = room[count:]
        offset += count


_NO_SHARING = {errno.EXDEV, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.EPERM, errno.EBADF}
"""What kernels and file systems say when copy_file_range is not for this pair of files."""


class _Output:
    """Appends to the target. Where the file system can, the target shares the source's blocks."""

    def __init__(self, source: int, target: int) -> None:
        self.source = source
        self.target = target
        self.at = 0
        self.sharing = True

    def copy(self, offset: int, data: memoryview) -> None:
        """Bytes of the source, which `data` also holds."""
        done = 0
        while self.sharing and done < len(data):
            try:
                count = os.copy_file_range(
                    self.source, self.target, len(data) - done, offset + done, self.at + done
                )
            except OSError as err:
                if err.errno not in _NO_SHARING:
                    raise
                count = 0
            done += count
            self.sharing = count > 0
        self.at += done
        self.write(data[done:])

    def write(self, data: memoryview) -> None:
        """Bytes of our own."""
        while data:
            count = os.pwrite(self.target, data, self.at)
            self.at += count
            data = data[count:]


def _sha256(handle: int, size: int) -> str:
    digest = hashlib.sha256()
    buffer = bytearray(CHUNK)
    at = 0
    while at < size:
        count = os.preadv(handle, [buffer], at)
        if not count:
            raise OSError(errno.EIO, "the file became shorter while it was read back")
        digest.update(memoryview(buffer)[:count])
        at += count
    return digest.hexdigest()
