"""What `b2ct next` goes by: what was seen of a site, and why something could not be seen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from b2ct.site.model import Site


@dataclass(frozen=True)
class Unseen:
    """Something was not looked at."""

    why: str
    remedy: str = ""
    """A command after which it can be seen."""


OFFLINE = Unseen("offline")


@dataclass(frozen=True)
class Medium:
    """An installer image with kickstarts of B2CT."""

    file: Path
    old: bool
    """site.yaml was changed after it was made."""


@dataclass(frozen=True)
class Machines:
    """Which machines answer, asked at the port of sshd."""

    answering: int
    silent: tuple[str, ...] = ()
    more: int = 0
    """Machines that were not asked: there are too many."""


@dataclass(frozen=True)
class Proof:
    """The newest report of `b2ct validate`."""

    day: str
    failed: int
    old: bool
    """site.yaml was changed after it."""


@dataclass(frozen=True)
class Cloud:
    """What OpenNebula has of what site.yaml describes."""

    pending: int
    """Steps that `b2ct apply` would do."""
    missing: tuple[str, ...] = ()
    """Images of workers that are not registered."""
    vms: int = 0
    of_dirac: int = 0
    """VMs of DIRAC's user."""


@dataclass(frozen=True)
class Evidence:
    """All that was seen."""

    file: Path
    """The site file, as the user named it."""
    named: bool = False
    """It was named with --site."""
    site: Site | None = None
    problems: tuple[str, ...] = ()
    """What is wrong with the file. Without a site and problems there is no file."""
    media: tuple[Medium, ...] = ()
    images: frozenset[str] = frozenset()
    """Names of QCOW2 images in this folder, without .qcow2."""
    proof: Proof | None = None
    machines: Machines | Unseen = OFFLINE
    cloud: Cloud | Unseen = OFFLINE
