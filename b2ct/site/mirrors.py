"""The distribution's repositories beside its base, where a site has a mirror of its own. Pure.

From EL8 on, BaseOS alone is not a distribution: QEMU and the database are in AppStream, and what
OpenNebula and EPEL need is in a third repository, whose name varies. Mirrors keep the three side by
side, so the others are derived from the address of BaseOS; site.yaml's own names come first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from b2ct.site import catalogue
from b2ct.site.catalogue import Distribution
from b2ct.site.model import Site

_BASE = re.compile(r"(?<=/)(BaseOS|baseos)(?=/)")
_BUILDER = {"crb", "powertools", "codeready-builder", "codereadybuilder", "codeready"}
"""Names under which people have the third repository, in small letters."""


@dataclass(frozen=True)
class Further:
    """A repository beside the base."""

    name: str
    url: str
    required: bool = True
    """Without it nothing installs; else it may be missing on the mirror."""


def further(site: Site, key: str) -> tuple[Further, ...]:
    """Those that the mirror of this site has for a release, EPEL left out."""
    named = tuple(
        Further(name, url)
        for name, url in site.release.repositories.items()
        if name.lower() != "epel"
    )
    given = {_same(one.name) for one in named}
    derived = (_derived(site, kind, key) for kind in _needed(key) if kind not in given)
    return (*named, *(one for one in derived if one))


def lacking(site: Site) -> tuple[str, ...]:
    """Names of repositories that the release needs, and that its mirror is not known to have."""
    if not site.release.mirror:
        return ()
    key = site.release.version
    known = {_same(one.name) for one in further(site, key)}
    return tuple(_directory(site, kind, key) for kind in _needed(key) if kind not in known)


def _needed(key: str) -> tuple[str, ...]:
    return ("appstream", "builder") if catalogue.release(key).extra_repository else ()


def _same(name: str) -> str:
    return "builder" if name.lower() in _BUILDER else name.lower()


def _directory(site: Site, kind: str, key: str) -> str:
    """How mirrors of the distribution call the folder."""
    if kind == "appstream":
        return "AppStream"
    if site.distribution is Distribution.RHEL:
        return "codeready-builder"
    return "PowerTools" if catalogue.release(key).extra_repository == "powertools" else "CRB"


def _derived(site: Site, kind: str, key: str) -> Further | None:
    base = site.release.mirror or ""
    found = _BASE.search(base)
    if not found:
        return None
    name = _directory(site, kind, key)
    folder = name.lower() if found[0].islower() else name
    return Further(name, _BASE.sub(folder, base, count=1), required=kind == "appstream")
