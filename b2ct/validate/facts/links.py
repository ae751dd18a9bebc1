"""Network devices with their addresses and routes, by `ip -json` of iproute."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from b2ct.validate.check import not_applicable
from b2ct.validate.facts import sections

if TYPE_CHECKING:
    from testinfra.host import Host

_QUESTIONS = {
    "addresses": "ip -d -j address show",
    "routes": "ip -j -4 route show default",
}


@dataclass(frozen=True)
class Link:
    """A network device."""

    name: str
    kind: str
    """`bridge`, `bond`, `vlan`, `veth`, ...; empty: a card."""
    mac: str
    """The one it was born with, of a bond's member."""
    master: str
    up: bool
    """It is switched on."""
    carrier: bool
    """A cable is plugged in, or what stands for one."""
    mtu: int
    addresses: tuple[str, ...]
    """IPv4, as `10.0.0.2/24`."""
    below: str = ""
    """Of a VLAN: the device that carries it."""
    vlan: int = 0
    mode: str = ""
    """Of a bond."""
    state: str = ""
    """Of a bridge's port: `forwarding`, `blocking`, `disabled`, ..."""


@dataclass(frozen=True)
class Network:
    """All of a machine."""

    links: Mapping[str, Link]
    gateways: tuple[tuple[str, str], ...]
    """(gateway, device) of the default routes, the preferred first."""

    def by_mac(self, mac: str) -> Link | None:
        """The card of that address; no bridge, bond or VLAN, which borrow their cards' ones."""
        found = [link for link in self.links.values() if link.mac == mac.lower()]
        cards = [link for link in found if link.kind not in ("bridge", "bond", "vlan", "macvlan")]
        return cards[0] if cards else None

    def members(self, device: str) -> tuple[str, ...]:
        """Names of what is attached to a bridge or bond."""
        return tuple(link.name for link in self.links.values() if link.master == device)


def of(host: Host) -> Network:
    """Ask the node. Ends the check where `ip` is too old to speak JSON (EL6, EL7)."""
    said = sections.ask(host, _QUESTIONS)
    try:
        return parse(said["addresses"], said["routes"])
    except (ValueError, KeyError, TypeError):
        not_applicable("this release's `ip` says nothing that can be read (no -json)")


def parse(addresses: str, routes: str) -> Network:
    """Of both commands. Raises ValueError for what is no JSON."""
    links = {link.name: link for link in map(_link, json.loads(addresses)) if link.name}
    rows = json.loads(routes or "[]")
    found = [(row.get("metric", 0), row.get("gateway", ""), row.get("dev", "")) for row in rows]
    return Network(links, tuple((gateway, dev) for _, gateway, dev in sorted(found)))


def _link(row: dict[str, Any]) -> Link:
    info = row.get("linkinfo", {})
    data = info.get("info_data", {})
    slave = info.get("info_slave_data", {})
    born = slave.get("perm_hwaddr") or row.get("permaddr") or row.get("address", "")
    flags = row.get("flags", [])
    return Link(
        name=row.get("ifname", ""),
        kind=info.get("info_kind", ""),
        mac=str(born).lower(),
        master=row.get("master", ""),
        up="UP" in flags,
        carrier="LOWER_UP" in flags,
        mtu=int(row.get("mtu", 0)),
        addresses=tuple(
            f"{one['local']}/{one['prefixlen']}"
            for one in row.get("addr_info", [])
            if one.get("family") == "inet"
        ),
        below=row.get("link", "") if info.get("info_kind") == "vlan" else "",
        vlan=int(data.get("id", 0)) if info.get("info_kind") == "vlan" else 0,
        mode=str(data.get("mode", "")) if info.get("info_kind") == "bond" else "",
        state=str(slave.get("state", "")) if info.get("info_slave_kind") == "bridge" else "",
    )
