"""Machines: each recognisable, each reachable, one of them the front end."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from ipaddress import IPv4Address

from b2ct.document.finding import Finding, did_you_mean, either
from b2ct.document.redact import Path
from b2ct.site import places
from b2ct.site.catalogue import Role
from b2ct.site.crosscheck import disks
from b2ct.site.crosscheck.networks import misplaced
from b2ct.site.model import Interface, Node, Site

HOST_NAME_MAX = 64
"""Characters of a name that the kernel holds (gethostname(2))."""


class _Seen:
    """Values that only one machine may have, and where each was first."""

    def __init__(self) -> None:
        self._first: dict[Hashable, tuple[Path, Node]] = {}

    def again(self, kind: str, value: str, path: Path, node: Node) -> tuple[Path, Node] | None:
        """Where another machine has the value already, if one has."""
        first = self._first.setdefault((kind, value.lower()), (path, node))
        return first if first[1] is not node else None


def findings(site: Site) -> Iterator[Finding]:
    """What cannot work in `nodes`."""
    yield from _front_end(site)
    seen = _Seen()
    for i, node in enumerate(site.nodes):
        path = ("nodes", i)
        yield from _unique(seen, path, node)
        yield from _name(site, path, node)
        yield from _interfaces(site, path, node)
        if node.disk:
            yield from disks.findings(site, (*path, "disk"), node.disk, needed_space(site, node))


def _front_end(site: Site) -> Iterator[Finding]:
    if not site.nodes:
        return
    front_ends = [i for i, n in enumerate(site.nodes) if n.role in (Role.CONTROL, Role.SINGLE)]
    if not front_ends:
        yield Finding(
            ("nodes",),
            "no machine has the role control or single: nothing would run OpenNebula",
            "add the control node, or let one machine be `single`",
        )
    for i in front_ends[1:]:
        yield Finding(
            ("nodes", i, "role"),
            "is a second front end: a site has one control or single node",
            "the others are hypervisors",
            other=("nodes", front_ends[0], "role"),
        )


def _unique(seen: _Seen, path: Path, node: Node) -> Iterator[Finding]:
    """Names, serial numbers, MACs, disks and addresses that two machines cannot share."""
    wanted: list[tuple[str, str, Path]] = [("name", node.name, (*path, "name"))]
    if node.serial:
        wanted.append(("serial number", node.serial, (*path, "serial")))
    if node.host_key:
        wanted.append(("host key", node.host_key.split()[1], (*path, "host_key")))
    for j, interface in enumerate(node.interfaces):
        here = (*path, "interfaces", j)
        if interface.mac:
            wanted.append(("MAC address", interface.mac, (*here, "mac")))
        for k, member in enumerate(interface.bond.members if interface.bond else ()):
            wanted.append(("MAC address", member, (*here, "bond", "members", k)))
        if isinstance(interface.address, IPv4Address):
            wanted.append(("address", str(interface.address), (*here, "address")))
    if node.disk:
        wanted += disks.identities((*path, "disk"), node.disk)
    for kind, value, here in wanted:
        if (first := seen.again(kind, value, here, node)) is not None:
            other, owner = first
            whose = "another node's" if kind == "name" else f"{owner.name}'s"
            yield Finding(
                here,
                f"is also {whose} {kind}",
                "two machines cannot share it: which one is meant?",
                other=other,
            )


def _name(site: Site, path: Path, node: Node) -> Iterator[Finding]:
    full = places.full_name(node, site)
    if len(full) > HOST_NAME_MAX:
        yield Finding(
            (*path, "name"),
            f"with the domain {site.site.domain} has {len(full)} characters:"
            f" a host name has at most {HOST_NAME_MAX}",
            "choose a shorter name",
        )


def _interfaces(site: Site, path: Path, node: Node) -> Iterator[Finding]:
    names: dict[str, int] = {}
    addresses: dict[IPv4Address, int] = {}
    for j, interface in enumerate(node.interfaces):
        here = (*path, "interfaces", j)
        if interface.network not in site.networks:
            yield _no_such_network(site, here, interface)
        if interface.network in names:
            yield Finding(
                (*here, "network"),
                "this node is on the network already",
                "two cards on one network are a `bond`",
                other=(*path, "interfaces", names[interface.network], "network"),
            )
        names.setdefault(interface.network, j)
        address = interface.address
        if isinstance(address, IPv4Address):
            if address in addresses:
                other = (*path, "interfaces", addresses[address], "address")
                yield Finding((*here, "address"), "stands on two of its interfaces", other=other)
            addresses.setdefault(address, j)
            yield from _address(site, here, interface, address)
        if j == 0 and address == "none":
            yield Finding(
                (*here, "address"),
                "leaves this node out of reach: expected an address or dhcp on its first interface",
                "put the interface that has an address first",
            )
    yield from _cards(site, path, node)


def _no_such_network(site: Site, here: Path, interface: Interface) -> Finding:
    known = list(site.networks)
    hint = did_you_mean(interface.network, known)
    if not hint:
        hint = f"`networks` has {either(known)}" if known else "describe it under `networks`"
    return Finding((*here, "network"), "there is no such network in `networks`", hint)


def _address(
    site: Site, here: Path, interface: Interface, address: IPv4Address
) -> Iterator[Finding]:
    network = site.networks.get(interface.network)
    if network is not None and network.cidr and (why := misplaced(address, network.cidr)):
        yield Finding(
            (*here, "address"),
            f"{why} (network {interface.network})",
            other=("networks", interface.network, "cidr"),
        )
        return
    if address.is_loopback or address.is_multicast or address.is_unspecified or address.is_reserved:
        yield Finding((*here, "address"), "is no address that a machine can have")
    for name, other in site.networks.items():
        if other.gateway == address:
            yield Finding(
                (*here, "address"),
                f"is the gateway of network {name}",
                "the gateway is the router's own address: choose another",
                other=("networks", name, "gateway"),
            )


def _cards(site: Site, path: Path, node: Node) -> Iterator[Finding]:
    """Cards that several networks share: by different VLAN tags only, and as the same bond."""
    untagged: dict[tuple[str, int | None], tuple[Path, str]] = {}
    used: dict[str, tuple[Path, Interface]] = {}
    for j, interface in enumerate(node.interfaces):
        here = (*path, "interfaces", j)
        card = (*here, "bond") if interface.bond else (*here, "mac")
        if interface.bond and len(set(interface.macs)) < len(interface.macs):
            yield Finding((*card, "members"), "names one card twice: expected different cards")
        clash = next((used[mac] for mac in interface.macs if mac in used), None)
        if clash and (set(clash[1].macs), clash[1].bond) != (set(interface.macs), interface.bond):
            yield Finding(
                card,
                "shares a card with another interface of this node, but is not the same bond",
                "a card belongs to one bond; networks that share a bond repeat it unchanged",
                other=clash[0],
            )
        elif interface.macs and interface.network in site.networks:
            tag = site.networks[interface.network].vlan
            key = (min(interface.macs), tag)
            if key in untagged and untagged[key][1] != interface.network:
                what = "without a VLAN tag" if tag is None else f"with the VLAN tag {tag}"
                yield Finding(
                    card,
                    f"carries both {untagged[key][1]} and {interface.network} {what}",
                    "networks that share a card need different `vlan` tags, one may have none",
                    other=untagged[key][0],
                )
            untagged.setdefault(key, (card, interface.network))
        for mac in interface.macs:
            used.setdefault(mac, (card, interface))


def needed_space(site: Site, node: Node) -> int:
    """Bytes that the volumes of `disk_layout` need on a node, /boot not counted."""
    layout = site.disk_layout
    squid = layout.squid if places.runs_squid(site, node) else 0
    return layout.root + layout.swap + (layout.datastore or 0) + squid
