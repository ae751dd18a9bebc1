"""Disks: described without contradiction, each once, and large enough."""

from __future__ import annotations

from collections.abc import Iterator

from b2ct.document.finding import Finding, either, size
from b2ct.document.redact import Path
from b2ct.site.disk import Disk, DiskMatch, plain_wwn
from b2ct.site.model import Site

STABLE_PATHS = ("/dev/disk/by-path/", "/dev/disk/by-id/")


def findings(site: Site, path: Path, disk: Disk, needed: int) -> Iterator[Finding]:
    """What cannot work in the `disk` at `path`; `needed` bytes are what `disk_layout` asks for."""
    for here, match in matches(path, disk):
        yield from _match(here, match)
    yield from _twice(path, disk)
    if disk.wipe and not all(match.says_which for _, match in disk.matches):
        yield Finding(
            (*path, "wipe"),
            "would erase a disk without saying which",
            "add its serial, wwn, path, model or size",
        )
    if disk.datastores and site.storage.type == "nfs":
        yield Finding(
            (*path, "datastores"),
            "would stay empty: `storage` says that datastores live on NFS",
            "leave `datastores` out, or choose another `storage`",
        )
    if disk.datastores:
        needed -= site.disk_layout.datastore or 0
    yield from _room(path, disk, needed)


def matches(path: Path, disk: Disk) -> Iterator[tuple[Path, DiskMatch]]:
    """Every description of a disk with the place where it stands."""
    for i, match in enumerate(disk.mirror):
        yield (*path, "mirror", i), match
    if not disk.mirror:
        yield path, disk
    for i, match in enumerate(disk.datastores):
        yield (*path, "datastores", i), match


def identities(path: Path, disk: Disk) -> Iterator[tuple[str, str, Path]]:
    """What no two disks share: its kind, its value, and the place where it stands."""
    for here, match in matches(path, disk):
        if match.serial:
            yield "disk serial", match.serial, (*here, "serial")
        if match.wwn:
            yield "disk wwn", plain_wwn(match.wwn), (*here, "wwn")


def _match(path: Path, match: DiskMatch) -> Iterator[Finding]:
    if match.min_size and match.max_size and match.min_size > match.max_size:
        yield Finding((*path, "max_size"), f"is less than min_size, {size(match.min_size)}")
    if match.path and not match.path.startswith(STABLE_PATHS):
        yield Finding(
            (*path, "path"),
            f"is not a name that stays: expected one below {either(STABLE_PATHS)}",
            "names such as /dev/sda change from boot to boot; `ls -l /dev/disk/by-path` shows them",
        )


def _twice(path: Path, disk: Disk) -> Iterator[Finding]:
    """One disk of this node that two descriptions name."""
    first: dict[tuple[str, str], Path] = {}
    named = list(identities(path, disk))
    named += [("path", m.path, (*p, "path")) for p, m in matches(path, disk) if m.path]
    for kind, value, here in named:
        other = first.setdefault((kind, value.lower()), here)
        if other != here:
            yield Finding(
                here,
                "names a disk of this machine a second time",
                "every disk is used once: a mirror has two different ones",
                other=other,
            )


def _room(path: Path, disk: Disk, needed: int) -> Iterator[Finding]:
    """Disks of the system on which its volumes cannot fit."""
    for here, match in matches(path, disk.model_copy(update={"datastores": ()})):
        if match.max_size and match.max_size < needed:
            yield Finding(
                (*here, "max_size"),
                f"is less than the {size(needed)} that `disk_layout` asks for",
                "make the volumes of `disk_layout` smaller, or allow a larger disk",
            )
