"""The kernels of a tree, in the order in which GRUB's menu ranks them (`data/grub.cfg`)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.core.files import explain
from b2ct.image.tree import Tree

PATTERN = r"vmlinuz-(([0-9]+)[.]([0-9]+)[.]([0-9]+)-?([0-9]*)[.]?([0-9]*)[.]?([0-9]*).*)"
"""The release and its six leading numbers. A rescue kernel (`vmlinuz-0-rescue-...`) has no such.

The same in Python's and in POSIX's extended syntax: GRUB uses it too.
"""
INITIAL = ("initrd.img-{}", "initramfs-{}.img")
"""Names of the initial file system: Debian's and EL's."""


@dataclass(frozen=True)
class Kernel:
    """A kernel in /boot that has its initial file system; names without the folder."""

    release: str
    image: str
    initial: str
    rank: tuple[int, ...]


def among(names: Iterable[str]) -> list[Kernel]:
    """The kernels in a listing of /boot that can be booted, the newest first."""
    present = set(names)
    found = []
    for name in sorted(present):
        match = _match(name)
        if not match:
            continue
        initial = [one for form in INITIAL if (one := form.format(match[1])) in present]
        if initial:
            rank = tuple(int(number or 0) for number in match.groups()[1:])
            found.append(Kernel(match[1], name, initial[0], rank))
    return sorted(found, key=lambda kernel: kernel.rank, reverse=True)


def _match(name: str) -> re.Match[str] | None:
    """Without line ends the last part takes whatever is left, so that nothing is tried twice."""
    return re.fullmatch(PATTERN, name, re.DOTALL) if name.isprintable() else None


def newest(root: Path) -> Kernel:
    """The kernel that a tree boots. Raises B2ctError when it has none with its initramfs."""
    try:
        names = Tree(root).names("boot")
    except OSError as err:
        raise explain(err, f"list {root / 'boot'}") from err
    found = among(names)
    if found:
        return found[0]
    alone = [name for name in names if _match(name)]
    if alone:
        raise B2ctError(
            f"the kernel {alone[-1]} has no initramfs in /boot of the image",
            hint="add the package that makes it (initramfs-tools on Debian and Ubuntu, dracut on "
            "EL) to the definition",
        )
    raise B2ctError(
        "there is no kernel in /boot of the image",
        hint="boot.kernel of the definition names the package: linux-image-amd64 on Debian, "
        "linux-image-generic on Ubuntu, kernel on EL",
    )
