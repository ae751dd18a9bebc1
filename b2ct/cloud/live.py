"""The cloud as it is: every kind of object, each in one call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

from b2ct.one.acl import AclRule
from b2ct.one.objects.account import Group, User
from b2ct.one.objects.base import Named
from b2ct.one.objects.host import Cluster, Host
from b2ct.one.objects.network import SecurityGroup, VirtualNetwork
from b2ct.one.objects.storage import Datastore, Image
from b2ct.one.objects.vm import Template, Vm
from b2ct.one.ownership import Owners

if TYPE_CHECKING:
    from b2ct.one.client import Client


@dataclass(frozen=True)
class Live:
    """What is there; the kinds by the words that the plan uses for them."""

    me: User
    groups: tuple[Group, ...] = ()
    datastores: tuple[Datastore, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    hosts: tuple[Host, ...] = ()
    security_groups: tuple[SecurityGroup, ...] = ()
    networks: tuple[VirtualNetwork, ...] = ()
    images: tuple[Image, ...] = ()
    templates: tuple[Template, ...] = ()
    users: tuple[User, ...] = ()
    rules: tuple[AclRule, ...] = ()
    vms: tuple[Vm, ...] | None = field(default=())
    """None: not asked for, so that nothing can be said of what VMs use."""

    @cached_property
    def owners(self) -> Owners:
        """Whose marks count."""
        return Owners.of(self.me, self.groups)

    @cached_property
    def held_templates(self) -> tuple[Template, ...]:
        """Those of the caller and of administrators."""
        return tuple(self.owners.held(self.templates))

    @cached_property
    def held_networks(self) -> tuple[VirtualNetwork, ...]:
        """Those of the caller and of administrators."""
        return tuple(self.owners.held(self.networks))

    @cached_property
    def named(self) -> Mapping[tuple[str, str], tuple[Named, ...]]:
        """Kind and name -> the objects that have it."""
        found: dict[tuple[str, str], list[Named]] = {}
        for kind, items in self.kinds.items():
            for item in items:
                found.setdefault((kind, item.name), []).append(item)
        return {key: tuple(items) for key, items in found.items()}

    @cached_property
    def numbered(self) -> Mapping[tuple[str, int], Named]:
        """Kind and ID -> the object."""
        return {(kind, item.id): item for kind, items in self.kinds.items() for item in items}

    @cached_property
    def kinds(self) -> Mapping[str, tuple[Named, ...]]:
        """Kind -> its objects."""
        return MappingProxyType(
            {
                "group": self.groups, "datastore": self.datastores, "cluster": self.clusters,
                "host": self.hosts, "security group": self.security_groups,
                "network": self.networks, "template": self.templates, "user": self.users,
            }
        )  # fmt: skip


def read(one: Client, *, vms: bool = False) -> Live:
    """Ask for everything: twelve calls, and one more for the VMs (needed to delete things)."""
    return Live(
        me=one.users.me(), groups=one.groups.all(), datastores=one.datastores.all(),
        clusters=one.clusters.all(), hosts=one.hosts.all(),
        security_groups=one.security_groups.all(), networks=one.networks.all(),
        images=one.images.all(), templates=one.templates.all(), users=one.users.all(),
        rules=one.acls.all(), vms=one.vms.all() if vms else None,
    )  # fmt: skip
