"""An object as it is against the object as it shall be. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address
from typing import cast

from b2ct.cloud.desired import DEFAULT, NONE, Wanted, range_of, rule_text
from b2ct.cloud.difference import Change
from b2ct.cloud.live import Live
from b2ct.one.objects.account import User
from b2ct.one.objects.base import Named
from b2ct.one.objects.host import Cluster, Host
from b2ct.one.objects.network import AddressRange, SecurityGroup, VirtualNetwork
from b2ct.one.objects.storage import Datastore
from b2ct.one.ownership import made_range

Ids = Mapping[tuple[str, str], int]
"""Kind and name -> ID, of everything that is wanted and there."""


@dataclass(frozen=True)
class View:
    """The live cloud, with the names by which site.yaml knows its objects."""

    live: Live
    ids: Ids

    @cached_property
    def _names(self) -> Mapping[tuple[str, int], str]:
        names: dict[tuple[str, int], str] = {}
        for (kind, name), oid in self.ids.items():
            names.setdefault((kind, oid), name)
        return names

    def name(self, kind: str, oid: int) -> str:
        """The name of site.yaml, else the object's with its ID."""
        if name := self._names.get((kind, oid)):
            return name
        found = self.live.numbered.get((kind, oid))
        return f"{found.name} (ID {oid})" if found else f"ID {oid}"


def changes(wanted: Wanted, item: Named, view: View) -> tuple[Change, ...]:
    """The fields that differ."""
    now = {name: _FIELDS.get((wanted.kind, name), _attribute(name)) for name in wanted.fields}
    pairs = ((n, now[n](item, wanted, view), text) for n, text in wanted.fields.items())
    return tuple(Change(name, old, new) for name, old, new in pairs if old != new)


_Look = Callable[[Named, Wanted, View], str]


def _attribute(name: str) -> _Look:
    return lambda item, _wanted, _view: item.template.text(name)


def _host_cluster(item: Named, _wanted: Wanted, view: View) -> str:
    return view.name("cluster", cast("Host", item).cluster_id)


def _host_driver(item: Named, _wanted: Wanted, _view: View) -> str:
    host = cast("Host", item)
    return host.vm_mad if host.im_mad == host.vm_mad else f"{host.im_mad}, {host.vm_mad}"


def _members(item: Named, wanted: Wanted, view: View) -> str:
    """The wanted datastores that are in the cluster; further ones are nobody's concern."""
    there = cast("Cluster", item).datastores
    names = wanted.fields["datastores"].split(", ")
    return ", ".join(name for name in names if view.ids.get(("datastore", name)) in there)


def _in_cluster(item: Named, wanted: Wanted, view: View) -> str:
    """The wanted cluster if the network is in it, among others perhaps."""
    names = [view.name("cluster", oid) for oid in cast("VirtualNetwork", item).clusters]
    return wanted.fields["cluster"] if wanted.fields["cluster"] in names else ", ".join(names)


def guards(network: VirtualNetwork) -> tuple[int, ...]:
    """IDs of the network's security groups."""
    words = network.template.text("SECURITY_GROUPS").split(",")
    return tuple(int(word) for word in words if word.strip().isdigit())


def _guards(item: Named, _wanted: Wanted, view: View) -> str:
    names = {view.name("security group", oid) for oid in guards(cast("VirtualNetwork", item))}
    return ", ".join(sorted(names)) or DEFAULT


def our_ranges(network: VirtualNetwork, wanted: str) -> tuple[AddressRange, ...]:
    """Address ranges that B2CT made; else one made by hand that is just the wanted one."""
    first, size = range_of(wanted)
    ours = tuple(one for one in network.ranges if made_range(one))
    same = (one for one in network.ranges if (one.ip, one.size) == (first, size))
    return ours or tuple(same)[:1]


def _range(item: Named, wanted: Wanted, _view: View) -> str:
    ranges = our_ranges(cast("VirtualNetwork", item), wanted.fields["range"])
    return ", ".join(span(one) for one in ranges)


def span(one: AddressRange) -> str:
    """`10.0.0.10 to 10.0.0.19`; ranges without IPv4 by their first MAC address."""
    if not one.ip:
        return f"{one.mac} + {one.size}"
    return f"{one.ip} to {IPv4Address(int(IPv4Address(one.ip)) + one.size - 1)}"


def leased(one: AddressRange) -> int:
    """Addresses of it that are in use. Pools say so by pairs of offset and holder instead."""
    return one.used or len(one.attributes.get("ALLOCATED", "").split()) // 2


def overlaps(one: AddressRange, wanted: str) -> bool:
    """Some address of the range is in the wanted one."""
    first, size = range_of(wanted)
    if not one.ip:
        return False
    start, other = int(IPv4Address(first)), int(IPv4Address(one.ip))
    return start < other + one.size and other < start + size


def _rules(item: Named, _wanted: Wanted, _view: View) -> str:
    return "; ".join(sorted({rule_text(rule) for rule in cast("SecurityGroup", item).rules}))


def _group(item: Named, _wanted: Wanted, view: View) -> str:
    return view.name("group", cast("User", item).gid)


def _quota(name: str) -> _Look:
    def look(item: Named, _wanted: Wanted, _view: View) -> str:
        limit = cast("User", item).quotas.vm.get(name)
        return NONE if limit is None or limit.limit < 0 else f"{limit.limit:.12g}"

    return look


def _bridge_list(item: Named, _wanted: Wanted, _view: View) -> str:
    return " ".join(cast("Datastore", item).template.text("BRIDGE_LIST").split())


_FIELDS: Mapping[tuple[str, str], _Look] = {
    ("host", "cluster"): _host_cluster,
    ("host", "driver"): _host_driver,
    ("cluster", "datastores"): _members,
    ("datastore", "BRIDGE_LIST"): _bridge_list,
    ("network", "security groups"): _guards,
    ("network", "cluster"): _in_cluster,
    ("network", "range"): _range,
    ("security group", "rules"): _rules,
    ("user", "group"): _group,
    **{("user", name): _quota(name) for name in ("VMS", "CPU", "MEMORY", "SYSTEM_DISK_SIZE")},
}
