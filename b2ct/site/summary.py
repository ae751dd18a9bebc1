"""What a site comes to, for those who wrote it: what is installed where, and what will be asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from b2ct.document.finding import duration, size
from b2ct.site import catalogue
from b2ct.site.model import Interface, Network, Node, Site
from b2ct.site.workers import Worker


@dataclass(frozen=True)
class NodeSummary:
    """A machine: how it is known and reached, and what it asks at its console."""

    name: str
    role: str
    address: str
    recognised_by: tuple[str, ...]
    asks: tuple[str, ...]


@dataclass(frozen=True)
class Summary:
    """The site in a few lines."""

    name: str
    domain: str
    release: str
    distribution: str
    opennebula: str
    storage: str
    proxy: str
    networks: dict[str, str]
    nodes: tuple[NodeSummary, ...]
    workers: dict[str, str]
    admins: tuple[str, ...]


def of(site: Site) -> Summary:
    """The summary of a valid site."""
    return Summary(
        name=site.site.name,
        domain=site.site.domain or "",
        release=site.release.version,
        distribution=catalogue.media(site.distribution, site.release.version).title,
        opennebula=site.opennebula_version,
        storage=site.storage.type,
        proxy=_proxy(site),
        networks={name: _network(network) for name, network in site.networks.items()},
        nodes=tuple(_node(site, node) for node in site.nodes),
        workers={name: _worker(site, worker) for name, worker in site.described_workers.items()},
        admins=tuple(admin.name for admin in site.admins),
    )


def lines(summary: Summary) -> list[str]:
    """The summary as a person reads it."""
    domain = f", domain {summary.domain}" if summary.domain else ""
    told = [
        f"site        {summary.name}{domain}",
        f"release     {summary.distribution} ({summary.release})",
        f"OpenNebula  {summary.opennebula}, storage {summary.storage}",
    ]
    told += _block("proxy", filter(None, [summary.proxy]))
    width = max(map(len, summary.networks), default=0)
    told += _block("networks", (f"{n:{width}}  {t}" for n, t in summary.networks.items()))
    width = max((len(node.name) for node in summary.nodes), default=0)
    rows = (f"{n.name:{width}}  {n.role:10}  {n.address}" for n in summary.nodes)
    told += _block("nodes", rows)
    width = max(map(len, summary.workers))
    told += _block("workers", (f"{n:{width}}  {t}" for n, t in summary.workers.items()))
    told += _block("admins", summary.admins)
    return told + _questions(summary)


def _block(title: str, rows: Iterable[str]) -> list[str]:
    """The rows in a column, the title before the first."""
    return [f"{'' if index else title:12}{row}" for index, row in enumerate(rows)]


def _questions(summary: Summary) -> list[str]:
    """What is asked, each set of questions once, with the nodes that ask it."""
    if not summary.nodes:
        return ["No nodes are described: each machine asks for all that it needs at its console."]
    asking: dict[tuple[str, ...], list[str]] = {}
    for node in summary.nodes:
        asking.setdefault(node.asks, []).append(node.name)
    told = []
    for asks, names in asking.items():
        who = ", ".join(names)
        told.append(f"{who}: {'asks at the console:' if asks else 'asks nothing'}")
        told += [f"  - {question}" for question in asks]
    return told


def _proxy(site: Site) -> str:
    """One line: the proxy, who logs in at it, what is reached without it besides the site."""
    if site.proxy is None:
        return ""
    user = f" as {site.proxy.user}" if site.proxy.user else ""
    more = f", not for {', '.join(site.proxy.exceptions)}" if site.proxy.exceptions else ""
    return f"{site.proxy.url}{user}{more}"


def _network(network: Network) -> str:
    """One line: CIDR, gateway, VLAN, bridge, addresses of VMs."""
    parts = [str(network.cidr) if network.cidr else "addresses are asked"]
    if network.gateway:
        parts.append(f"gateway {network.gateway}")
    if network.vlan:
        parts.append(f"VLAN {network.vlan}")
    if network.bridge:
        parts.append(f"bridge {network.bridge}")
    if network.vm_range:
        parts.append(f"VMs {network.vm_range.first} to {network.vm_range.last}")
    return ", ".join(parts)


def _worker(site: Site, worker: Worker) -> str:
    """One line: image, size, networks, lifetime; and whether nobody asked for it."""
    on = ", ".join(site.networks_of(worker)) or "no network yet"
    idle = {"poweroff": "", "dry-run": ", idle rule tried only", "off": ", never idle"}
    default = "" if site.workers else " (the default: `workers` is left out)"
    return (
        f"{worker.image}: {worker.cpu:g} CPU, {worker.vcpu} VCPU, {size(worker.memory)} memory,"
        f" {size(worker.disk)} disk, on {on}, at most {duration(worker.lifetime)}"
        f"{idle[worker.idle.mode]}{default}"
    )


def _node(site: Site, node: Node) -> NodeSummary:
    first = node.interfaces[0].address if node.interfaces else None
    return NodeSummary(
        name=node.name,
        role=node.role.value,
        address=str(first) if first is not None else "address is asked",
        recognised_by=(*node.macs, *([f"serial {node.serial}"] if node.serial else [])),
        asks=tuple(questions(site, node)),
    )


def questions(site: Site, node: Node) -> Iterator[str]:
    """What a node asks at its console because the file does not say it."""
    if not node.macs and not node.serial:
        yield "which machine it is: there is no MAC address or serial number to know it by"
    if site.site.domain is None:
        yield "the domain"
    if site.site.keyboard is None:
        yield "the keyboard layout"
    if not node.interfaces:
        yield "the network interface, its address, gateway and DNS"
    for interface in node.interfaces:
        yield from _interface_questions(site, node, interface)
    password = site.secrets.proxy_password
    if site.proxy and site.proxy.user and not (password and password.on_medium):
        yield f"the password of {site.proxy.user} at the proxy"
    if node.disk is None:
        yield "the disk to install on"
    elif not all(match.names_one for _, match in node.disk.matches):
        yield "the disk to install on, if several fit the description"
    if node.disk is None or not node.disk.wipe:
        yield "before it erases a disk that holds data"


def _interface_questions(site: Site, node: Node, interface: Interface) -> Iterator[str]:
    name, network = interface.network, site.networks[interface.network]
    if not interface.macs:
        yield f"the network card for {name}"
    if interface.address is None:
        yield f"the address on {name}"
    if isinstance(interface.address, IPv4Address) and network.cidr is None:
        yield f"the netmask of {name}"
    if interface is node.interfaces[0] and interface.address != "dhcp":
        mine = [site.networks[other.network] for other in node.interfaces]
        if not any(other.gateway for other in mine):
            yield "the gateway"
        if not any(other.dns for other in mine):
            yield "the DNS server"
