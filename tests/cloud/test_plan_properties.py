"""Whatever is there: after an apply there is nothing to do, and nothing of others is lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from b2ct.cloud import live
from b2ct.cloud.view import Options
from b2ct.one import ownership
from b2ct.one.client import Client
from b2ct.one.kind import Kind
from b2ct.one.objects.base import Named
from b2ct.one.ownership import Owners
from b2ct.one.text import Attributes
from b2ct.rehearsal.oned import OnedDouble

from .clouds import Cloud
from .conftest import on

SITE = "t-site"
MARKS = {
    "hand": {},
    "ours": ownership.marks(SITE),
    "adopted": ownership.adoption(SITE),
    "another site's": ownership.marks("elsewhere"),
    "register-image's": {"B2CT_MADE": "YES", "LABELS": "b2ct"},
}
NAMES = {
    "host": ("t-hv01", "t-x"), "network": ("t-vms", "t-x", "t-y"), "group": ("t-dirac", "t-x"),
    "security group": ("t-guard", "t-x"), "user": ("t-dirac", "t-x"),
    "datastore": ("t-more", "t-x"), "cluster": ("t-cluster", "t-x"),
}  # fmt: skip


@dataclass(frozen=True)
class There:
    """An object that is there before."""

    kind: str
    name: str
    mark: str
    used: bool
    cluster: str
    spans: tuple[tuple[int, int, bool], ...]
    """Of a network: last byte of the first address, size, made by B2CT."""


OBJECTS = st.sampled_from([(k, n) for k, names in NAMES.items() for n in names])
THERE = st.builds(
    lambda key, *more: There(*key, *more),
    OBJECTS,
    st.sampled_from(sorted(MARKS)),
    st.booleans(),
    st.sampled_from(("default", "t-cluster", "t-x")),
    st.lists(st.tuples(st.integers(1, 120), st.integers(1, 60), st.booleans()), max_size=2).map(
        tuple
    ),
)
STATES = st.lists(THERE, max_size=8, unique_by=lambda one: (one.kind, one.name))
ORDER = ("cluster", "group", "datastore", "host", "security group", "network", "user")


class Builder:
    """Makes a state in a double, through its API."""

    def __init__(self, double: OnedDouble) -> None:
        self.double, self.one = double, on(double).one
        self.ids: dict[tuple[str, str], int] = {("cluster", "default"): 0}
        self.used: set[tuple[str, int]] = set()

    def make(self, there: There) -> None:
        one, marks = self.one, Attributes.of(MARKS[there.mark])
        cluster = self.ids.get(("cluster", there.cluster), 0)
        named = Attributes.of({"NAME": there.name}).merged(marks)
        if there.kind == "network":
            number = self._network(there, named, cluster)
        elif there.kind == "security group":
            number = one.security_groups.allocate(named)
        elif there.kind == "datastore":
            drivers = {"TYPE": "IMAGE_DS", "DS_MAD": "fs", "TM_MAD": "shared"}
            number = one.datastores.allocate(
                named.merged(Attributes.of(drivers)), cluster_id=cluster
            )
        else:
            number = self._late(there, marks, cluster)
        self.ids[there.kind, there.name] = number

    def _late(self, there: There, marks: Attributes, cluster: int) -> int:
        one = self.one
        kinds: dict[str, Kind[Any]] = {
            "host": one.hosts, "group": one.groups, "cluster": one.clusters, "user": one.users,
        }  # fmt: skip
        if there.kind == "host":
            number = one.hosts.allocate(there.name, im="dummy", vmm="dummy", cluster_id=cluster)
        elif there.kind == "group":
            number = one.groups.allocate(there.name)
        elif there.kind == "cluster":
            number = one.clusters.allocate(there.name)
        else:
            group = self.ids.get(("group", "t-x"), 1)
            number = one.users.allocate(there.name, "pw-pw-pw", groups=[group])
        if marks and there.kind in ("group", "user"):
            given = ownership.recorded(there.kind, number, MARKS[there.mark])
            one.groups.update(0, Attributes.of(given))
        elif marks:
            kinds[there.kind].update(number, marks)
        return number

    def _network(self, there: There, named: Attributes, cluster: int) -> int:
        guard = self.ids.get(("security group", "t-x"), 0)
        more = {"VN_MAD": "fw", "BRIDGE": "br0", "SECURITY_GROUPS": str(guard)}
        number = self.one.networks.allocate(named.merged(Attributes.of(more)), cluster_id=cluster)
        for first, size, ours in there.spans:
            made = {"B2CT_MADE": "YES"} if ours else {}
            span = {"TYPE": "IP4", "IP": f"10.77.1.{first}", "SIZE": str(size), **made}
            self.one.networks.add_range(number, span)
        if there.spans and there.used:
            lease = f'LEASES=[IP="10.77.1.{there.spans[0][0]}"]'
            self.double.rpc("one.vn.hold", number, lease)
            self.used.add(("network", number))
        return number


def _kinds(one: Client) -> dict[str, tuple[Named, ...]]:
    return {
        "host": one.hosts.all(), "network": one.networks.all(), "group": one.groups.all(),
        "security group": one.security_groups.all(), "user": one.users.all(),
        "datastore": one.datastores.all(), "cluster": one.clusters.all(),
    }  # fmt: skip


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@example(  # a cluster that only a datastore of ours is in: both go
    state=[
        There("datastore", "t-more", "ours", False, "t-cluster", ()),
        There("cluster", "t-cluster", "ours", False, "default", ()),
    ],
    prune=True, adopt=False, clustered=False, nothing=True,
)  # fmt: skip
@given(STATES, st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_apply_leads_to_what_is_wanted_and_takes_nothing_from_others(
    state: list[There], prune: bool, adopt: bool, clustered: bool, nothing: bool
) -> None:
    options = Options(prune=prune, adopt=adopt)
    cloud = Cloud()
    if clustered:
        cloud.cloud["cluster"] = "t-cluster"
    if nothing:
        cloud = cloud.empty()
    with OnedDouble() as double:
        builder = Builder(double)
        one = builder.one
        for there in sorted(state, key=lambda there: ORDER.index(there.kind)):
            builder.make(there)
        before, owners = _kinds(one), live.read(one).owners
        done = cloud.apply(one, options)
        assert done.in_use == ()
        assert cloud.plan(one, options).pending == ()
        after = {(kind, item.id): item for kind, items in _kinds(one).items() for item in items}
        for kind, items in before.items():
            for item in items:
                _is_kept((kind, item), after.get((kind, item.id)), builder, (owners, options))


def _is_kept(
    before: tuple[str, Named],
    after: Named | None,
    builder: Builder,
    asked: tuple[Owners, Options],
) -> None:
    (kind, item), (owners, options) = before, asked
    if after is None:
        assert options.prune
        assert owners.made(item, SITE)
        assert (kind, item.id) not in builder.used
        return
    # It has the journal; and oneadmin's group the marks of users and groups.
    noted = (kind, item.id) in (("user", builder.one.me.id), ("group", 0))
    if owners.foreign(item, SITE) and not options.adopt and not noted:
        assert _own(kind, after) == _own(kind, item)
        if kind == "network":
            assert after == item


def _own(kind: str, item: Named) -> Attributes:
    """Its attributes; of a host without those that its monitoring adds."""
    if kind != "host":
        return item.template
    return Attributes(pair for pair in item.template.pairs() if pair[0].startswith("B2CT"))
