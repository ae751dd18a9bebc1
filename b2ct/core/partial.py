"""A download under way: `NAME.part` beside the target, locked, resumable, renamed when whole."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from b2ct.core import files
from b2ct.core.errors import B2ctError

_BLOCK = 1 << 20
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Origin:
    """What a partial file is a part of, so that it is never completed from something else."""

    url: str
    etag: str = ""
    modified: str = ""
    total: int | None = None
    """Bytes of the whole file, None where the server does not say."""

    @property
    def validator(self) -> str:
        """The value for If-Range (RFC 9110, 13.1.5): a strong ETag; empty where there is none."""
        return self.etag if self.etag.startswith('"') else ""


class Partial:
    """The bytes fetched so far, their running SHA-256, and where they came from."""

    def __init__(self, target: Path, handle: int) -> None:
        self.target = target
        self.path = part_path(target)
        self._sidecar = self.path.with_name(self.path.name + ".json")
        self._handle = handle
        self.size = 0
        self._hash = hashlib.sha256()
        self.origin = self._recorded()
        if self.origin is None:
            self.clear()
        else:
            self._take_up()

    def _recorded(self) -> Origin | None:
        try:
            record = json.loads(self._sidecar.read_text())
            origin = Origin(**record)
        except (OSError, ValueError, TypeError):
            return None
        types = (origin.url, str), (origin.etag, str), (origin.modified, str)
        whole = origin.total is None or isinstance(origin.total, int)
        return origin if whole and all(isinstance(value, kind) for value, kind in types) else None

    def _take_up(self) -> None:
        os.lseek(self._handle, 0, os.SEEK_SET)
        while block := os.read(self._handle, _BLOCK):
            self._hash.update(block)
            self.size += len(block)

    @property
    def sha256(self) -> str:
        """Of the bytes so far, in hexadecimal."""
        return self._hash.hexdigest()

    def clear(self) -> None:
        """Forget all bytes, and where they came from."""
        os.ftruncate(self._handle, 0)
        os.lseek(self._handle, 0, os.SEEK_SET)
        self.size = 0
        self._hash = hashlib.sha256()
        self.origin = None
        self._sidecar.unlink(missing_ok=True)

    def begin(self, origin: Origin) -> None:
        """Start from the first byte of `origin`, and record it."""
        self.clear()
        self.origin = origin
        files.write(self._sidecar, json.dumps(asdict(origin)))

    def append(self, data: bytes) -> None:
        """Add bytes at the end. Raises B2ctError when the disk is full; the rest is kept."""
        view = memoryview(data)
        while view:
            try:
                written = os.write(self._handle, view)
            except OSError as err:
                raise self._explain(err) from err
            self._hash.update(view[:written])
            self.size += written
            view = view[written:]

    def finish(self) -> Path:
        """Give the file its final name, durably."""
        try:
            os.fchmod(self._handle, 0o644)
            os.fsync(self._handle)
            self.path.replace(self.target)
        except OSError as err:
            raise self._explain(err) from err
        self._sidecar.unlink(missing_ok=True)
        files.sync_folder(self.target.parent)
        return self.target

    def discard(self) -> None:
        """Remove the partial file: it is of no use."""
        self._sidecar.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def _explain(self, err: OSError) -> B2ctError:
        if err.errno not in _FULL:
            return files.explain(err, f"write {self.path}")
        return B2ctError(
            f"no space left in {self.target.parent}; the {self.size} bytes fetched so far are kept",
            hint="free some space and run again: it goes on from there; or set XDG_CACHE_HOME "
            "to a folder on another disk",
        )


def part_path(target: Path) -> Path:
    """Where the bytes of an unfinished download of `target` are."""
    return target.with_name(f"{target.name}.part")


@contextmanager
def claim(target: Path, waiting: Callable[[], None]) -> Iterator[Partial]:
    """Hold the partial file of `target`, alone among processes.

    `waiting` is called once when another process holds it. An empty partial file is removed at
    the end; one with bytes is kept for the next run. Raises B2ctError where the folder cannot be
    written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle = _lock(part_path(target), waiting)
    except OSError as err:
        raise files.explain(err, f"write {part_path(target)}") from err
    try:
        part = Partial(target, handle)
        try:
            yield part
        finally:
            if part.size == 0 and _same(part.path, handle):
                part.discard()
    finally:
        os.close(handle)


def _lock(path: Path, waiting: Callable[[], None]) -> int:
    told = False
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not told:
                    waiting()
                    told = True
                fcntl.flock(handle, fcntl.LOCK_EX)
            # The holder before us may have renamed or removed the file that we have now locked.
            if _same(path, handle):
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _same(path: Path, handle: int) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(handle))
    return False
