"""Of every node: its devices, addresses, names and ways, as site.yaml draws them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2ct.validate import expect, wiring
from b2ct.validate.advice import on_node
from b2ct.validate.check import HYPERVISOR, Severity, check, fail, not_applicable
from b2ct.validate.facts import about, links
from b2ct.validate.facts.links import Link, Network
from b2ct.validate.wiring import Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testinfra.host import Host

    from b2ct.site.model import Node, Site

_SHOW = on_node("ip -d address; nmcli connection show") + ", then nmcli connection up DEVICE"


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
    remedy="ssh {user}@{address} ip -br link; correct the MAC addresses of {node} in site.yaml",
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
    remedy="look at the cable and the switch port; ssh {user}@{address} ip -br link",
)
def test_links_are_up(host: Host, site: Site, node: Node) -> None:
    found = links.of(host)
    down = [
        f"{card.name} ({wire.network})"
        for wire in _known(site, node)
        for _, card in _cards(found, wire)
        if card and not (card.up and card.carrier)
    ]
    assert not down, f"no link on {', '.join(down)}"


@check(
    proves="bonds have their mode and all their members",
    why="with a member missing the next cable that fails cuts the node off",
    remedy="ssh {user}@{address} cat /proc/net/bonding/BOND; nmcli connection show",
)
def test_bonds_are_whole(host: Host, site: Site, node: Node) -> None:
    wires = [wire for wire in wiring.wires(site, node) if wire.base]
    if not wires:
        not_applicable("the node has no bonds")
    found = links.of(host)
    for wire in wires:
        bond = found.links.get(wire.base)
        if bond is None or bond.kind != "bond":
            fail(f"there is no bond {wire.base} (network {wire.network})", _SHOW)
        assert bond.mode == wire.mode, f"{bond.name} is in mode {bond.mode}, not {wire.mode}"
        for mac, card in _cards(found, wire):
            if card and card.master != bond.name:
                fail(f"{card.name} ({mac}) is no member of {bond.name}", _SHOW)


@check(
    proves="VLANs have their numbers and lie on the right device",
    why="with another number the node talks to another network, or to nobody",
    remedy="ssh {user}@{address} ip -d link show type vlan",
)
def test_vlans_are_right(host: Host, site: Site, node: Node) -> None:
    wires = [wire for wire in wiring.wires(site, node) if wire.tagged]
    if not wires:
        not_applicable("the node has no VLANs")
    found = links.of(host)
    for wire in wires:
        vlan = found.links.get(wire.tagged)
        if vlan is None or vlan.kind != "vlan":
            fail(f"there is no VLAN device {wire.tagged} (network {wire.network})", _SHOW)
        assert vlan.vlan == wire.vlan, f"{vlan.name} carries the tag {vlan.vlan}, not {wire.vlan}"
        below = wire.base or next((c.name for _, c in _cards(found, wire) if c), vlan.below)
        assert vlan.below == below, f"{vlan.name} lies on {vlan.below}, it should be on {below}"


@check(
    proves="every bridge for VMs exists and is up",
    why="a VM on that network does not start: `Cannot get interface MTU`",
    remedy="ssh {user}@{address} nmcli connection up BRIDGE",
    roles=HYPERVISOR,
)
def test_bridges_are_there(host: Host, site: Site, node: Node) -> None:
    found = links.of(host)
    for wire in _bridged(site, node):
        bridge = found.links.get(wire.bridge)
        if bridge is None or bridge.kind != "bridge":
            fail(
                f"there is no bridge {wire.bridge} (network {wire.network})",
                on_node(f"nmcli connection up {wire.bridge}"),
            )
        if not bridge.up:
            fail(
                f"the bridge {wire.bridge} is switched off",
                on_node(f"ip link set {wire.bridge} up"),
            )


@check(
    proves="every bridge has the card, bond or VLAN of its network as a member",
    why="VMs would start and reach nobody",
    remedy="ssh {user}@{address} bridge link",
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
            # VMs' own devices are called vnetN by libvirt, one-ID-N by OpenNebula.
            outside = [name for name in members if not name.startswith(("vnet", "one-", "tap"))]
            assert outside, f"the bridge {wire.bridge} has no card as a member"


def _bridged(site: Site, node: Node) -> list[Wire]:
    wires = [wire for wire in wiring.wires(site, node) if wire.bridge]
    if not wires:
        not_applicable("the node has no bridges by site.yaml")
    return wires


@check(
    proves="the node has the addresses of site.yaml, each on its device",
    why="other nodes and VMs look for it there",
    remedy="ssh {user}@{address} ip -br address; nmcli connection up DEVICE",
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
            fail(f"no device has the address {wire.address} ({wire.network}); expected{on}")
        if wanted is not None and wanted.name != where.name:
            fail(f"{wire.address} is on {where.name}, it should be on {wanted.name}")


def _has(link: Link, address: str) -> bool:
    if "/" in address:
        return address in link.addresses
    return any(one.partition("/")[0] == address for one in link.addresses)


@check(
    proves="the default route leads to the gateway of site.yaml",
    why="without it nothing outside is reached: no time, no names, no software",
    remedy="ssh {user}@{address} ip route; nmcli connection up DEVICE",
)
def test_default_route_is_right(host: Host, site: Site, node: Node) -> None:
    wanted = wiring.gateway_of(site, node)
    if wanted is None:
        not_applicable("the node's gateway comes by DHCP, or site.yaml gives none")
    gateways = [gateway for gateway, _ in links.of(host).gateways]
    network, gateway = wanted
    assert gateways, f"there is no default route; it should lead to {gateway} ({network})"
    assert gateways[0] == gateway, f"the default route leads to {gateways[0]}, not to {gateway}"


@check(
    proves="the gateway answers on the network",
    why="nothing outside can be reached when it is away",
    remedy="ssh {user}@{address} ping GATEWAY; look at the router and at the VLAN of the port",
)
def test_gateway_answers(host: Host, site: Site, node: Node) -> None:
    wanted = wiring.gateway_of(site, node)
    if wanted is None or wanted[1] not in [g for g, _ in links.of(host).gateways]:
        not_applicable("the default route is not the one of site.yaml: see default-route-is-right")
    gateway = wanted[1]
    # Routers may ignore pings, but none can be used without answering ARP.
    done = host.run(f"ping -n -c 1 -W 2 {gateway} > /dev/null 2>&1 || ip neigh show {gateway}")
    if done.rc != 0 or "FAILED" in done.stdout or "INCOMPLETE" in done.stdout:
        fail(f"the gateway {gateway} does not answer", on_node(f"ping {gateway}; ip neigh"))


@check(
    proves="every device carries packets of the size that site.yaml gives",
    why="VMs send packets of that size, and larger ones than the device's vanish without a word",
    remedy="ssh {user}@{address} ip link show; then nmcli connection modify DEVICE 802-3.mtu SIZE",
)
def test_mtu_is_right(host: Host, site: Site, node: Node) -> None:
    wires = [wire for wire in wiring.wires(site, node) if wire.mtu]
    if not wires:
        not_applicable("site.yaml gives no MTU")
    found = links.of(host)
    for wire in wires:
        devices = [_top(found, wire), found.links.get(wire.port), found.links.get(wire.base)]
        for link in devices:
            if link and wire.mtu and link.mtu < wire.mtu:
                fail(f"{link.name} has the MTU {link.mtu}, {wire.network} needs {wire.mtu}")


@check(
    proves="names of the site's nodes lead to their addresses",
    why="OpenNebula reaches hypervisors by name",
    remedy="ssh {user}@{address} cat /etc/hosts; add `ADDRESS NAME.{domain} NAME`",
)
def test_names_lead_to_nodes(host: Host, site: Site) -> None:
    wanted = {n.name: n.address for n in site.nodes if n.address}
    if not wanted:
        not_applicable("no node has a static address")
    names = list(wanted)
    found = _forward(host, names)
    for name, address in wanted.items():
        there = found.get(name, "")
        if there != address:
            fail(
                f"{name} leads to {there or 'nothing'}, it should be {address}",
                on_node("vi /etc/hosts") + f": {address} {name}.{{domain}} {name}",
            )


def _forward(host: Host, names: list[str]) -> dict[str, str]:
    """Name -> its first IPv4 address."""
    text = host.run(
        f"for n in {' '.join(names)}; do"
        " echo \"$n $(getent ahostsv4 $n | awk '{print $1; exit}')\"; done"
    ).stdout
    rows = (line.split() for line in text.splitlines())
    return {row[0]: row[1] for row in rows if len(row) == 2}


@check(
    proves="addresses of the site's nodes lead back to their names",
    why="logs, NFS and Kerberos go by the name of who calls",
    remedy="ssh {user}@{address} cat /etc/hosts; add `ADDRESS NAME.{domain} NAME`",
    severity=Severity.WARNING,
)
def test_addresses_lead_to_names(host: Host, site: Site) -> None:
    wanted = {n.address: n for n in site.nodes if n.address}
    if not wanted:
        not_applicable("no node has a static address")
    text = host.run(f"getent hosts {' '.join(wanted)}").stdout
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.split()}
    for address, node in wanted.items():
        good = {node.name, expect.full_name(site, node)}
        if not good & set(rows.get(address, [])):
            said = " ".join(rows.get(address, [])) or "nothing"
            fail(f"{address} leads back to {said}, it should be {expect.full_name(site, node)}")


@check(
    proves="the name servers are those of site.yaml",
    why="others may not know the site's names, or not answer this network",
    remedy="ssh {user}@{address} nmcli connection modify DEVICE ipv4.dns LIST",
    severity=Severity.WARNING,
)
def test_name_servers_are_as_asked(host: Host, site: Site, node: Node) -> None:
    wanted = expect.name_servers(site, node)
    if not wanted:
        not_applicable("site.yaml names no DNS servers for this node")
    found = about.of(host).name_servers
    missing = [server for server in wanted if server not in found]
    assert not missing, (
        f"not in /etc/resolv.conf: {', '.join(missing)} (it has: {', '.join(found) or 'none'})"
    )


@check(
    proves="names outside the site can be resolved",
    why="squid finds the software's servers by name, and updates come from mirrors with names",
    remedy="ssh {user}@{address} cat /etc/resolv.conf; getent hosts NAME",
)
def test_outside_names_are_known(host: Host, site: Site) -> None:
    servers = [
        url.split("/")[2].rpartition(":")[0] or url.split("/")[2] for url in site.cvmfs.stratum1
    ]
    names = [name for name in servers if not name.replace(".", "").isdigit()]
    if not names:
        not_applicable("site.yaml names no server outside by name")
    done = host.run(
        f"for n in {' '.join(names[:3])}; do timeout 10 getent ahostsv4 $n && exit 0; done; exit 1"
    )
    assert done.rc == 0, f"no name server answers for {names[0]}"
