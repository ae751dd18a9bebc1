"""A tree of files becomes a raw disk: partitions, boot loaders for BIOS and UEFI, file systems."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from b2ct.core.files import explain
from b2ct.core.run import run
from b2ct.image.disk import esp, ext4, grub, menu
from b2ct.image.disk.kernels import Kernel, newest
from b2ct.image.disk.partitions import DiskPlan, plan
from b2ct.image.model import Boot, Layout, System
from b2ct.image.tree import Tree

_TIMEOUT = 60.0


@dataclass(frozen=True)
class DiskMade:
    """What was made."""

    plan: DiskPlan
    kernel: Kernel
    """The one that the image boots."""
    arguments: tuple[str, ...]
    """Its command line."""


def _as_we_are(argv: Sequence[str | Path]) -> list[str]:
    return [str(word) for word in argv]


def make(
    tree: Path,
    raw: Path,
    *,
    system: System,
    layout: Layout,
    boot: Boot,
    epoch: int,
    seed: str,
    inside: ext4.Inside = _as_we_are,
) -> DiskMade:
    """Make the raw disk `raw`, a sparse file, from a tree. The same inputs give the same bytes.

    /etc/fstab, GRUB's menu and /etc/kernel/cmdline are written into the tree first, where they are
    not there already; else it is only read. `epoch` is in
    seconds since 1970; identifiers come from `seed`; `inside` makes a command into one that sees
    the tree as its root does, with its owners and behind its permissions.
    Raises B2ctError when the tree has no kernel or does not fit in, when a tool is missing, or
    when the host's disk is full; `raw` is then removed.
    """
    disk = plan(layout, seed)
    kernel = newest(tree)
    place(tree, boot, disk)
    try:
        with raw.open("wb") as out:
            out.truncate(disk.size)
        with ThreadPoolExecutor(max_workers=1) as meanwhile:
            bios = meanwhile.submit(grub.bios, disk)
            # mke2fs first: it makes holes, and everything else is to stay as it was written.
            ext4.write(tree, raw, disk, system=system, epoch=epoch, inside=inside)
        run(
            ["sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", "--wipe=never", raw],
            stdin=disk.table().encode(),
            timeout=_TIMEOUT,
        )
        grub.write(raw, disk, bios.result())
        with tempfile.TemporaryDirectory(prefix="b2ct-esp-", dir=raw.parent) as work:
            esp.write(raw, disk, grub.loader(disk), epoch, Path(work))
    except OSError as err:
        raw.unlink(missing_ok=True)
        raise explain(err, f"write {raw}") from err
    except BaseException:
        raw.unlink(missing_ok=True)
        raise
    return DiskMade(disk, kernel, menu.arguments(boot, disk))


def place(tree: Path, boot: Boot, disk: DiskPlan) -> None:
    """Write what a tree needs to start from the disk into it; twice is as good as once.

    Raises B2ctError as system_files does, and for a tree that has no place for them.
    """
    for path, text in system_files(tree, boot, disk).items():
        _place(tree, path, text)


def system_files(tree: Path, boot: Boot, disk: DiskPlan) -> dict[str, str]:
    """The files that a tree needs to start from the disk: path without leading slash -> text.

    Raises B2ctError when the tree's own /etc/fstab mounts / in another way.
    """
    door = Tree(tree)
    try:
        own = door.read(menu.FSTAB) if door.is_file(menu.FSTAB) else b""
    except OSError as err:
        raise explain(err, f"read /{menu.FSTAB} of the image") from err
    existing = own.decode(errors="surrogateescape")
    return {
        menu.FSTAB: menu.fstab(disk, existing),
        menu.GRUB_CFG: menu.grub_cfg(boot, disk),
        menu.CMDLINE: " ".join(menu.arguments(boot, disk)) + "\n",
    }


def _place(tree: Path, path: str, text: str) -> None:
    """Write a file into the tree, if it is not there with that very text."""
    door, data = Tree(tree), text.encode(errors="surrogateescape")
    try:
        if not door.has(path, data, 0o644):
            door.write(path, data)
    except OSError as err:
        raise explain(err, f"write /{path} of the image") from err
