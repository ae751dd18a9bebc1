"""What was reaped and why: JSON, a line an event; a line is there whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from b2ct.core import files
from b2ct.core.errors import B2ctError

LARGEST = 1 << 20
"""Bytes after which a new file is begun."""
KEPT = 5
"""Older files, FILE.1 the youngest."""


class Journal:
    """A file to which several runs may append at the same time.

    Raises B2ctError at once when it cannot be written: then nothing is terminated.
    """

    def __init__(self, path: Path, *, largest: int = LARGEST, kept: int = KEPT) -> None:
        self.path = path
        self.largest = largest
        self.kept = kept
        with self._opened():
            pass

    def append(self, event: Mapping[str, Any]) -> None:
        """Append one event and wait until it is on the disk. Raises B2ctError."""
        line = json.dumps(event, ensure_ascii=True).encode() + b"\n"
        with self._opened() as handle:
            size = os.fstat(handle).st_size
            if size and size + len(line) > self.largest:
                self._rotate()
                with self._opened() as fresh:
                    self._write(fresh, line)
            else:
                self._write(handle, line)

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """The file that has the name now, locked. One that was rotated away meanwhile is not it."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        try:
            while True:
                handle = os.open(self.path, flags, 0o640)
                try:
                    if not stat.S_ISREG(os.fstat(handle).st_mode):
                        raise B2ctError(
                            f"{self.path} is not an ordinary file",
                            hint="name a file for the journal",
                        )
                    fcntl.flock(handle, fcntl.LOCK_EX)
                    if self._is_current(handle):
                        yield handle
                        return
                finally:
                    os.close(handle)
        except OSError as err:
            raise files.explain(err, f"write the journal {self.path}") from err

    def _is_current(self, handle: int) -> bool:
        try:
            named, held = self.path.stat(), os.fstat(handle)
        except FileNotFoundError:
            return False
        return (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino)

    def _write(self, handle: int, line: bytes) -> None:
        """All of the line in one write; what a full disk took of it is taken back."""
        size = os.fstat(handle).st_size
        if size and os.pread(handle, 1, size - 1) != b"\n":
            line = b"\n" + line
        try:
            if os.write(handle, line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(handle)
        except OSError:
            os.ftruncate(handle, size)
            raise

    def _rotate(self) -> None:
        """FILE to FILE.1 and so on; the oldest is dropped. The caller holds the lock."""
        names = [
            self.path,
            *(self.path.with_name(f"{self.path.name}.{n + 1}") for n in range(self.kept)),
        ]
        for older, newer in zip(reversed(names), reversed(names[:-1]), strict=False):
            if newer.exists():
                newer.replace(older)


def read(path: Path) -> list[dict[str, Any]]:
    """The events of a journal, oldest first. Raises B2ctError for what is none."""
    try:
        lines = path.read_text().splitlines()
    except OSError as err:
        raise files.explain(err, f"read the journal {path}") from err
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(json.loads(line))
        except ValueError:
            raise B2ctError(f"{path}:{number}: this is no journal of b2ct reap") from None
    return found
