"""Virtual networks, each with the address range that B2CT made in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from b2ct.cloud.kinds.cluster import CLUSTER
from b2ct.cloud.kinds.kind import DEFAULT, ObjectKind, Wanted
from b2ct.cloud.kinds.security_group import SECURITY_GROUP, guards
from b2ct.one import labels, ownership, waiting
from b2ct.one.kinds import Networks
from b2ct.one.objects.network import AddressRange, VirtualNetwork
from b2ct.one.ownership import made_range
from b2ct.one.states import NetState
from b2ct.one.text import Attributes
from b2ct.site.model import Network, Site

if TYPE_CHECKING:
    from b2ct.cloud.desired import Described
    from b2ct.cloud.session import Run
    from b2ct.cloud.view import Number, View
    from b2ct.one.client import Client

DEADLINE = 60.0
"""Seconds for a network to take changes."""
_STUCK = frozenset({NetState.ERROR, NetState.LOCK_DELETE, NetState.UPDATE_FAILURE})
_ANSWERED = frozenset({"MAC_END", "IP_END", "USED_LEASES", "LEASES", "ALLOCATED"})
"""Attributes that the server adds to an address range in its answers."""


@dataclass(frozen=True)
class Span:
    """Addresses from the first to the last."""

    first: IPv4Address
    last: IPv4Address

    @property
    def size(self) -> int:
        """How many."""
        return int(self.last) - int(self.first) + 1

    def __str__(self) -> str:
        """`10.0.0.10 to 10.0.0.19`."""
        return f"{self.first} to {self.last}"

    def overlaps(self, one: AddressRange) -> bool:
        """Some address of a range is in it."""
        if not one.ip:
            return False
        start = int(IPv4Address(one.ip))
        return start <= int(self.last) and int(self.first) < start + one.size


@dataclass(frozen=True, kw_only=True)
class WantedNetwork(Wanted):
    """A virtual network as it shall be."""

    guards: tuple[str, ...]
    """Its security groups."""
    cluster: str
    """That it shall be in, among others perhaps."""
    span: Span


class NetworkKind(ObjectKind[WantedNetwork, VirtualNetwork]):
    """`networks` that VMs can be on."""

    name, made, deleted = "network", 60, 30
    per_owner = True

    def pool(self, one: Client) -> Networks:
        """Virtual networks."""
        return one.networks

    def wanted(self, described: Described) -> Iterator[WantedNetwork]:
        """Those with a bridge and a range for VMs."""
        site = described.site
        for name in giving(site):
            yield _wanted(site, name, site.networks[name])

    def notes(self, described: Described) -> Iterator[str]:
        """Those with a range alone."""
        for name, network in described.site.networks.items():
            if network.vm_range and not network.bridge:
                yield f"network {name} is not made: it has a `vm_range` but no `bridge` for VMs"

    def shown(self, wanted: WantedNetwork) -> dict[str, str]:
        """Attributes, security groups, cluster, range."""
        return {
            **wanted.attributes, "security groups": ", ".join(wanted.guards),
            "cluster": wanted.cluster, "range": str(wanted.span),
        }  # fmt: skip

    def there(self, item: VirtualNetwork, wanted: WantedNetwork, view: View) -> dict[str, str]:
        """The same as they are; of the ranges only B2CT's."""
        names = {view.name(SECURITY_GROUP, oid) for oid in _guards(item)}
        clusters = [view.name(CLUSTER, oid) for oid in item.clusters]
        return {
            **super().there(item, wanted, view),
            "security groups": ", ".join(sorted(names)) or DEFAULT,
            "cluster": wanted.cluster if wanted.cluster in clusters else ", ".join(clusters),
            "range": ", ".join(_text(one) for one in _ours(item, wanted.span)),
        }

    def trouble(self, item: VirtualNetwork) -> tuple[str, str] | None:
        """The server would not take a change."""
        if item.state not in _STUCK:
            return None
        return (
            f"the network is in state {item.state.name}",
            f"`onevnet recover --success {item.id}` if it is as it should be, else `--delete`",
        )

    def bar(self, item: VirtualNetwork, wanted: WantedNetwork, name: str) -> tuple[str, str] | None:
        """A range of somebody else is in the way, or VMs have addresses of ours."""
        if name != "range":
            return None
        ours = _ours(item, wanted.span)
        for one in item.ranges:
            if one not in ours and wanted.span.overlaps(one):
                return (
                    f"the address range {_text(one)}, made by hand, overlaps with it",
                    f"`onevnet rmar {item.id} {one.id}`, if nobody needs it",
                )
        for one in ours:
            grows = one.ip == str(wanted.span.first) and one.size <= wanted.span.size
            if (used := _leased(one)) and not grows:
                return (
                    f"{used} addresses of {_text(one)} are in use",
                    "end these VMs first, or let the new range begin where the old one does",
                )
        return None

    def make(self, run: Run, wanted: WantedNetwork) -> None:
        """With its range, its security groups, and in its cluster."""
        groups = self._groups(run, wanted)
        more = Attributes([("SECURITY_GROUPS", groups), ("AR", _new_range(run, wanted))])
        attributes, cluster = run.new(wanted).merged(more), run.id(CLUSTER, wanted.cluster)
        number = run.make(
            self,
            wanted.name,
            lambda: run.one.networks.allocate(attributes, cluster_id=cluster),
        )
        there = waiting.wait_network(run.one, number, deadline=DEADLINE)
        # oned adds its own group, which lets everything pass, to those of a new network.
        if set(_guards(there)) != {run.id(SECURITY_GROUP, name) for name in wanted.guards}:
            run.one.networks.update(number, Attributes.of({"SECURITY_GROUPS": groups}))

    def sent(self, run: Run, wanted: WantedNetwork, names: Set[str]) -> Attributes:
        """Security groups are an attribute that names IDs."""
        more = {"SECURITY_GROUPS": self._groups(run, wanted)} if "security groups" in names else {}
        return super().sent(run, wanted, names).merged(Attributes.of(more))

    @staticmethod
    def _groups(run: Run, wanted: WantedNetwork) -> str:
        return ",".join(str(run.id(SECURITY_GROUP, name)) for name in wanted.guards)

    def change(
        self, run: Run, wanted: WantedNetwork, item: VirtualNetwork, names: Set[str]
    ) -> None:
        """Attributes, cluster, range."""
        super().change(run, wanted, item, names)
        if "cluster" in names:
            run.one.clusters.add_network(run.id(CLUSTER, wanted.cluster), item.id)
        if "range" in names:
            _change_range(run, wanted, item.id)

    def holds(self, item: VirtualNetwork, view: View) -> Iterator[tuple[Number, str]]:
        """Its only cluster, and its security groups."""
        changed = view.changed(self, item)
        # A network in another cluster, too, is only taken out of the one that is deleted.
        if not changed and len(item.clusters) == 1:
            yield (CLUSTER.name, item.clusters[0]), f"network {item.name} is in it"
        now = [view.id(SECURITY_GROUP, n) for n in changed.guards] if changed else _guards(item)
        for group in now:
            if group is not None:
                yield (SECURITY_GROUP.name, group), f"it guards network {item.name}"

    def used(self, item: VirtualNetwork, _view: View) -> str:
        """By who has its addresses."""
        used = max(item.used_leases, sum(map(_leased, item.ranges)))
        return f"{used} of its addresses are in use" if used else ""


