"""The audit log: a line of JSON for each call, without anything that a client wrote but numbers.

It is rotated by size. While it cannot be written, no call is carried out.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.core.files import explain


def now() -> str:
    """The time as it stands in the log: UTC, with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Audit:
    """The log; a path of None is standard output."""

    def __init__(
        self, path: Path | None, *, size: int, files: int, notice: Callable[[str], None]
    ) -> None:
        self._path = path
        self._size = size
        self._files = files
        self._notice = notice
        self._handle: int | None = None
        self._length = 0
        self.broken = False
        """The last record could not be written."""

    def open(self) -> None:
        """Raises B2ctError when it cannot be written."""
        try:
            self._open()
        except OSError as err:
            said = explain(err, f"write the audit log {self._path}")
            raise B2ctError(
                said.message,
                hint="name another file with --audit, or give its folder to this user",
            ) from None

    def check(self) -> None:
        """That it could be written; nothing is made. Raises B2ctError."""
        if self._path is None:
            return
        there = self._path if self._path.exists() else self._path.parent
        if self._path.exists() and not self._path.is_file():
            raise self._no_file()
        if not os.access(there, os.W_OK):
            reason = "permission denied" if there.exists() else "there is no such folder"
            raise B2ctError(
                f"cannot write the audit log {self._path}: {reason}",
                hint=f"make {self._path.parent}, and give it to the user who runs the gateway",
            )

    def close(self) -> None:
        """Everything is on disk."""
        if self._handle is not None:
            with suppress(OSError):
                os.fsync(self._handle)
            os.close(self._handle)
            self._handle = None

    def write(self, record: Mapping[str, object]) -> bool:
        """Add a record; whether it could be written."""
        line = json.dumps({"time": now(), **record}, ensure_ascii=True) + "\n"
        try:
            self._write(line.encode())
        except OSError as err:
            if not self.broken:
                self._notice(
                    f"the audit log {self._path} cannot be written ({err.strerror}): calls are "
                    "refused until it can"
                )
            self.broken = True
            return False
        self.broken = False
        return True

    def ready(self) -> bool:
        """Whether calls may be carried out: after a failure once a record was written again."""
        return not self.broken or self.write({"event": "audit log works again"})

    def _open(self) -> None:
        if self._path is None or self._handle is not None:
            return
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        handle = os.open(self._path, flags, 0o640)
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            os.close(handle)
            raise self._no_file()
        self._handle, self._length = handle, status.st_size

    def _no_file(self) -> B2ctError:
        return B2ctError(
            f"the audit log {self._path} is no file", hint="name a file, or leave --audit out"
        )

    def _write(self, line: bytes) -> None:
        if self._path is None:
            sys.stdout.write(line.decode())
            sys.stdout.flush()
            return
        if self._length and self._length + len(line) > self._size:
            self._rotate()
        self._open()
        assert self._handle is not None  # noqa: S101 - opened above
        start = self._length
        while line:
            try:
                done = os.write(self._handle, line)
            except OSError:
                # A half line on a full disk would spoil the next one as well.
                with suppress(OSError):
                    os.ftruncate(self._handle, start)
                self._length = start
                raise
            self._length += done
            line = line[done:]

    def _rotate(self) -> None:
        assert self._path is not None  # noqa: S101 - only files are rotated
        self.close()
        names = [self._path.with_name(f"{self._path.name}.{n}") for n in range(1, self._files + 1)]
        for old, new in reversed(list(zip([self._path, *names], names, strict=False))):
            with suppress(FileNotFoundError):
                old.replace(new)
