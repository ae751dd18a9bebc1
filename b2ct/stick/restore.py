"""Making an ordinary FAT32 or exFAT stick again, as it is when it is bought.

The file system is made by the distribution's own tool in a sparse file, and what it wrote goes to
the stick through the same door as any image: guarded, exclusive, read back.
"""

from __future__ import annotations

import re
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from b2ct.core import files
from b2ct.core.errors import B2ctError
from b2ct.core.run import run
from b2ct.stick import parts
from b2ct.stick.image import open_image

START = 1 << 20
"""Where the partition begins, in bytes: aligned for every flash."""
SMALLEST = 16 << 20
_FAT32_MOST = 32 << 30
_LABEL = re.compile(r"[A-Z0-9_-]{1,11}")


class Format(StrEnum):
    """The file system of an ordinary stick."""

    FAT32 = "fat32"
    EXFAT = "exfat"


@dataclass(frozen=True)
class Shape:
    """An ordinary stick: sizes in bytes, `start` and `count` in sectors."""

    device: int
    sector: int
    format: Format
    label: str
    start: int
    count: int

    @property
    def kind(self) -> int:
        """The MBR's type byte: FAT32 or FAT16 with LBA, or exFAT."""
        if self.format is Format.EXFAT:
            return 0x07
        return 0x0E if self.small else 0x0C

    @property
    def small(self) -> bool:
        """Too small for FAT32, which needs 65525 clusters: FAT16 takes its place."""
        return self.count * self.sector < 64 << 20


def shape(device: int, sector: int, wanted: Format | None, label: str) -> Shape:
    """Plan an ordinary stick of that size. Without a wish: FAT32 up to 32 GiB, exFAT above.

    Raises B2ctError for a bad label and a device that is too small or too large for an MBR.
    """
    if not _LABEL.fullmatch(label):
        raise B2ctError(
            f"'{label}' is no label: 1 to 11 capital letters, digits, - or _",
            hint="for instance: --label STICK",
        )
    if device < SMALLEST:
        raise B2ctError(f"{device} bytes are too few for a file system", hint="16 MiB or more")
    start = START // sector
    count = device // sector - start
    if count >= 1 << 32:
        raise B2ctError(
            f"a device of {device} bytes needs a GPT; this makes ordinary sticks only",
            hint="use `sfdisk` and `mkfs.exfat` for it",
        )
    fits = Format.FAT32 if device <= _FAT32_MOST else Format.EXFAT
    return Shape(device, sector, wanted or fits, label, start, count)


@contextmanager
def template(plan: Shape) -> Iterator[tuple[Path, int]]:
    """The new stick as a sparse file, and how many bytes of it must be written.

    Beyond them is only free space, which keeps its old bytes, as any quick format does. Needs
    room for the file system's tables (a few MiB) in the folder for temporary files.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="b2ct-restore-") as folder:
            inner, whole = Path(folder, "partition"), Path(folder, "stick")
            with inner.open("wb") as out:
                out.truncate(plan.count * plan.sector)
            run(_mkfs(plan, inner), timeout=300)
            length = _tables(inner, plan.format)
            with whole.open("wb") as out, inner.open("rb") as source:
                out.write(parts.mbr(plan.start, plan.count, plan.kind))
                out.seek(START)
                left = length
                while left and (block := source.read(min(left, 1 << 20))):
                    out.write(block)
                    left -= len(block)
                out.truncate(START + length)
            yield whole, START + length
    except OSError as err:
        raise files.explain(err, f"make the new stick in {tempfile.gettempdir()}") from err


def _mkfs(plan: Shape, file: Path) -> list[str | Path]:
    if plan.format is Format.EXFAT:
        return ["mkfs.exfat", "-L", plan.label, file]
    bits = ["-F", "16"] if plan.small else ["-F", "32"]
    return [
        "mkfs.fat",
        *bits,
        *("-n", plan.label, "-S", str(plan.sector), "-h", str(plan.start)),
        file,
    ]


def _tables(file: Path, kind: Format) -> int:
    """Bytes from the start of a fresh file system to the end of what must not be old bytes.

    FAT: reserved sectors, FATs and root directory (fatgen103); exFAT: up to the last thing that
    mkfs wrote: boot regions, FAT, bitmap, upcase table, root directory (exFAT specification, 3).
    """
    with file.open("rb") as source:
        boot = source.read(512)
    with open_image(file) as image:
        written = max((end for _, end in image.data), default=0)
    if kind is Format.EXFAT:
        heap, count = struct.unpack_from("<II", boot, 88)
        first_root = struct.unpack_from("<I", boot, 96)[0]
        sector, cluster = 1 << boot[108], 1 << (boot[108] + boot[109])
        needed = heap * sector + (first_root - 2 + 1) * cluster
        size = heap * sector + count * cluster
    else:
        sector, per_cluster, reserved, fats, entries = struct.unpack_from("<HBHBH", boot, 11)
        per_fat = struct.unpack_from("<H", boot, 22)[0] or struct.unpack_from("<I", boot, 36)[0]
        needed = (reserved + fats * per_fat) * sector + entries * 32 + per_cluster * sector
        size = file.stat().st_size
    length = -(-max(needed, min(written, size)) // 4096) * 4096
    return int(min(length, file.stat().st_size))
