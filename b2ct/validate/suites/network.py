"""Of every node: its devices, addresses and ways, as site.yaml draws them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from b2ct.validate import wiring
from b2ct.validate.advice import by_hand, on_node
from b2ct.validate.check import HYPERVISOR, Severity, check, fail, not_applicable
from b2ct.validate.facts import links
from b2ct.validate.facts.links import Link, Network
from b2ct.validate.wiring import Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testinfra.host import Host

    from b2ct.site.model import Node, Site


VMS = ("vnet", "one-", "tap")
"""How VMs' own devices are called: vnetN by libvirt, one-ID-N by OpenNebula."""
USUAL_MTU = 1500


def _again(*devices: str) -> str:
    """The remedy: NetworkManager makes these devices anew, as their profiles say."""
    return on_node("; ".join(f"nmcli connection up {device}" for device in devices))


def _cards(found: Network, wire: Wire) -> Iterator[tuple[str, Link | None]]:
    """The cards of an interface, by the MAC addresses that the file gives."""
    yield from ((mac, found.by_mac(mac)) for mac in wire.macs)


def _top(found: Network, wire: Wire) -> Link | None:
    """The device with the address; None where it is missing or only the machine knows it."""
    if wire.top:
        return found.links.get(wire.top)
    return next((link for _, link in _cards(found, wire)), None)


def _known(site: Site, node: Node) -> tuple[Wire, ...]:
    wires = wiring.wires(site, node)
    if not wires:
        not_applicable("site.yaml says nothing about this node's interfaces")
    return wires


@check(
    proves="every network card of site.yaml is in the machine",
    why="a card that died or was swapped takes its networks with it",
    remedy="by hand: `ssh {user}@{address} ip -br link` shows the cards: put the missing one "
    "back, or correct its MAC address in site.yaml",
)
def test_cards_are_there(host: Host, site: Site, node: Node) -> None:
    wires = _known(site, node)
    if not any(wire.macs for wire in wires):
        not_applicable("site.yaml gives no MAC addresses of this node")
    found = links.of(host)
    missing = [f"{mac} ({w.network})" for w in wires for mac, card in _cards(found, w) if not card]
    assert not missing, f"no card has the MAC address {', '.join(missing)}"


@check(
    proves="every card has a link",
    why="a cable that is out, or a switch port that is off",
    remedy="in the report: ip link set up, for a card that is switched off; else look at the "
    "cable and the switch port",
)
def test_links_are_up(host: Host, site: Site, node: Node) -> None:
    found = links.of(host)
    down = {
        card.name: wire.network
        for wire in _known(site, node)
        for _, card in _cards(found, wire)
        if card and not (card.up and card.carrier)
    }
    if down:
        off = [name for name in down if not found.links[name].up]
        fail(
            f"no link on {', '.join(f'{name} ({network})' for name, network in down.items())}",
            on_node("; ".join(f"ip link set {name} up" for name in off))
            if off
            else by_hand(
                f"look at the cable of {next(iter(down))} of {{node}}, and its switch port"
            ),
        )


@check(
    proves="bonds have their mode and all their members",
    why="with a member missing the next cable that fails cuts the node off",
    remedy="in the report: nmcli connection up, with the bond's name",
)
def test_bonds_are_whole(host: Host, site: Site, node: Node) -> None:
    wires = [wire for wire in wiring.wires(site, node) if wire.base]
    if not wires:
        not_applicable("the node has no bonds")
    found = links.of(host)
    for wire in wires:
        bond = found.links.get(wire.base)
        if bond is None or bond.kind != "bond":
            fail(f"there is no bond {wire.base} (network {wire.network})", _again(wire.base))
        if bond.mode != wire.mode:
            fail(
                f"{bond.name} is in mode {bond.mode}, not {wire.mode}",
                on_node(
                    f"nmcli connection modify {bond.name} +bond.options mode={wire.mode};"
                    f" nmcli connection up {bond.name}"
                ),
            )
        for mac, card in _cards(found, wire):
            if card and card.master != bond.name:
                fail(f"{card.name} ({mac}) is no member of {bond.name}", _again(card.name))


@check(
    proves="VLANs have their numbers and lie on the right device",
    why="with another number the node talks to another network, or to nobody",
    remedy="in the report: nmcli connection modify and up, with the VLAN's name",
)
def test_vlans_are_right(host: Host, site: Site, node: Node) -> None:
    wires = [wire for wire in wiring.wires(site, node) if wire.tagged]
    if not wires:
        not_applicable("the node has no VLANs")
    found = links.of(host)
    for wire in wires:
        vlan = found.links.get(wire.tagged)
        if vlan is None or vlan.kind != "vlan":
            fail(
                f"there is no VLAN device {wire.tagged} (network {wire.network})",
                _again(wire.tagged),
            )
        below = wire.base or next((c.name for _, c in _cards(found, wire) if c), vlan.below)
        mend = on_node(
            f"nmcli connection modify {vlan.name} vlan.id {wire.vlan} vlan.parent {below};"
            f" nmcli connection up {vlan.name}"
        )
        if vlan.vlan != wire.vlan:
            fail(f"{vlan.name} carries the tag {vlan.vlan}, not {wire.vlan}", mend)
        if vlan.below != below:
            fail(f"{vlan.name} lies on {vlan.below}, it should be on {below}", mend)


