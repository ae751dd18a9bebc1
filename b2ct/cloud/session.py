"""What the steps of one `b2ct apply` share: the client, and the IDs of what is there by now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from b2ct.cloud.compare import recorded, resolve
from b2ct.cloud.desired import Desired, Wanted, range_of
from b2ct.cloud.steps import Plan
from b2ct.one import labels, ownership
from b2ct.one.client import Client
from b2ct.one.faults import MissingError
from b2ct.one.kind import ALL, Kind
from b2ct.one.ownership import Owners
from b2ct.one.settle import once
from b2ct.one.text import Attributes, Loose

NETWORK_DEADLINE = 60.0
"""Seconds for a network to take changes, or to go."""
QUOTAS = frozenset({"VMS", "CPU", "MEMORY", "SYSTEM_DISK_SIZE"})
"""Fields of a user that are limits, and no attributes."""


class Run:
    """One run. It remembers what was made, and changes nothing else."""

    def __init__(
        self, one: Client, desired: Desired, plan: Plan, password: Callable[[], str]
    ) -> None:
        self.one, self.desired, self.plan, self.password = one, desired, plan, password
        self.ids = dict(plan.ids)
        self.templates: dict[str, int] = {}
        self.noted: set[str] = set()
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
        self.ids[wanted.key] = once(lambda: kind.named(wanted.name, owner), allocate)
        return self.ids[wanted.key]

    def make_template(self, attributes: Attributes) -> None:
        """Make a VM template; `end` looks whether another run made one, too."""
        name, templates = attributes.text("NAME"), self.one.templates
        number = once(
            lambda: templates.named(name, self.one.me.id), lambda: templates.allocate(attributes)
        )
        self.templates[name] = number

    def end(self) -> None:
        """Of several templates of a name the first stays: see `settle`. One look for all."""
        if not self.templates:
            return
        first: dict[str, int] = {}
        for template in self.one.templates.all(self.one.me.id):
            first.setdefault(template.name, template.id)
        for name, number in self.templates.items():
            if number != first.get(name, number):
                with suppress(MissingError):
                    self.one.templates.delete(number)

    def mark(self, wanted: Wanted) -> None:
        """Say that B2CT made it."""
        self.say(wanted, ownership.marks(self.desired.label))

    def say(self, wanted: Wanted, marks: Mapping[str, str]) -> None:
        """Set marks, where they count."""
        oid = self.ids[wanted.key]
        if wanted.kind in ownership.ACCOUNTS:
            self.say_of_accounts(ownership.recorded(wanted.kind, oid, marks))
        else:
            self.kinds[wanted.kind].update(oid, Attributes.of(marks))

    def say_of_accounts(self, attributes: Mapping[str, Loose]) -> None:
        """Set attributes of oneadmin's group, of which each belongs to one user or group."""
        self.one.groups.update(ownership.ADMINISTRATORS, Attributes.of(attributes))

    def record_rules(self, user: str) -> None:
        """Note which ACL rules of a user are B2CT's, before they are: all that are wanted."""
        if user in self.noted:
            return
        uid = self.ids["user", user]
        owners = Owners.of(self.one.me, [self.one.groups.get(ownership.ADMINISTRATORS)])
        wanted = (resolve(rule, self.ids) for rule in self.rules.values() if rule.user == user)
        known = dict.fromkeys([*recorded(owners, uid), *(str(rule) for rule in wanted if rule)])
        self.say_of_accounts({ownership.rules(uid): ";".join(known)})
        self.noted.add(user)

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
