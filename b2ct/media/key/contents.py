"""Which files of an installer ISO are carried on a key, and where their bytes are in the ISO."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter

from b2ct.core.errors import B2ctError
from b2ct.media.imagewriter import Copy
from b2ct.media.installer import Installer
from b2ct.media.iso9660 import MULTI_EXTENT, Record, Volume, children, damaged, small, susp
from b2ct.media.key.fat32 import File
from b2ct.media.source import SECTOR, Image
from b2ct.supply import program

DEEPEST = 32
MOST_FILES = 500_000
LARGEST_KICKSTARTS = 256 * 2**20
"""Bytes: they are held in memory."""
_ESSENTIAL = (".treeinfo", ".discinfo", "images/product.img", "images/updates.img")
_EFI = re.compile(r"EFI/BOOT/.+", re.IGNORECASE)
_MENU = re.compile(r".*\.(?:cfg|conf)", re.IGNORECASE)
_CD_ONLY = re.compile(
    r"(?:isolinux|boot|\[BOOT\])/.*|images/(?:efiboot|efidisk|eltorito|macboot|boot|bootdisk)\.\w+"
    r"|(?:.*/)?(?:TRANS\.TBL|boot\.cat(?:alog)?)",
    re.IGNORECASE,
)
"""Boot equipment of a CD, which a key has its own of, and lists that mkisofs makes."""
_PROGRAM = re.compile(rf"{program.FOLDER}/[^/]+\.tar")
"""B2CT itself, as `b2ct iso` puts it on an image."""
_KICKSTARTS = re.compile(r"ks/.*", re.IGNORECASE)


@dataclass(frozen=True)
class Contents:
    """The installer's files for a key, and links, which FAT has not."""

    files: tuple[File, ...]
    links: tuple[str, ...]
    """Paths of symbolic links that were left out."""


def carried(image: Image, volume: Volume, installer: Installer, *, packages: bool) -> Contents:
    """The files that go on a key: the whole tree with `packages`, else what boots the installer.

    Boot menus, kickstarts and what only a CD boots from are left out: a key has its own. Raises
    B2ctError for an image that is damaged.
    """
    kernel = {installer.kernel, installer.initrd}
    essential = {*kernel, installer.stage2, *_ESSENTIAL}
    files, links = [], []
    for path, records in _walk(image, volume):
        if not (
            path in kernel
            or _PROGRAM.fullmatch(path)
            or (
                (packages or path in essential or _EFI.fullmatch(path))
                and not (_CD_ONLY.fullmatch(path) or _KICKSTARTS.fullmatch(path))
                and not (_EFI.fullmatch(path) and _MENU.fullmatch(path))
            )
        ):
            continue
        if _is_link(volume, records[0]):
            links.append(path)
            continue
        files.append(File(path, tuple(_parts(image, volume, records))))
    # What every boot reads comes first on the stick, and the packages of a DVD behind it.
    files.sort(key=lambda file: (file.path not in essential, file.path))
    return Contents(tuple(files), tuple(sorted(links)))


def kickstarts(image: Image, volume: Volume) -> dict[str, bytes]:
    """The kickstarts that `b2ct iso` put on the image, by their paths, in the order of these.

    Raises B2ctError where they have more than LARGEST_KICKSTARTS bytes together.
    """
    found, room = {}, LARGEST_KICKSTARTS
    for path, records in sorted(_walk(image, volume, only="ks"), key=itemgetter(0)):
        if re.fullmatch(r"ks/[^/]+\.ks", path):
            found[path] = small(image, volume, path, records[0], limit=room)
            room -= len(found[path])
    return found


def _walk(
    image: Image, volume: Volume, only: str | None = None
) -> Iterator[tuple[str, list[Record]]]:
    """All files below the root as (path, the records of its extents)."""
    seen: set[int] = set()
    count = 0
    below: list[tuple[str, Record]] = [("", volume.root)]
    while below:
        folder, record = below.pop()
        if record.extent in seen or folder.count("/") > DEEPEST:
            damaged(image, f"the directory /{folder} contains itself")
        seen.add(record.extent)
        extents: list[Record] = []
        for child in children(image, volume, record):
            path = f"{folder}{volume.name(child)}"
            count += 1
            if count > MOST_FILES:
                raise B2ctError(f"{image.path} has more than {MOST_FILES} files")
            if child.is_directory:
                if only is None or path == only:
                    below.append((f"{path}/", child))
                continue
            extents.append(child)
            if child.flags & MULTI_EXTENT:
                continue
            yield path, extents
            extents = []
        if extents:
            damaged(image, f"a file in /{folder} has no end")


def _is_link(volume: Volume, record: Record) -> bool:
    """A symbolic link, or a folder that Rock Ridge moved elsewhere (IEEE P1282, SL and CL)."""
    fields = susp(record.system_use[volume.skip :]) if volume.rock_ridge else ()
    return any(kind in {b"SL", b"CL"} for kind, _ in fields)


def _parts(image: Image, volume: Volume, records: list[Record]) -> Iterator[Copy]:
    for record in records:
        start = (volume.base + record.extent) * SECTOR
        if record.size and start + record.size > image.size:
            damaged(image, "a file lies behind its end")
        yield Copy(start, record.size)
