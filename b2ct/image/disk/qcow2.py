"""A raw disk as a QCOW2: qemu-img(1), in order, so that the same disk gives the same bytes."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from b2ct.core import files
from b2ct.core.errors import B2ctError
from b2ct.core.run import CommandError, stream
from b2ct.image.model import Qcow2

_PERCENT = re.compile(r"\(([0-9]+\.[0-9]+)/100%\)")
_FULL = re.compile(r"No space left on device|Disk quota exceeded")
_TIMEOUT = 3600.0


def to_qcow2(
    raw: Path,
    out: Path,
    qcow2: Qcow2,
    advance: Callable[[int], object] = lambda _count: None,
    *,
    source: str = "raw",
) -> None:
    """Write `out`, whole or not at all; `advance` is told the bytes of the disk that are done.
    `source` is the format of `raw`, for a disk that another program made.

    Raises B2ctError when the disk is full or qemu-img fails.
    """
    try:
        size = raw.stat().st_size
    except OSError as err:
        raise files.explain(err, f"read {raw}") from err
    raw = raw.absolute()  # a relative name with a colon would be taken for a protocol
    done = 0
    with files.atomic_path(out) as temporary:
        argv = ["qemu-img", "convert", "-p", "-f", source, "-O", "qcow2", *_options(qcow2)]
        try:
            with closing(stream([*argv, raw, temporary], timeout=_TIMEOUT, ends=b"\r")) as lines:
                for line in lines:
                    if found := _PERCENT.search(line):
                        now = int(size * float(found[1]) / 100)
                        advance(now - done)
                        done = now
        except CommandError as err:
            if _FULL.search(err.done.stdout):
                raise B2ctError(
                    f"no space left in {out.absolute().parent} for {out.name}",
                    hint="free some space or write to another disk with -o",
                ) from err
            raise


def _options(qcow2: Qcow2) -> list[str]:
    """Many clusters are compressed at a time (`-m`), but no `-W`: writing them out of order would
    place them by chance.
    """
    settings = [f"cluster_size={qcow2.cluster}"]
    if qcow2.compression == "none":
        return ["-o", ",".join(settings)]
    if qcow2.compression != "zlib":
        settings.append(f"compression_type={qcow2.compression}")
    return ["-m", "16", "-c", "-o", ",".join(settings)]
