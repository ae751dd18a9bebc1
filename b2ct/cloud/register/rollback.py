"""Another version of an image becomes the one that VMs start from. Images stay as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from b2ct.cloud import vmtemplates
from b2ct.cloud.register import images
from b2ct.cloud.register.images import Family, Version
from b2ct.core.errors import B2ctError
from b2ct.one import labels, ownership
from b2ct.one.objects.vm import Template

if TYPE_CHECKING:
    from b2ct.one.client import Client


@dataclass(frozen=True)
class Move:
    """A VM template that is to start from another version."""

    template: Template
    old: Version


@dataclass(frozen=True)
class Plan:
    """What will be done."""

    to: Version
    moves: tuple[Move, ...]
    left: tuple[Move, ...]
    """Templates made by hand: not ours to change."""


def plan(versions: Family, to: str | None) -> Plan:
    """Move all our templates of a name to a version, by default the one before the current.

    Raises B2ctError where there is no such version, VMs cannot start from it, or nothing is ours.
    """
    if not versions.versions:
        raise B2ctError(
            f"you have no image {versions.base!r}",
            hint="`oneimage list` shows the names; images of other users are theirs to roll back",
        )
    target = images.previous(versions) if to is None else images.version_named(versions, to)
    image = target.image
    if not image.state.usable:
        raise B2ctError(
            f"no VM can start from image {image.id} ({image.name}): it is {image.state.name}",
            hint="choose another version: `b2ct image versions` lists them",
        )
    others = [
        Move(template, version)
        for version in versions.versions
        if version is not target
        for template in version.templates
    ]
    moves = tuple(move for move in others if may_move(move.template))
    if not moves and not target.current:
        raise B2ctError(
            f"no VM template of b2ct starts from {versions.base!r}: there is nothing to roll back",
            hint="`b2ct register-image` makes one from a worker of site.yaml",
        )
    return Plan(target, moves, tuple(move for move in others if move not in moves))


def may_move(template: Template) -> bool:
    """B2CT made it, or was given it."""
    return labels.ours(template) or template.template.text(ownership.ADOPTED) == "YES"


def apply(one: Client, made: Plan) -> None:
    """Do it, template by template; running it again completes what was interrupted."""
    for move in made.moves:
        disks = vmtemplates.with_image(move.template, move.old.image, made.to.image)
        one.templates.update(move.template.id, disks)