@check(
    proves="every bridge for VMs exists and is up",
    why="a VM on that network does not start: `Cannot get interface MTU`",
    remedy="in the report: nmcli connection up, with the bridge's name",
    roles=HYPERVISOR,
)
def test_bridges_are_there(host: Host, site: Site, node: Node) -> None:
    found = links.of(host)
    for wire in _bridged(site, node):
        bridge = found.links.get(wire.bridge)
        if bridge is None or bridge.kind != "bridge":
            fail(
                f"there is no bridge {wire.bridge} (network {wire.network})",
                _bridge(found, wire),
            )
        if not bridge.up:
            fail(
                f"the bridge {wire.bridge} is switched off",
                on_node(f"ip link set {wire.bridge} up"),
            )


def _bridge(found: Network, wire: Wire) -> str:
    """The remedy: it is made by its profile, and where there is none, for now."""
    port = wire.port or next((card.name for _, card in _cards(found, wire) if card), "")
    now = f"ip link add {wire.bridge} type bridge; ip link set {wire.bridge} up"
    joined = f"; ip link set {port} up master {wire.bridge}" if port else ""
    return on_node(f"nmcli connection up {wire.bridge} || {{ {now}{joined}; }}")


@check(
    proves="every bridge has the card, bond or VLAN of its network as a member",
    why="VMs would start and reach nobody",
    remedy="in the report: ip link set master, with the names of card and bridge",
    roles=HYPERVISOR,
)
def test_bridges_have_their_members(host: Host, site: Site, node: Node) -> None:
    found = links.of(host)
    for wire in _bridged(site, node):
        if wire.bridge not in found.links:
            continue  # bridges-are-there says so
        members = found.members(wire.bridge)
        if wire.port:
            wanted: tuple[str, ...] = (wire.port,)
        else:
            wanted = tuple(card.name for _, card in _cards(found, wire) if card)
        for port in wanted:
            if port not in members:
                fail(
                    f"{port} is no member of the bridge {wire.bridge} (it has:"
                    f" {', '.join(members) or 'none'})",
                    on_node(f"ip link set {port} master {wire.bridge}; nmcli connection up {port}"),
                )
        if not wanted and not wire.macs:
            outside = [name for name in members if not name.startswith(VMS)]
            assert outside, f"the bridge {wire.bridge} has no card as a member"


def _bridged(site: Site, node: Node) -> list[Wire]:
    wires = [wire for wire in wiring.wires(site, node) if wire.bridge]
    if not wires:
        not_applicable("the node has no bridges by site.yaml")
    return wires


@check(
    proves="the node has the addresses of site.yaml, each on its device",
    why="other nodes and VMs look for it there",
    remedy="in the report: ip address add, with the address and its device",
)
def test_addresses_are_right(host: Host, site: Site, node: Node) -> None:
    wires = [wire for wire in _known(site, node) if "." in wire.address]
    if not wires:
        not_applicable("site.yaml gives the node no static address")
    found = links.of(host)
    for wire in wires:
        where = next((link for link in found.links.values() if _has(link, wire.address)), None)
        wanted = _top(found, wire)
        if where is None:
            on = f" on {wanted.name}" if wanted else ""
            fail(
                f"no device has the address {wire.address} ({wire.network}); expected{on}",
                on_node(f"ip address add {wire.address} dev {wanted.name}")
                if wanted
                else by_hand(
                    f"no device of {{node}} can have {wire.address}: see the other checks"
                ),
            )
        if wanted is not None and wanted.name != where.name:
            fail(
                f"{wire.address} is on {where.name}, it should be on {wanted.name}",
                on_node(
                    f"ip address del {wire.address} dev {where.name};"
                    f" ip address add {wire.address} dev {wanted.name}"
                ),
            )


def _has(link: Link, address: str) -> bool:
    if "/" in address:
        return address in link.addresses
    return any(one.partition("/")[0] == address for one in link.addresses)


@check(
    proves="the default route leads to the gateway of site.yaml",
    why="without it nothing outside is reached: no time, no names, no software",
    remedy="in the report: ip route replace default, with the gateway",
)
def test_default_route_is_right(host: Host, site: Site, node: Node) -> None:
    wanted = wiring.gateway_of(site, node)
    if wanted is None:
        not_applicable("the node's gateway comes by DHCP, or site.yaml gives none")
    gateways = [gateway for gateway, _ in links.of(host).gateways]
    network, gateway = wanted
    mend = on_node(f"ip route replace default via {gateway}")
    if not gateways:
        fail(f"there is no default route; it should lead to {gateway} ({network})", mend)
    if gateways[0] != gateway:
        fail(f"the default route leads to {gateways[0]}, not to {gateway}", mend)


