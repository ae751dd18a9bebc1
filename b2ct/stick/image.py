"""The raw image to be written: what it must be, and where it has data."""

from __future__ import annotations

import errno
import os
import stat
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from b2ct.core import files
from b2ct.core.errors import B2ctError

GRAIN = 256 << 10
"""The unit of looking for zeros, in bytes: smaller pieces would make a stick slow."""
_ZERO = bytes(GRAIN)
_PACKED = (
    (b"\xfd7zXZ\x00", "xz", "unxz"),
    (b"\x1f\x8b", "gzip", "gunzip"),
    (b"\x28\xb5\x2f\xfd", "zstd", "unzstd"),
    (b"BZh", "bzip2", "bunzip2"),
    (b"\x04\x22\x4d\x18", "lz4", "unlz4"),
    (b"PK\x03\x04", "zip", "unzip"),
    (b"7z\xbc\xaf\x27\x1c", "7z", "7z x"),
)
_FORMATS = (
    (b"QFI\xfb", "qcow2"),
    (b"KDMV", "vmdk"),
    (b"# Disk DescriptorFile", "vmdk"),
    (b"<<< ", "vdi"),
    (b"conectix", "vpc"),
    (b"vhdxfile", "vhdx"),
    (b"QED\0", "qed"),
    (b"WithoutFreeSpace", "parallels"),
    (b"WithouFreSpacExt", "parallels"),
    (b"LUKS\xba\xbe", "luks"),
)
"""What a file of a virtual machine's disk begins with, and QEMU's name of its format."""


class ImageError(Exception):
    """The image cannot be read, or changed, while it is in use."""


@dataclass(frozen=True)
class Span:
    """Bytes `start` to `end`; `zero`: nothing but zeros."""

    start: int
    end: int
    zero: bool


@dataclass(frozen=True)
class Image:
    """An open image. `size` is in bytes; `data` are the ranges that are not holes."""

    path: Path
    handle: int
    size: int
    stamp: tuple[int, int]
    data: tuple[tuple[int, int], ...]

    @property
    def identity(self) -> tuple[int, int]:
        """File system number and inode: the file itself, whatever paths lead to it."""
        status = os.fstat(self.handle)
        return status.st_dev, status.st_ino

    def read(self, view: memoryview, offset: int) -> int:
        """Fill a buffer, with zeros beyond the end; returns the bytes that are the image's."""
        wanted = max(min(len(view), self.size - offset), 0)
        done = 0
        while done < wanted:
            try:
                count = os.preadv(self.handle, [view[done:wanted]], offset + done)
            except OSError as err:
                raise ImageError(
                    f"{self.path} cannot be read at byte {offset + done}: {err.strerror}"
                ) from err
            if count == 0:
                raise ImageError(f"{self.path} has become shorter while it was read")
            done += count
        view[wanted:] = bytes(len(view) - wanted)
        return wanted

    def hole(self, start: int, end: int) -> bool:
        """The range is a hole: it reads as zeros, and need not be read."""
        last = bisect_left(self.data, (end, 0)) - 1  # the last range that begins before `end`
        return last < 0 or self.data[last][1] <= start

    def unchanged(self) -> None:
        """Raise ImageError if the file is not what it was when it was opened."""
        status = os.fstat(self.handle)
        if (status.st_size, status.st_mtime_ns) != (self.size, self.stamp[1]):
            raise ImageError(f"{self.path} was changed while it was read")


@contextmanager
def open_image(path: Path, *, limit: int | None = None) -> Iterator[Image]:
    """Open a raw image; with `limit` only its first bytes.

    Raises B2ctError for what is not a raw image: compressed, a virtual machine's format, empty.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as err:
        raise files.explain(err, f"read {path}") from err
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise B2ctError(f"{path} is not a file", hint="IMAGE is a raw image or a hybrid ISO")
        _check_format(path, os.pread(handle, 32, 0), status.st_size)
        size = min(status.st_size, limit or status.st_size)
        stamp = (status.st_size, status.st_mtime_ns)
        yield Image(path, handle, size, stamp, tuple(_data(handle, size)))
    finally:
        os.close(handle)


def _check_format(path: Path, start: bytes, size: int) -> None:
    if size == 0:
        raise B2ctError(f"{path} is empty", hint="make it again")
    for magic, name, tool in _PACKED:
        if start.startswith(magic):
            raise B2ctError(
                f"{path} is compressed ({name}), not a raw image", hint=f"first: {tool} {path}"
            )
    for magic, name in _FORMATS:
        if start.startswith(magic):
            raise B2ctError(
                f"{path} is a {name} image, not a raw one",
                hint=f"first: qemu-img convert -f {name} -O raw {path} {path.stem}.img",
            )


def boots_from_stick(image: Image) -> bool:
    """The image has a boot sector; without one no firmware boots it from a stick."""
    sector = memoryview(bytearray(512))
    image.read(sector, 0)
    return bytes(sector[510:]) == b"\x55\xaa"


def _data(handle: int, size: int) -> Iterator[tuple[int, int]]:
    """The ranges with data, by lseek(2); the whole where the file system does not tell."""
    position = 0
    while position < size:
        try:
            start = os.lseek(handle, position, os.SEEK_DATA)
        except OSError as err:
            if err.errno != errno.ENXIO:  # ENXIO: a hole up to the end
                yield position, size
            return
        if start >= size:
            return
        position = min(os.lseek(handle, start, os.SEEK_HOLE), size)
        yield start, position


def spans(view: memoryview, offset: int) -> tuple[Span, ...]:
    """A buffer that belongs at `offset`, cut into ranges of data and of zeros."""
    return merged(
        Span(offset + at, offset + min(at + GRAIN, len(view)), is_zero(view[at : at + GRAIN]))
        for at in range(0, len(view), GRAIN)
    )


def merged(parts: Iterator[Span]) -> tuple[Span, ...]:
    """Neighbours of one kind made one."""
    found: list[Span] = []
    for part in parts:
        if found and found[-1].zero == part.zero and found[-1].end == part.start:
            found[-1] = Span(found[-1].start, part.end, part.zero)
        else:
            found.append(part)
    return tuple(found)


def is_zero(view: memoryview) -> bool:
    """Nothing but zeros. Looks at a few bytes first: data rarely begins with zeros."""
    length = len(view)
    return view[:32] == _ZERO[: min(32, length)] and bytes(view) == _ZERO[:length]


Advance = Callable[[int], object]
"""Told the bytes that were dealt with."""
