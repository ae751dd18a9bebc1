"""A tree of files as a tar archive with one possible content, and back.

https://reproducible-builds.org/docs/archives: sorted names, numeric IDs, no times later than the
epoch, no times of access. What the kernel provides at run time (/dev, /proc, /sys, /run) is not
in it, so that it is the same whether or not the builder may make device nodes.
"""

from __future__ import annotations

import re
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.core.run import CommandError, run
from b2ct.image.tree import Tree

VOLATILE = ("dev", "proc", "run", "sys")
"""Folders whose content belongs to a running system."""
# The names of extended headers would else contain the process ID.
_PAX = "exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime"
_FULL = re.compile(r"No space left on device|Disk quota exceeded|Wrote only [0-9]+ of [0-9]+ bytes")
_XATTRS = ("--xattrs", "--xattrs-include=*")


def pack(tree: Path, out: Path, epoch: int) -> None:
    """Write the tree as a tar archive. Times are clamped to `epoch`. Raises CommandError."""
    door = Tree(tree)
    for name in VOLATILE:  # emptied, and so with a time of their own
        if door.exists(name):
            door.set_time(name, epoch)
    _tar(
        [
            *("tar", "--create", "--file", out, "--format=pax", f"--pax-option={_PAX}"),
            *("--sort=name", "--numeric-owner", f"--mtime=@{epoch}", "--clamp-mtime", *_XATTRS),
            *("--anchored", *(f"--exclude=./{name}/*" for name in VOLATILE)),
            *("--warning=no-file-ignored", "--directory", tree, "."),
        ],
        out.parent,
    )


def _tar(argv: list[str | Path], place: Path) -> None:
    """Run tar(1), which writes into `place`."""
    try:
        run(argv)
    except CommandError as err:
        if not _FULL.search(err.done.stderr):
            raise
        raise B2ctError(
            f"no space left in {place}",
            hint="free some space there, or work on another disk: --scratch names the folder to "
            "work in, XDG_CACHE_HOME that of the layers (`b2ct image cache prune` empties it)",
        ) from err


def unpack(archive: Path, tree: Path) -> None:
    """Unpack an archive of ours into a new folder, as root. Raises CommandError."""
    tree.mkdir(mode=0o755)
    _tar(
        [
            *("tar", "--extract", "--file", archive, "--numeric-owner", "--same-permissions"),
            *("--same-owner", *_XATTRS, "--directory", tree),
        ],
        tree.parent,
    )


def remove(tree: Path) -> None:
    """Remove a tree, wholly or partly unpacked; one that is not there is no error."""
    if tree.exists():
        run(["rm", "-rf", "--one-file-system", tree])
