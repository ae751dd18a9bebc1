"""mount(2), pivot_root(2), capabilities(7) and prctl(2) of the C library, which Python lacks."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

RDONLY, NOSUID, NODEV, NOEXEC = 0x1, 0x2, 0x4, 0x8
BIND, RECURSIVE = 0x1000, 0x4000
_REMOUNT, _DETACH = 0x20, 0x2
_FLAGS = {
    "nosuid": NOSUID,
    "nodev": NODEV,
    "noexec": NOEXEC,
    "noatime": 0x400,
    "nodiratime": 0x800,
    "relatime": 0x200000,
}
"""Options of mountinfo that a remount has to repeat: in a user namespace they are locked."""
_SET_DUMPABLE, _CAPBSET_DROP, _SET_NO_NEW_PRIVS = 4, 24, 38
_CAP_VERSION = 0x20080522


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """mount(2). Raises OSError."""
    words = (os.fsencode(one) for one in (source, target, kind))
    _checked(_libc().mount(*words, ctypes.c_ulong(flags), os.fsencode(options)), target)


def bind(source: str, target: str, *, read_only: bool = False, recursive: bool = True) -> None:
    """The folder or file `source` at `target`, too. Raises OSError."""
    mount(source, target, "", BIND | (RECURSIVE if recursive else 0))
    if read_only:
        make_read_only(os.path.realpath(target))


def make_read_only(folder: str) -> None:
    """Every mount at or below a folder, for this mount namespace alone. Raises OSError."""
    for point, options in list(_mounts()):
        if point == folder or point.startswith(f"{folder.rstrip('/')}/"):
            _remount(point, options, RDONLY)


def make_writable(folder: str) -> None:
    """One mount; those below it stay as they are. Raises OSError."""
    for point, options in list(_mounts()):
        if point == folder:
            _remount(point, options, 0)


def _remount(point: str, options: str, more: int) -> None:
    kept = sum(flag for name, flag in _FLAGS.items() if name in options.split(","))
    # What lies hidden below another mount cannot be reached, by us or anybody.
    with suppress(FileNotFoundError):
        mount("", point, "", _REMOUNT | BIND | kept | more)


def _mounts() -> Iterator[tuple[str, str]]:
    """Mount points and their options, those on top last; see proc_pid_mountinfo(5)."""
    for line in Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines():
        words = line.split(" ")
        yield re.sub(r"\\([0-7]{3})", lambda one: chr(int(one[1], 8)), words[4]), words[5]


def pivot(root: str) -> None:
    """Make the mount at `root` the root of all, and let go of the old one. Raises OSError."""
    os.chdir(root)
    _checked(_libc().pivot_root(b".", b"."), root)
    _checked(_libc().umount2(b".", _DETACH), "/")
    os.chdir("/")


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def keep_capabilities(kept: frozenset[int]) -> None:
    """Give up all other capabilities, also for what is run from now on. Raises OSError."""
    for number in range(int(Path("/proc/sys/kernel/cap_last_cap").read_text()) + 1):
        if number not in kept:
            _checked(_libc().prctl(_CAPBSET_DROP, ctypes.c_ulong(number), 0, 0, 0), "")
    halves = (_Data * 2)()
    for number in kept:
        halves[number // 32].effective |= 1 << number % 32
        halves[number // 32].permitted |= 1 << number % 32
    _checked(_libc().capset(ctypes.byref(_Header(_CAP_VERSION, 0)), ctypes.byref(halves)), "")


def no_new_privileges() -> None:
    """No program gives more than its caller has: set-user-ID bits and file capabilities rest."""
    _checked(_libc().prctl(_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), 0, 0, 0), "")


def hide_from_others() -> None:
    """Let nobody without CAP_SYS_PTRACE look into this process by ptrace(2) or /proc."""
    _checked(_libc().prctl(_SET_DUMPABLE, ctypes.c_ulong(0), 0, 0, 0), "")


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, name: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
