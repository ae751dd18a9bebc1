"""Boot loader configurations inside an EFI system partition, read and replaced with mtools.

Nothing else in the FAT is touched: shim and GRUB keep their bytes and their clusters, so Secure
Boot goes on working.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.core.files import explain
from b2ct.core.run import CommandError, Completed, run
from b2ct.media.source import BLOCK, LARGEST_READ, SECTOR, Image

_CONFIGURATION = re.compile(r"([A-Za-z0-9._-]+/)*(grub\.cfg|boot\.conf)", re.IGNORECASE)
LARGEST_CONFIGURATION = 2**20
"""Bytes."""
_MOST = 16
_STEP = 2**20
_TIMEOUT = 60.0


@dataclass(frozen=True)
class Esp:
    """Where an EFI system partition is in an image, in bytes, and its path in the tree if any."""

    offset: int
    size: int
    path: str = ""


@dataclass(frozen=True)
class Replaced:
    """The differences that new configurations make: byte of the partition -> bytes."""

    patches: dict[int, bytes]
    image: Path
    """The changed partition, in the caller's temporary folder."""


def is_fat(image: Image, offset: int) -> bool:
    """A FAT file system begins here, as far as its boot sector says."""
    if offset + BLOCK > image.size:
        return False
    block = image.read(offset, BLOCK)
    return block[510:] == b"\x55\xaa" and (block[54:57] == b"FAT" or block[82:85] == b"FAT")


def fat_size(image: Image, offset: int) -> int:
    """Bytes of the FAT file system, from its boot sector."""
    block = image.read(offset, BLOCK)
    sector = int.from_bytes(block[11:13], "little")
    count = int.from_bytes(block[19:21], "little") or int.from_bytes(block[32:36], "little")
    return sector * count


def read_configurations(image: Image, esp: Esp) -> dict[str, bytes]:
    """The GRUB configurations in the partition: path such as `EFI/BOOT/grub.cfg` -> bytes.

    Raises B2ctError when mtools is missing or the FAT is damaged.
    """
    with tempfile.TemporaryDirectory(prefix="b2ct-esp-") as folder:
        link = Path(folder) / "image"  # mtools would read an @@ in the image's own name as offset
        link.symlink_to(image.path.absolute())
        place = f"{link}@@{esp.offset}"
        listing = _mtools("mdir", "-b", "-/", "-i", place, "::/").stdout
        paths = [line.removeprefix("::/") for line in listing.splitlines()]
        wanted = [path for path in paths if _CONFIGURATION.fullmatch(path)]
        found = {}
        for number, path in enumerate(sorted(wanted)[:_MOST]):
            copy = Path(folder) / str(number)
            _mtools("mcopy", "-n", "-i", place, f"::/{path}", str(copy))
            if copy.stat().st_size > LARGEST_CONFIGURATION:
                raise B2ctError(f"{path} in the EFI system partition of {image.path} is too big")
            found[path] = copy.read_bytes()
    return found


def replace_configurations(
    image: Image, esp: Esp, texts: Mapping[str, bytes], *, stamp: int, folder: Path
) -> Replaced:
    """Replace configurations in a copy of the partition and return what differs.

    `stamp` is the time of the changed files in seconds since 1970, `folder` an existing temporary
    folder. Raises B2ctError when they do not fit or mtools is missing.
    """
    copy = folder / f"esp-{esp.offset}.img"
    try:
        _extract(image, esp, copy)
        for number, (path, text) in enumerate(sorted(texts.items())):
            source = folder / f"config-{number}"
            source.write_bytes(text)
            os.utime(source, (stamp, stamp))
            _put(copy, source, path, stamp)
        return Replaced(_differences(image, esp, copy), copy)
    except OSError as err:
        raise explain(err, f"work on the EFI system partition in {folder}") from err


def _extract(image: Image, esp: Esp, copy: Path) -> None:
    with copy.open("wb") as out:
        for at in range(0, esp.size, _STEP):
            out.write(image.read(esp.offset + at, min(_STEP, esp.size - at)))


def _put(partition: Path, source: Path, path: str, stamp: int) -> None:
    try:
        _mtools(
            "mcopy", "-m", "-o", "-D", "o", "-i", str(partition), str(source), f"::/{path}",
            stamp=stamp,
        )  # fmt: skip
    except CommandError as err:
        if "full" not in err.done.stderr.lower():
            raise
        raise B2ctError(
            f"the new {path} ({source.stat().st_size} bytes) does not fit into the installer's EFI"
            " system partition",
            hint="put fewer nodes or roles on one medium, and make several media",
        ) from err


def _differences(image: Image, esp: Esp, copy: Path) -> dict[int, bytes]:
    """Changed sectors of the partition, neighbours joined."""
    patches: dict[int, bytes] = {}
    last = -1
    with copy.open("rb") as changed:
        for at in range(0, esp.size, _STEP):
            length = min(_STEP, esp.size - at)
            old, new = image.read(esp.offset + at, length), changed.read(length)
            if old == new:
                continue
            for inner in range(0, length, SECTOR):
                piece = new[inner : inner + SECTOR]
                if piece == old[inner : inner + SECTOR]:
                    continue
                if last >= 0 and last + len(patches[last]) == at + inner:
                    patches[last] += piece
                else:
                    last = at + inner
                    patches[last] = piece
    return patches


def _mtools(tool: str, *words: str, stamp: int | None = None) -> Completed:
    env = {"MTOOLSRC": os.devnull, "MTOOLS_SKIP_CHECK": "1", "TZ": "UTC"}
    if stamp is not None:
        env["SOURCE_DATE_EPOCH"] = str(stamp)
    return run(
        [tool, *words], env=env, timeout=_TIMEOUT,
        hint="the installer's EFI system partition may be damaged: check the ISO's checksum",
    )  # fmt: skip


def check_size(image: Image, esp: Esp) -> None:
    """Raises B2ctError for a partition that is cut or of an unlikely size."""
    if not 0 < esp.size <= 16 * LARGEST_READ or esp.offset + esp.size > image.size:
        raise B2ctError(
            f"{image.path} is damaged or cut: its EFI system partition ends behind the file",
            hint="compare its checksum with the distribution's, and download it again",
        )
