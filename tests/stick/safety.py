"""A second guard for the tests themselves: no block device but their own may be opened for writing.

An audit hook sees every open() and os.open() of the process, however it is spelled, and cannot be
taken out again. So even a writer without any guard could not hurt the machine that tests it.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

ALLOWED: set[int] = set()
"""Device numbers (st_rdev) of the loop devices that the tests made."""
_state = {"installed": False}


class ForbiddenOpenError(BaseException):
    """The code under test tried to open a foreign device for writing. Nothing may swallow this."""


def _hook(event: str, args: tuple[object, ...]) -> None:
    if event != "open":
        return
    path, _, flags = args
    if not isinstance(flags, int) or flags & os.O_ACCMODE == os.O_RDONLY or flags & os.O_PATH:
        return
    if not isinstance(path, str | bytes | os.PathLike):
        return
    try:
        status = Path(os.fsdecode(path)).stat()
    except OSError:
        return
    if stat.S_ISBLK(status.st_mode) and status.st_rdev not in ALLOWED:
        raise ForbiddenOpenError(f"{path!r} opened for writing")


def install() -> None:
    """Put the hook in, once in a process."""
    if not _state["installed"]:
        sys.addaudithook(_hook)
        _state["installed"] = True
