"""A source image, read at byte offsets: every read is bounded and every failure has a name."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from b2ct.core.errors import B2ctError
from b2ct.core.files import explain

if TYPE_CHECKING:
    from b2ct.media.iso9660 import Directory

SECTOR = 2048
"""Bytes of a logical sector of ISO 9660 and El Torito."""
BLOCK = 512
"""Bytes of a block as the MBR and the GPT count them."""
LARGEST_READ = 64 * 2**20
"""Bytes: nothing that is parsed from an installer is bigger, whatever a damaged field says."""


class Image:
    """A read-only image; also a context manager. All offsets and lengths are bytes."""

    def __init__(self, path: Path) -> None:
        """Open the image. Raises B2ctError when it is missing, a folder, or not readable."""
        self.path = path
        try:
            mode = path.stat().st_mode
            if stat.S_ISDIR(mode):
                raise B2ctError(f"{path} is a folder", hint="name the installer's ISO file")
            if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
                raise B2ctError(f"{path} is not a file", hint="name the installer's ISO file")
            self.handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise B2ctError(f"{path} does not exist", hint="check the path of the ISO") from None
        except OSError as err:
            raise explain(err, f"read {path}") from err
        self.size = os.lseek(self.handle, 0, os.SEEK_END)
        self.directories: dict[object, Directory] = {}
        """Directories that were parsed already, by where they are."""
        self.walked = 0
        """Bytes of directories that were read."""
        self.modified = os.fstat(self.handle).st_mtime_ns

    def read(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes. Raises B2ctError when the image ends before or is unreadable."""
        if length < 0 or offset < 0 or length > LARGEST_READ or offset + length > self.size:
            raise B2ctError(
                f"{self.path} is damaged or cut: it refers to bytes {offset}..{offset + length}"
                f" and has {self.size}",
                hint="compare its checksum with the distribution's, and download it again",
            )
        try:
            data = os.pread(self.handle, length, offset)
        except OSError as err:
            raise explain(err, f"read {self.path}") from err
        if len(data) != length:
            raise B2ctError(f"{self.path} became shorter while it was read")
        return data

    def sector(self, number: int) -> bytes:
        """One logical sector of 2048 bytes."""
        return self.read(number * SECTOR, SECTOR)

    def close(self) -> None:
        """Close the file."""
        os.close(self.handle)

    def __enter__(self) -> Image:
        """The image itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()