def giving(site: Site) -> Iterator[str]:
    """Names of the networks that VMs can be on."""
    for name, network in site.networks.items():
        if network.vm_range and network.bridge:
            yield name


def _wanted(site: Site, name: str, network: Network) -> WantedNetwork:
    vms, cidr, guarding = network.vm_range, network.cidr, guards(site, name)
    assert vms  # noqa: S101 - `giving` has seen to it
    attributes: Mapping[str, str] = {
        # Of the two drivers for a bridge that is there, only fw heeds security groups.
        "VN_MAD": "fw" if guarding else "bridge",
        "BRIDGE": network.bridge or "",
        "NETWORK_ADDRESS": str(cidr.network_address) if cidr else "",
        "NETWORK_MASK": str(cidr.netmask) if cidr else "",
        "GATEWAY": str(network.gateway or ""),
        "DNS": " ".join(map(str, network.dns)),
        "GUEST_MTU": str(network.mtu or ""),
    }
    return WantedNetwork(
        name=name, attributes=attributes, guards=guarding or (DEFAULT,),
        cluster=site.cloud.cluster or DEFAULT,
        span=Span(IPv4Address(str(vms.first)), IPv4Address(str(vms.last))),
    )  # fmt: skip


def _guards(network: VirtualNetwork) -> tuple[int, ...]:
    """IDs of the network's security groups."""
    words = network.template.text("SECURITY_GROUPS").split(",")
    return tuple(int(word) for word in words if word.strip().isdigit())


def _ours(network: VirtualNetwork, wanted: Span) -> tuple[AddressRange, ...]:
    """Address ranges that B2CT made; else one made by hand that is just the wanted one."""
    ours = tuple(one for one in network.ranges if made_range(one))
    first, size = str(wanted.first), wanted.size
    same = (one for one in network.ranges if (one.ip, one.size) == (first, size))
    return ours or tuple(same)[:1]


def _text(one: AddressRange) -> str:
    """As a span; ranges without IPv4 by their first MAC address."""
    if not one.ip:
        return f"{one.mac} + {one.size}"
    return f"{one.ip} to {IPv4Address(int(IPv4Address(one.ip)) + one.size - 1)}"


def _leased(one: AddressRange) -> int:
    """Addresses of it that are in use. Pools say so by pairs of offset and holder instead."""
    return one.used or len(one.attributes.get("ALLOCATED", "").split()) // 2


def _new_range(run: Run, wanted: WantedNetwork) -> dict[str, str]:
    """A network's AR, marked as B2CT's."""
    made = ownership.marks(run.desired.label)[labels.MADE]
    span = wanted.span
    return {"TYPE": "IP4", "IP": str(span.first), "SIZE": str(span.size), labels.MADE: made}


def _change_range(run: Run, wanted: WantedNetwork, oid: int) -> None:
    """The old range grows or shrinks, or goes before the new one comes: never both at once."""
    network, span = waiting.wait_network(run.one, oid, deadline=DEADLINE), wanted.span
    kept: AddressRange | None = None
    for one in _ours(network, span):
        if one.ip == str(span.first) and kept is None:
            kept = one
        else:
            run.one.networks.remove_range(oid, one.id)
    if kept is None:
        run.one.networks.add_range(oid, _new_range(run, wanted))
    elif kept.size != span.size:
        own = {k: v for k, v in kept.attributes.items() if k not in _ANSWERED}
        run.one.networks.update_range(oid, {**own, "AR_ID": str(kept.id), "SIZE": str(span.size)})


NETWORK = NetworkKind()
