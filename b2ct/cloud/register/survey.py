"""What there is on the server before anything is registered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from b2ct.cloud.register import images
from b2ct.cloud.register.images import Family
from b2ct.one.kind import ALL
from b2ct.one.objects.account import User
from b2ct.one.objects.network import VirtualNetwork
from b2ct.one.objects.storage import Datastore, Image
from b2ct.one.objects.vm import Template

if TYPE_CHECKING:
    from b2ct.one.client import Client


@dataclass(frozen=True)
class Survey:
    """What there is: seven calls, however many objects."""

    me: User
    images: tuple[Image, ...]
    """The caller's."""
    templates: tuple[Template, ...]
    """The caller's and administrators', as all that others can make decides nothing."""
    datastores: tuple[Datastore, ...]
    networks: tuple[VirtualNetwork, ...]
    """As templates."""
    checks_room: bool = True
    """The server looks for room before it takes an image, where a datastore says nothing else."""

    def family(self, name: str) -> Family:
        """The versions of a name."""
        return images.family(name, self.images, self.templates)


def survey(one: Client) -> Survey:
    """Look what there is."""
    me, held = one.me, one.owners.held
    return Survey(
        me, one.images.all(me.id), tuple(held(one.templates.all(ALL))), one.datastores.all(),
        tuple(held(one.networks.all(ALL))), one.checks_room,
    )  # fmt: skip
