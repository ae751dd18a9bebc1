"""The cloud that site.yaml describes: what every kind wants of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from b2ct.cloud.kinds import KINDS
from b2ct.one.versions import Dialect, other_line
from b2ct.site.model import Site

if TYPE_CHECKING:
    from b2ct.cloud.kinds.kind import Kind, Wanted

W = TypeVar("W", bound="Wanted")


@dataclass(frozen=True)
class Described:
    """What is described, and for whom."""

    site: Site
    dialect: Dialect
    """How the server is spoken to."""
    folder: Path
    """That of site.yaml: files that workers bring are read from it, when they are needed."""


@dataclass(frozen=True)
class Desired:
    """All that shall be there."""

    site: Site
    wanted: Mapping[str, tuple[Any, ...]]
    """Kind -> the objects of it."""
    notes: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The site's name, by which B2CT knows its objects."""
        return self.site.site.name

    def of(self, kind: Kind[W, Any]) -> tuple[W, ...]:
        """The wanted objects of a kind."""
        return cast("tuple[W, ...]", self.wanted.get(kind.name, ()))


def desired(site: Site, dialect: Dialect, folder: Path) -> Desired:
    """The cloud of a site whose file is in `folder`, for a server of that version."""
    described = Described(site, dialect, folder)
    wanted = {kind.name: tuple(kind.wanted(described)) for kind in KINDS}
    return Desired(site, wanted, tuple(_notes(described)))


def _notes(described: Described) -> Iterator[str]:
    for kind in KINDS:
        yield from kind.notes(described)
    if other := other_line(described.site.opennebula_version, described.dialect.server):
        yield other
