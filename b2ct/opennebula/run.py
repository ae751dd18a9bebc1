"""What the steps of one `b2ct apply` share: the client, and the IDs of what is there by now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from b2ct.opennebula import labels, ownership
from b2ct.opennebula.client import Client
from b2ct.opennebula.desired import Desired, Wanted, range_of
from b2ct.opennebula.kind import ALL, Kind
from b2ct.opennebula.settle import settle
from b2ct.opennebula.steps import Plan
from b2ct.opennebula.text import Attributes

NETWORK_DEADLINE = 60.0
"""Seconds for a network to take changes, or to go."""
QUOTAS = frozenset({"VMS", "CPU", "MEMORY", "SYSTEM_DISK_SIZE"})
"""Fields of a user that are limits, and no attributes."""


class Run:
    """One run. `ids` grows as things are made; nothing else changes."""

    def __init__(
        self, one: Client, desired: Desired, plan: Plan, password: Callable[[], str]
    ) -> None:
        self.one, self.desired, self.plan, self.password = one, desired, plan, password
        self.ids = dict(plan.ids)
        self.wanted = {wanted.key: wanted for wanted in desired.objects}
        self.rules = {rule.name: rule for rule in desired.rules}
        self.kinds: Mapping[str, Kind[Any]] = {
            "group": one.groups, "datastore": one.datastores, "cluster": one.clusters,
            "host": one.hosts, "security group": one.security_groups, "network": one.networks,
            "template": one.templates, "user": one.users,
        }  # fmt: skip

    def make(self, wanted: Wanted, allocate: Callable[[], int]) -> int:
        """Make it once, although other runs do the same; remember its ID."""
        kind, me = self.kinds[wanted.kind], self.one.me.id
        # Names of these are unique per owner only.
        owner = me if wanted.kind in ("network", "security group") else ALL
        found = settle(lambda: kind.named(wanted.name, owner), allocate, kind.delete)
        self.ids[wanted.key] = int(found.item.id)
        return int(found.item.id)

    def mark(self, wanted: Wanted) -> None:
        """Say that B2CT made it."""
        marks = Attributes.of(ownership.marks(self.desired.label))
        self.kinds[wanted.kind].update(self.ids[wanted.key], marks)

    def attributes(self, wanted: Wanted) -> dict[str, str]:
        """Its fields that are attributes of OpenNebula."""
        return {n: text for n, text in wanted.fields.items() if n.isupper() and n not in QUOTAS}

    def new(self, wanted: Wanted) -> Attributes:
        """The attributes of a new object, with its marks."""
        given = {name: text for name, text in self.attributes(wanted).items() if text}
        marks = ownership.marks(self.desired.label)
        return Attributes.of({"NAME": wanted.name, **given, **marks})

    def cluster(self, wanted: Wanted) -> int:
        """The ID of the cluster that it shall be in."""
        return self.ids["cluster", wanted.fields["cluster"]]

    def guards(self, wanted: Wanted) -> tuple[int, ...]:
        """The IDs of a network's security groups."""
        names = wanted.fields["security groups"].split(", ")
        return tuple(self.ids["security group", name] for name in names)

    def address_range(self, wanted: Wanted) -> dict[str, str]:
        """A network's AR, marked as B2CT's."""
        first, size = range_of(wanted.fields["range"])
        made = ownership.marks(self.desired.label)[labels.MADE]
        return {"TYPE": "IP4", "IP": first, "SIZE": str(size), labels.MADE: made}

    def join(self, cluster: Wanted, datastores: Iterable[str]) -> None:
        """Add datastores, by their names, to a cluster; those that are not there are left out."""
        for name in datastores:
            if (datastore := self.ids.get(("datastore", name))) is not None:
                self.one.clusters.add_datastore(self.ids[cluster.key], datastore)
