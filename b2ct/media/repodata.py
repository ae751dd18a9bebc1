"""Which packages an installer image has, by its own metadata.

A Minimal image has a repository as a DVD has, and a tenth of its packages. The installer would stop
in the machine room at the first that it does not find.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from b2ct.core import files
from b2ct.media.installer import Installer
from b2ct.media.iso9660 import Volume, children, find, small
from b2ct.media.layout import read_layout
from b2ct.media.source import LARGEST_READ, Image

_WHOLE = {"BaseOS", "AppStream"}
"""An image with both is a whole DVD: its metadata is large, and nothing is missing."""
_WANTED = ("repomd.xml", "primary", "comps", "group")


def lacking(installer: Installer, names: Sequence[str]) -> tuple[str, ...]:
    """The packages and groups (`@core`) that are in none of the image's repositories.

    What cannot be read is not judged. Raises B2ctError for a damaged image.
    """
    if set(installer.repositories) >= _WHOLE:
        return ()
    from b2ct.supply import packages

    with tempfile.TemporaryDirectory(prefix="b2ct-repodata-") as name:
        folders = []
        with Image(installer.path) as image:
            volume = read_layout(image).descriptors.primary
            for number, path in enumerate(installer.repositories):
                folder = Path(name) / str(number)
                _copy(image, volume, path, folder / "repodata")
                folders.append(str(folder))
        verdict = packages.check(names, folders)
    return () if verdict.unread else tuple(unknown.name for unknown in verdict.unknown)


def _copy(image: Image, volume: Volume, repository: str, folder: Path) -> None:
    """Copy what is needed of a repository's metadata."""
    record = find(image, volume, f"{repository}/repodata")
    if record is None or not record.is_directory:
        return
    folder.mkdir(parents=True)
    for child in children(image, volume, record):
        name = volume.name(child)
        wanted = any(part in name for part in _WANTED) and "/" not in name
        if wanted and not child.is_directory and "sqlite" not in name:
            data = small(image, volume, f"{repository}/repodata/{name}", child, limit=LARGEST_READ)
            files.write(folder / name, data)
