"""Unpacking a tar that somebody else made: nothing of it lands outside of the folder."""

from __future__ import annotations

import tarfile
from pathlib import Path, PurePosixPath


def unpack(archive: tarfile.TarFile, folder: Path) -> None:
    """All files and folders of an archive below `folder`.

    By tarfile's own filter `data` (PEP 706). Debian 12's Python 3.11.2 has none: there plain files
    and folders with names inside are unpacked, and no links. Raises tarfile.TarError, OSError.
    """
    if hasattr(tarfile, "data_filter"):
        archive.extractall(folder, filter="data")
    else:
        archive.extractall(folder, members=[one for one in archive if _plain(one)])  # noqa: S202 - filtered


def _plain(member: tarfile.TarInfo) -> bool:
    path = PurePosixPath(member.name)
    inside = not path.is_absolute() and ".." not in path.parts
    return inside and (member.isfile() or member.isdir())
