"""What a packaging system has to offer so that images can be made with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from b2ct.image.model import Definition
from b2ct.image.rootfs.workspace import Workspace
from b2ct.papers.about import Package

DRIVERS = (
    *("virtio_pci", "virtio_blk", "virtio_scsi", "virtio_net", "ahci", "ata_piix", "sd_mod"),
    *("sr_mod", "nvme"),
)
"""In every initramfs, so that the image boots on each bus that OpenNebula offers."""


@dataclass(frozen=True)
class State:
    """What the mirrors have now."""

    identity: Mapping[str, str] = field(default_factory=dict)
    """Repository name, with its suite where it has one -> SHA-256 of the signed index."""
    urls: Mapping[str, str] = field(default_factory=dict)
    """Repository name -> the address that answered."""
    date: int | None = None
    """When the newest index was made, in seconds since 1970."""
    pins: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Repository name -> what tells its packages from others: apt_preferences(5), if it is APT."""


class Bootstrap(Protocol):
    """A packaging system. Layers are uncompressed tars, whose times are at most the epoch."""

    def state(self, definition: Definition, cache: Path, *, offline: bool) -> State:
        """Ask the mirrors; offline: what they said the last time, kept in `cache`.

        Raises UnreachableError when no mirror of a repository answers, or offline when it has
        never been asked.
        """

    def base_inputs(self, definition: Definition) -> Mapping[str, Any]:
        """What the base layer depends on besides the mirrors' state."""

    def packages_inputs(self, definition: Definition) -> Mapping[str, Any]:
        """What the packages layer depends on besides the base layer and the mirrors' state."""

    def base(self, definition: Definition, out: Path, work: Workspace) -> None:
        """Write the base layer: the smallest system that can install packages."""

    def packages(self, definition: Definition, base: Path, out: Path, work: Workspace) -> None:
        """Write the packages layer: the whole system, with its kernel, not yet configured."""

    def installed(self, root: Path) -> tuple[Package, ...]:
        """The packages of a tree, sorted, from its own database."""


# Packaging system -> module and class.
BOOTSTRAPS = {
    "apt": ("b2ct.image.rootfs.apt", "Apt"),
    "rpm": ("b2ct.image.rootfs.rpm", "Rpm"),
}


def bootstrap_of(definition: Definition) -> Bootstrap:
    """The bootstrap of a definition's packaging system."""
    module, name = BOOTSTRAPS[definition.system.packaging]
    return cast("Bootstrap", getattr(import_module(module), name)())


def no_mirror(url: str) -> str:
    """What helps when no mirror of a repository answers."""
    practice = (
        "to try without CERN's packages: `b2ct practice packages`; " if "//cvmrepo." in url else ""
    )
    return (
        f"{practice}check the network, http_proxy and `url`; name further `mirrors` in the "
        "definition; with --offline the layers of the cache are used"
    )
