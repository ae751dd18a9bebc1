"""The files of practice packages, written below a folder."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from .package import Item


def write(items: Iterable[Item], root: Path, epoch: int, *, at_least: int = 0) -> None:
    """Write the items below `root`; every time is `epoch`, so that packages come out the same.

    `at_least` are permissions that every item gets: a packager who is not root has to read them.
    """
    for item in items:
        path = root / item.path.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        if item.kind == "folder":
            path.mkdir(exist_ok=True)
        elif item.kind == "link":
            path.symlink_to(item.target)
        else:
            path.write_bytes(item.data)
            path.chmod(item.mode | (at_least & 0o666))
    for folder, folders, names in os.walk(root, topdown=False):
        for name in (*names, *folders):
            os.utime(Path(folder) / name, (epoch, epoch), follow_symlinks=False)
    # Folders last: writing below them changed their times and needed their write permission.
    for item in items:
        if item.kind == "folder":
            path = root / item.path.lstrip("/")
            path.chmod(item.mode | at_least)
            os.utime(path, (epoch, epoch))
    os.utime(root, (epoch, epoch))
