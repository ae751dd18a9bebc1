"""The devices that a node's interfaces must make: bonds, VLANs, bridges, addresses. Pure.

The names are those that the kickstart's `name_devices` gives (kickstart/network/pre.sh.j2); the
tests compare the two. Cards are known by their MAC addresses: only the machine knows their names.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from b2ct.site.catalogue import Role

if TYPE_CHECKING:
    from b2ct.site.model import Interface, Node, Site


@dataclass(frozen=True)
class Wire:
    """A node's place on a network, down to its cards."""

    network: str
    macs: tuple[str, ...]
    """Of its cards; empty: the file does not say, so the installer asked."""
    mode: str
    """Of the bond; empty: no bond."""
    base: str
    """The bond, or empty: the card itself."""
    vlan: int | None
    tagged: str
    """The VLAN device, or empty."""
    bridge: str
    """Or empty."""
    address: str
    """`10.0.0.2/24`, `dhcp`, `none`, or empty: it was asked."""
    mtu: int | None

    @property
    def port(self) -> str:
        """The device that is the bridge's port; empty: the card."""
        return self.tagged or self.base

    @property
    def top(self) -> str:
        """The device that carries the address; empty: the card."""
        return self.bridge or self.port


def wires(site: Site, node: Node) -> tuple[Wire, ...]:
    """Of every interface, in the order of the file."""
    found: list[Wire] = []
    bonds = 0
    for index, interface in enumerate(node.interfaces):
        network = site.networks.get(interface.network)
        macs = interface.macs
        mode = interface.bond.mode if interface.bond else ""
        base = ""
        if mode:
            base = next((w.base for w in found if w.macs == macs), "")
            if not base:
                base, bonds = f"bond{bonds}", bonds + 1
        vlan = network.vlan if network else None
        tagged = _vlan_name(vlan, index, found) if vlan else ""
        bridge = (network.bridge or "") if network and node.role is not Role.CONTROL else ""
        address = _address(site, interface)
        mtu = network.mtu if network else None
        found.append(Wire(interface.network, macs, mode, base, vlan, tagged, bridge, address, mtu))
    return tuple(found)


def _vlan_name(vlan: int, index: int, before: list[Wire]) -> str:
    name = f"vlan{vlan}"
    for wire in before:
        if wire.tagged == name:
            name = f"vlan{vlan}_{index}"
    return name


def _address(site: Site, interface: Interface) -> str:
    if not isinstance(interface.address, IPv4Address):
        return interface.address or ""
    network = site.networks.get(interface.network)
    if network is None or network.cidr is None:
        return str(interface.address)
    return f"{interface.address}/{network.cidr.prefixlen}"


def gateway_of(site: Site, node: Node) -> tuple[str, str] | None:
    """The default route's network and gateway; None: it comes by DHCP, or there is none.

    Exactly one interface has it: the first, if DHCP or a gateway of its own gives it one, else
    the first that has a gateway.
    """
    if not node.interfaces or node.interfaces[0].address == "dhcp":
        return None
    for interface in node.interfaces:
        network = site.networks.get(interface.network)
        if isinstance(interface.address, IPv4Address) and network and network.gateway:
            return interface.network, str(network.gateway)
    return None
