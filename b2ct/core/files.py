"""Files that are whole or absent: temporary file beside the target, fsync, rename."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from b2ct.core.errors import B2ctError

_REMEDY = {
    errno.ENOSPC: "free some space or write to another disk with -o",
    errno.EDQUOT: "free some space or write to another disk with -o",
    errno.EROFS: "the file system is read-only: choose another folder with -o",
    errno.EACCES: "choose a folder that you may write to with -o",
    errno.EPERM: "choose a folder that you may write to with -o",
    errno.ENOENT: "create the folder first, or correct the path",
    errno.ENOTDIR: "a part of the path is a file, not a folder: correct the path",
    errno.EISDIR: "this is a folder: give a file name",
    errno.EFBIG: "this file system cannot hold a file of that size",
}


def explain(err: OSError, doing: str) -> B2ctError:
    """An operating-system error as one line with its remedy; `doing` is what was tried."""
    reason = (err.strerror or str(err)).lower()
    return B2ctError(f"cannot {doing}: {reason}", hint=_REMEDY.get(err.errno or 0, ""))


@contextmanager
def atomic_path(path: Path, *, mode: int = 0o644) -> Iterator[Path]:
    """A file for a program to write, that takes its final name only when the block ends well.

    Yields the path of a hidden, empty temporary file in the same folder; it is synced and renamed
    at the end, and removed when anything goes wrong, Ctrl-C included. Raises B2ctError for what
    the operating system refuses.
    """
    # A link is followed: renaming over /dev/stdout, say, would replace the link itself.
    path = Path(os.path.realpath(path))
    temporary: Path | None = None
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "Is a directory")
        if path.exists() and not path.is_file():
            raise B2ctError(
                f"{path} is a device or a pipe, not an ordinary file", hint="name a file with -o"
            )
        # Names may have 255 bytes, of which a character takes up to four. The name is chosen before
        # the file is made: a signal that comes between the two leaves nothing behind.
        temporary = path.parent / f".{path.name[:50]}.{secrets.token_hex(8)}.part"
        os.close(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        yield temporary
        handle = os.open(temporary, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.fchmod(handle, mode)
            os.fsync(handle)
        finally:
            os.close(handle)
        temporary.replace(path)
        temporary = None
        sync_folder(path.parent)
    except OSError as err:
        raise explain(err, f"write {path}") from err
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()


@contextmanager
def atomic(path: Path, *, mode: int = 0o644) -> Iterator[BinaryIO]:
    """Open a file for writing, with everything that `atomic_path` promises."""
    with atomic_path(path, mode=mode) as temporary, temporary.open("w+b") as raw:
        yield cast("BinaryIO", raw)


def write(path: Path, data: bytes | str, *, mode: int = 0o644) -> None:
    """Write a small file atomically. Raises B2ctError for what the operating system refuses."""
    with atomic(path, mode=mode) as out:
        out.write(data.encode() if isinstance(data, str) else data)


def sha256(path: Path, advance: Callable[[int], object] = lambda _count: None) -> str:
    """The SHA-256 of a file in hexadecimal; `advance` is told the bytes read, block by block.

    Raises B2ctError when the file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as source:
            while block := source.read(1 << 20):
                digest.update(block)
                advance(len(block))
    except OSError as err:
        raise explain(err, f"read {path}") from err
    return digest.hexdigest()


def sync_folder(folder: Path) -> None:
    """Make the rename durable; a few file systems cannot sync a folder, which is no error."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def refuse_unwritable(path: Path) -> None:
    """Raise B2ctError now for a file that `atomic` could not make after all the work."""
    folder = Path(os.path.realpath(path)).parent
    try:
        if not folder.is_dir():
            code = errno.ENOTDIR if folder.exists() else errno.ENOENT
            raise OSError(code, os.strerror(code))
        if not os.access(folder, os.W_OK | os.X_OK):
            read_only = os.statvfs(folder).f_flag & os.ST_RDONLY
            code = errno.EROFS if read_only else errno.EACCES
            raise OSError(code, os.strerror(code))
    except OSError as err:
        raise explain(err, f"write {path}") from err


def refuse_existing(path: Path) -> None:
    """Raise B2ctError for a file that is there already; a folder is left to `atomic` to explain."""
    if path.exists() and not path.is_dir():
        raise B2ctError(f"{path} exists already", hint="name another file with -o, or add --force")
