"""The one door to the files of an image's tree, made by other people's packages and scripts.

In it every name means what it means to the image: an absolute link begins at the tree's own root,
and `..` ends there. openat2(2) with RESOLVE_IN_ROOT does that in the kernel (Linux 5.6); on an
older one each component is opened by itself, without following, and links are resolved here.
Everything works on handles of folders, so that nothing is looked up twice.

Names are paths of the image, with or without the leading slash. OSErrors come through: who calls
knows what was tried.
"""

from __future__ import annotations

import ctypes
import errno
import fnmatch
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path, PurePosixPath

_OPENAT2 = 437
"""The system call's number, the same on every architecture."""
_NO_MAGICLINKS, _IN_ROOT = 0x02, 0x10
_LINKS = 40
"""As many links as the kernel follows in one name: path_resolution(7)."""
_TRIES = 64
_FOLDER = os.O_PATH | os.O_DIRECTORY


class _How(ctypes.Structure):
    """struct open_how of openat2(2)."""

    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


class Tree:
    """A foreign tree at `path`, which itself is a folder of ours."""

    def __init__(self, path: Path) -> None:
        self.path = path

    # --- looking -------------------------------------------------------------------------------

    def exists(self, name: str) -> bool:
        """Whether the name leads to something in the image."""
        return self._mode(name) is not None

    def is_file(self, name: str) -> bool:
        """Whether the name leads to an ordinary file."""
        mode = self._mode(name)
        return mode is not None and stat.S_ISREG(mode)

    def is_folder(self, name: str) -> bool:
        """Whether the name leads to a folder."""
        mode = self._mode(name)
        return mode is not None and stat.S_ISDIR(mode)

    def is_link(self, name: str) -> bool:
        """Whether the name itself is a link, wherever that leads."""
        try:
            with self._parent(name) as (folder, leaf):
                return stat.S_ISLNK(os.lstat(leaf, dir_fd=folder).st_mode)
        except OSError:
            return False

    def names(self, folder: str) -> list[str]:
        """What is in a folder, sorted; nothing where there is no such folder."""
        try:
            handle = self.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except (FileNotFoundError, NotADirectoryError):
            return []
        try:
            with os.scandir(handle) as entries:
                return sorted(entry.name for entry in entries)
        finally:
            os.close(handle)

    def glob(self, pattern: str) -> list[str]:
        """The names that match, sorted; `*` stands for a part of one component.

        Folders on the way are followed as the image does; the last component is not.
        """
        found = [""]
        for part in PurePosixPath("/", pattern).parts[1:]:
            if _is_pattern(part):
                pairs = (
                    (at, name) for at in found for name in fnmatch.filter(self.names(at), part)
                )
            else:
                pairs = ((at, part) for at in found)
            found = [f"{at}/{name}" for at, name in pairs]
        return sorted(name for name in found if self._is_there(name))

    def read(self, name: str) -> bytes:
        """The content of an ordinary file; another kind of file is no file at all."""
        handle = self.open(name, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise OSError(errno.EINVAL, "no ordinary file", name)
            return file.read()

    def has(self, name: str, data: bytes, mode: int) -> bool:
        """Whether the name itself is an ordinary file with that content and mode."""
        try:
            with self._parent(name) as (folder, leaf):
                found = os.lstat(leaf, dir_fd=folder).st_mode
        except OSError:
            return False
        ordinary = stat.S_ISREG(found) and stat.S_IMODE(found) == mode
        return ordinary and self.read(name) == data

    # --- changing ------------------------------------------------------------------------------

    def write(self, name: str, data: bytes | str, mode: int = 0o644) -> None:
        """Put a file there as a whole, with its folders; a link in its place is replaced."""
        self.make_folder(str(PurePosixPath("/", name).parent))
        with self._parent(name) as (folder, leaf):
            partial = f".b2ct-{secrets.token_hex(8)}"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                with os.fdopen(os.open(partial, flags, 0o600, dir_fd=folder), "wb") as file:
                    file.write(data.encode() if isinstance(data, str) else data)
                    os.fchmod(file.fileno(), mode)
                os.replace(partial, leaf, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with suppress(OSError):
                    os.unlink(partial, dir_fd=folder)
                raise

    def make_folder(self, name: str, mode: int = 0o755) -> None:
        """Make a folder with those above it, where they are not there."""
        done = "/"
        for part in PurePosixPath("/", name).parts[1:]:
            with self._folder(done) as handle:
                try:
                    os.mkdir(part, 0o700, dir_fd=handle)
                except FileExistsError:
                    pass
                else:
                    os.chmod(part, mode, dir_fd=handle)
            done = f"{done}/{part}"
        with self._folder(done):  # a file, or a link to nowhere, is in its place
            pass

    def link(self, name: str, target: str) -> None:
        """Make a symbolic link; its folder is made where it is not there."""
        self.make_folder(str(PurePosixPath("/", name).parent))
        with self._parent(name) as (folder, leaf):
            os.symlink(target, leaf, dir_fd=folder)

    def rename(self, name: str, other: str) -> None:
        """Give a file or folder another name."""
        with self._parent(name) as (old, leaf), self._parent(other) as (new, other_leaf):
            os.replace(leaf, other_leaf, src_dir_fd=old, dst_dir_fd=new)

    def remove(self, name: str) -> None:
        """Remove a file, a link or a folder with all that is in it; nothing there is no error."""
        with suppress(FileNotFoundError, NotADirectoryError), self._parent(name) as (folder, leaf):
            if stat.S_ISDIR(os.lstat(leaf, dir_fd=folder).st_mode):
                shutil.rmtree(leaf, dir_fd=folder)  # by handles: it follows no link
            else:
                os.unlink(leaf, dir_fd=folder)

    def remove_if_empty(self, name: str) -> None:
        """Remove a file, a link, or a folder in which nothing is left."""
        with suppress(OSError), self._parent(name) as (folder, leaf):
            if stat.S_ISDIR(os.lstat(leaf, dir_fd=folder).st_mode):
                os.rmdir(leaf, dir_fd=folder)
            else:
                os.unlink(leaf, dir_fd=folder)

    def empty(self, folder: str) -> None:
        """Remove all that is in a folder."""
        for name in self.names(folder):
            self.remove(f"{folder}/{name}")

    def set_time(self, name: str, seconds: int) -> None:
        """Set the times of a file or folder, in seconds since 1970."""
        with self._parent(name) as (folder, leaf):
            os.utime(leaf, (seconds, seconds), dir_fd=folder, follow_symlinks=False)

    # --- the way in ----------------------------------------------------------------------------

    def open(self, name: str, flags: int) -> int:
        """A handle of what a name leads to in the image; the caller closes it."""
        root = os.open(self.path, _FOLDER | os.O_CLOEXEC)
        try:
            opener = _openat2 if _has_openat2() else _stepwise
            return opener(root, name.lstrip("/") or ".", flags | os.O_CLOEXEC)
        finally:
            os.close(root)

    @contextmanager
    def _folder(self, name: str) -> Iterator[int]:
        handle = self.open(name, _FOLDER)
        try:
            yield handle
        finally:
            os.close(handle)

    @contextmanager
    def _parent(self, name: str) -> Iterator[tuple[int, str]]:
        """The folder that a name is in, and the name's last component."""
        path = PurePosixPath("/", name)
        if path.name in {"", ".."}:
            raise ValueError(f"{name!r} names no file of a folder")
        with self._folder(str(path.parent)) as handle:
            yield handle, path.name

    def _is_there(self, name: str) -> bool:
        try:
            with self._parent(name) as (folder, leaf):
                os.lstat(leaf, dir_fd=folder)
        except OSError:
            return False
        return True

    def _mode(self, name: str) -> int | None:
        try:
            handle = self.open(name, os.O_PATH)
        except OSError:
            return None
        try:
            return os.fstat(handle).st_mode
        finally:
            os.close(handle)


def _is_pattern(part: str) -> bool:
    return any(character in part for character in "*?[")


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


@cache
def _has_openat2() -> bool:
    """Whether the kernel has it and nothing forbids it, as an old container's filter does."""
    root = os.open("/", _FOLDER | os.O_CLOEXEC)
    try:
        os.close(_openat2(root, ".", _FOLDER | os.O_CLOEXEC))
    except OSError:
        return False
    finally:
        os.close(root)
    return True


def _openat2(root: int, name: str, flags: int) -> int:
    how = _How(flags=flags, mode=0, resolve=_IN_ROOT | _NO_MAGICLINKS)
    for _ in range(_TRIES):
        handle = int(
            _libc().syscall(
                ctypes.c_long(_OPENAT2),
                ctypes.c_int(root),
                ctypes.c_char_p(os.fsencode(name)),
                ctypes.byref(how),
                ctypes.c_size_t(ctypes.sizeof(how)),
            )
        )
        if handle >= 0:
            return handle
        number = ctypes.get_errno()
        if number not in (errno.EAGAIN, errno.EINTR):  # EAGAIN: something was renamed meanwhile
            break
    raise OSError(number, os.strerror(number), name)


def _stepwise(root: int, name: str, flags: int) -> int:
    """The same without the kernel's help: one component at a time, from handle to handle."""
    stack = [os.dup(root)]
    todo = name.split("/")[::-1]
    links = 0
    try:
        while todo:
            part = todo.pop()
            if part == ".." and len(stack) > 1:
                os.close(stack.pop())
            if part in {"", ".", ".."}:
                continue
            handle = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=stack[-1])
            stack.append(handle)
            if not stat.S_ISLNK(os.fstat(handle).st_mode):
                continue
            links += 1
            if links > _LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name)
            target = os.readlink("", dir_fd=handle)
            os.close(stack.pop())
            if target.startswith("/"):
                while len(stack) > 1:
                    os.close(stack.pop())
            todo += target.split("/")[::-1]
        # A handle of the very file: its name in /proc is no link that anybody could change.
        return os.open(f"/proc/self/fd/{stack[-1]}", flags)
    finally:
        for handle in stack:
            os.close(handle)