@check(
    proves="the gateway answers on the network",
    why="nothing outside can be reached when it is away",
    remedy="by hand: look at the router, and at the VLAN of the switch port of {node}",
)
def test_gateway_answers(host: Host, site: Site, node: Node) -> None:
    wanted = wiring.gateway_of(site, node)
    if wanted is None or wanted[1] not in [g for g, _ in links.of(host).gateways]:
        not_applicable("the default route is not the one of site.yaml: see default-route-is-right")
    gateway = wanted[1]
    # Routers may ignore pings, but none can be used without answering ARP.
    done = host.run(f"ping -n -c 1 -W 2 {gateway} > /dev/null 2>&1 || ip neigh show {gateway}")
    if done.rc != 0 or "FAILED" in done.stdout or "INCOMPLETE" in done.stdout:
        fail(f"the gateway {gateway} does not answer")


@check(
    proves="every device carries packets of the size that site.yaml gives",
    why="VMs send packets of that size, and larger ones than the device's vanish without a word",
    remedy="in the report: ip link set mtu, with the devices",
)
def test_mtu_is_right(host: Host, site: Site, node: Node) -> None:
    wires = [wire for wire in wiring.wires(site, node) if wire.mtu]
    if not wires:
        not_applicable("site.yaml gives no MTU")
    found = links.of(host)
    for wire in wires:
        # What carries comes before what is carried.
        devices = _devices(found, wire)
        narrow = {d.name: d.mtu for d in devices if wire.mtu and d.mtu < wire.mtu}
        if narrow:
            told = ", ".join(f"{name} has the MTU {mtu}" for name, mtu in narrow.items())
            fail(
                f"{told}; {wire.network} needs {wire.mtu}",
                on_node("; ".join(f"ip link set {name} mtu {wire.mtu}" for name in narrow)),
            )


@check(
    proves="devices of the site's networks have no addresses but those of site.yaml",
    why="an address that another machine has as well takes its packets away, now and then",
    remedy="in the report: ip address del, with the address and its device",
)
def test_no_other_addresses(host: Host, site: Site, node: Node) -> None:
    wires = _known(site, node)
    if any(wire.address in ("", "dhcp") for wire in wires):
        not_applicable("not all addresses of this node are in site.yaml")
    found = links.of(host)
    mine = {wire.address.partition("/")[0] for wire in wires}
    devices = {link.name for wire in wires for link in _devices(found, wire)}
    others = {n.address for n in site.nodes if n.address and n.name != node.name}
    for link in found.links.values():
        for full in link.addresses:
            address = full.partition("/")[0]
            if address not in mine and (link.name in devices or address in others):
                whose = next((n.name for n in site.nodes if n.address == address), "")
                fail(
                    f"{link.name} has the address {full}, which is"
                    f" {f'that of {whose}' if whose else 'not in site.yaml'}",
                    on_node(f"ip address del {full} dev {link.name}"),
                )


@check(
    proves="no IPv6 default route has come by itself",
    why="a machine in the network that announces itself as router takes the traffic to the world",
    remedy="in the report: sysctl and ip -6 route del, with the device",
    severity=Severity.WARNING,
)
def test_no_ipv6_default_route(host: Host, site: Site, node: Node) -> None:
    _known(site, node)
    text = host.run("ip -6 route show default").stdout
    routes = re.findall(r"^default via (\S+) dev (\S+)", text, re.M)
    if routes:
        router, device = routes[0]
        fail(
            f"{device} has an IPv6 default route to {router}: site.yaml knows no IPv6",
            on_node(
                f"sysctl -w net.ipv6.conf.{device}.accept_ra=0;"
                f" ip -6 route del default via {router} dev {device}"
            ),
        )


@check(
    proves="the members of every bridge for VMs carry packets, of the size that the bridge has",
    why="the bridge is there, and VMs on it reach nobody, or lose what is large",
    remedy="in the report: ip link set, with the member",
    roles=HYPERVISOR,
)
def test_bridge_ports_carry(host: Host, site: Site, node: Node) -> None:
    found = links.of(host)
    for wire in _bridged(site, node):
        wanted = wire.mtu or USUAL_MTU
        for name in found.members(wire.bridge):
            port = found.links[name]
            if name.startswith(VMS):
                continue
            if port.state and port.state != "forwarding" and port.up and port.carrier:
                fail(
                    f"{name} of the bridge {wire.bridge} is {port.state}: it lets nothing through",
                    on_node(f"ip link set {wire.bridge} type bridge stp_state 0"),
                )
            if not wire.mtu and port.mtu < wanted:  # with one, mtu-is-right says so
                fail(
                    f"{name} of the bridge {wire.bridge} has the MTU {port.mtu}, not {wanted}",
                    on_node(
                        f"ip link set {name} mtu {wanted}; ip link set {wire.bridge} mtu {wanted}"
                    ),
                )


def _devices(found: Network, wire: Wire) -> list[Link]:
    """All devices of an interface, from its cards up."""
    devices = [card for _, card in _cards(found, wire)]
    devices += [found.links.get(name) for name in (wire.base, wire.port, wire.bridge)]
    return [device for device in devices if device]
