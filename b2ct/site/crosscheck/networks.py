"""Networks: addresses that lie where they must, and nothing that is there twice."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

from b2ct.document.finding import Finding
from b2ct.document.redact import Path
from b2ct.site.model import Network, Site, VmRange


def findings(site: Site) -> Iterator[Finding]:
    """What cannot work in `networks`."""
    for name, network in site.networks.items():
        path = ("networks", name)
        if network.cidr:
            yield from _cidr(path, network.cidr)
            if network.gateway and (why := misplaced(network.gateway, network.cidr)):
                yield Finding((*path, "gateway"), why)
        yield from _dns(path, network)
        if network.vm_range:
            yield from _vm_range(path, network, network.vm_range)
    yield from _overlaps(site)
    yield from _bridges(site)
    yield from _taken_from_range(site)


def misplaced(address: IPv4Address, cidr: IPv4Network) -> str:
    """Why a machine on the network cannot have the address; empty if it can."""
    if address not in cidr:
        return f"is not in {cidr}: expected an address {_span(cidr)}"
    # RFC 3021: a /31 has neither; a /32 is one host.
    if cidr.prefixlen < 31 and address == cidr.network_address:
        return f"is the network address of {cidr}: expected an address {_span(cidr)}"
    if cidr.prefixlen < 31 and address == cidr.broadcast_address:
        return f"is the broadcast address of {cidr}: expected an address {_span(cidr)}"
    return ""


def _span(cidr: IPv4Network) -> str:
    if cidr.prefixlen >= 31:
        return f"from {cidr.network_address} to {cidr.broadcast_address}"
    return f"from {cidr.network_address + 1} to {cidr.broadcast_address - 1}"


def _cidr(path: Path, cidr: IPv4Network) -> Iterator[Finding]:
    # (what ipaddress calls it, what it is)
    kinds = (
        (cidr.is_loopback, "is the loopback network"),
        (cidr.is_multicast, "is a multicast network"),
        (cidr.is_link_local, "is the link-local network"),
        (cidr.prefixlen < 8, "is larger than any network of a site"),
        (cidr.is_reserved, "is reserved"),
    )
    for wrong, what in kinds:
        if wrong:
            yield Finding(
                (*path, "cidr"), f"{what}: expected the machines' own network, such as 10.0.0.0/24"
            )
            return


def _dns(path: Path, network: Network) -> Iterator[Finding]:
    seen: dict[IPv4Address, int] = {}
    for index, server in enumerate(network.dns):
        here = (*path, "dns", index)
        if server.is_loopback:
            yield Finding(
                here,
                "is every machine's address for itself: expected a DNS server on the network",
                "`resolvectl dns` or /run/systemd/resolve/resolv.conf show the real one",
            )
        elif server.is_multicast or server.is_unspecified or server.is_reserved:
            yield Finding(here, "is no machine's address: expected that of a DNS server")
        elif network.cidr and server in network.cidr and misplaced(server, network.cidr):
            yield Finding(here, misplaced(server, network.cidr))
        elif server in seen:
            yield Finding(here, "stands in this list twice", other=(*path, "dns", seen[server]))
        seen.setdefault(server, index)


def _vm_range(path: Path, network: Network, vms: VmRange) -> Iterator[Finding]:
    here = (*path, "vm_range")
    if vms.first > vms.last:
        yield Finding((*here, "last"), f"comes before first, {vms.first}", "swap the two")
        return
    for key, address in (("first", vms.first), ("last", vms.last)):
        if network.cidr and (why := misplaced(address, network.cidr)):
            yield Finding((*here, key), why)
    for key, taken in (("gateway", network.gateway), *(("dns", one) for one in network.dns)):
        if taken and vms.first <= taken <= vms.last:
            yield Finding(
                here,
                f"holds {taken}, the {'gateway' if key == 'gateway' else 'DNS server'}",
                "let the range begin after it or end before it",
                other=(*path, key),
            )


def _overlaps(site: Site) -> Iterator[Finding]:
    """Sorted by their start, a network overlaps if it begins before the furthest end so far."""
    order = {name: index for index, name in enumerate(site.networks)}
    spans = sorted(
        (int(network.cidr.network_address), int(network.cidr.broadcast_address), name)
        for name, network in site.networks.items()
        if network.cidr
    )
    reach, widest = -1, ""
    for start, end, name in spans:
        if start <= reach:
            earlier, later = sorted((name, widest), key=order.__getitem__)
            yield Finding(
                ("networks", later, "cidr"),
                f"overlaps with network {earlier}, {site.networks[earlier].cidr}",
                "each network needs addresses of its own",
                other=("networks", earlier, "cidr"),
            )
        if end > reach:
            reach, widest = end, name


def _bridges(site: Site) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for name, network in site.networks.items():
        if network.bridge is None:
            continue
        if network.bridge in seen:
            yield Finding(
                ("networks", name, "bridge"),
                f"is also the bridge of network {seen[network.bridge]}",
                "a bridge belongs to one network: give each its own",
                other=("networks", seen[network.bridge], "bridge"),
            )
        seen.setdefault(network.bridge, name)


def _taken_from_range(site: Site) -> Iterator[Finding]:
    for i, node in enumerate(site.nodes):
        for j, interface in enumerate(node.interfaces):
            network = site.networks.get(interface.network)
            vms = network.vm_range if network else None
            address = interface.address
            if vms and isinstance(address, IPv4Address) and vms.first <= address <= vms.last:
                yield Finding(
                    ("nodes", i, "interfaces", j, "address"),
                    f"is in the range that {interface.network} gives to VMs,"
                    f" {vms.first} to {vms.last}",
                    "choose another address, or let the range begin after it",
                    other=("networks", interface.network, "vm_range"),
                )
