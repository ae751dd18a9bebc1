"""What must be found on a node, from site.yaml and the rows that installed it. Pure.

The firewall's openings and the datastores' drivers are those of the kickstart's own templates, so
that what is checked is what was installed.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from typing import TYPE_CHECKING

from b2ct.context import wpad
from b2ct.site import catalogue, places
from b2ct.site.catalogue import OpenNebula, Release, Role

if TYPE_CHECKING:
    from b2ct.site.model import Node, Site

DATASTORES = "/var/lib/one/datastores"
SPOOL = "/var/spool/squid"
MODULAR = ("virtqemud", "virtnetworkd", "virtstoraged", "virtnodedevd", "virtsecretd")
MIGRATION = "49152-49215"
"""TCP ports of VMs' memory in migration, as the kickstart opens them."""
LOCAL_PORTS = {
    2101: "oned's event queue",
    3306: "the database",
    4822: "the consoles' gateway (guacd)",
    13013: "FireEdge's internal port",
}
"""Ports that only the machine itself is to reach."""


@dataclass(frozen=True)
class Opening:
    """A port that the firewall lets through."""

    port: str
    """A number or a range `FIRST-LAST`."""
    protocol: str
    source: str = ""
    """A network in CIDR notation; empty: everybody."""

    def __str__(self) -> str:
        """`2633/tcp from 10.0.0.0/24`."""
        return f"{self.port}/{self.protocol} from {self.source or 'everybody'}"


def one_of(site: Site) -> OpenNebula:
    """The site's row of OpenNebula."""
    return catalogue.opennebula(site.opennebula_version)


def release_of(site: Site) -> Release:
    """The site's row of the release."""
    return catalogue.release(site.release.version)


def is_control(node: Node) -> bool:
    """It runs the front-end."""
    return node.role in (Role.CONTROL, Role.SINGLE)


def is_hypervisor(node: Node) -> bool:
    """It runs VMs."""
    return node.role in (Role.HYPERVISOR, Role.SINGLE)


def serves_wpad(site: Site, node: Node) -> bool:
    """It serves the proxy file by which stock images find squid."""
    return is_control(node) and site.squid.wpad and wpad.of(site).served


def reaps(site: Site) -> bool:
    """A timer terminates unused VMs."""
    return site.reaper.enabled and site.reaped_user is not None


def database(site: Site) -> str:
    """The database's service."""
    return release_of(site).database[1]


def gui(site: Site) -> tuple[str, str]:
    """Service and URL path of the web interface: Sunstone in ruby, or FireEdge."""
    services = one_of(site).services
    if "opennebula-fireedge" in services:
        return "opennebula-fireedge", "/fireedge/sunstone"
    return "opennebula-sunstone", "/"


def libvirt(site: Site) -> tuple[str, ...]:
    """libvirt's units, by which it answers."""
    if one_of(site).libvirt == "modular":
        return tuple(f"{name}.socket" for name in MODULAR)
    return ("libvirtd.service",)


def units(site: Site, node: Node) -> tuple[str, ...]:
    """Units that must be active and come back after a restart, in the order of their starts."""
    release, found = release_of(site), ["sshd"]
    found += [release.firewall, release.time_service]
    if places.runs_squid(site, node):
        found.append("squid")
    if is_hypervisor(node):
        found += libvirt(site)
    if is_control(node):
        found += [database(site), *one_of(site).services, "b2ct-register.timer"]
        found += ["httpd"] if serves_wpad(site, node) else []
        found += ["b2ct-reaper.timer"] if reaps(site) else []
    return tuple(name if "." in name else f"{name}.service" for name in found)


COMPANIONS = (
    "opennebula-scheduler.service",
    "opennebula-hem.service",
    "opennebula-ssh-agent.service",
)
"""Units that opennebula.service brings along; which of them exist depends on the version."""


def ports(site: Site, node: Node) -> dict[int, str]:
    """TCP ports on which others must find this node -> the unit that listens there."""
    found = {22: "sshd.service"}
    if places.runs_squid(site, node):
        found[site.squid.port] = "squid.service"
    if is_control(node):
        row = one_of(site)
        found |= {2633: "opennebula.service", row.gui_port: f"{gui(site)[0]}.service"}
        if "opennebula-flow" in row.services:
            found[2474] = "opennebula-flow.service"
        if "opennebula-gate" in row.services:
            found[5030] = "opennebula-gate.service"
        if "tcp" in row.monitor:
            found[4124] = "opennebula.service"
        if row.grpc_port:
            found[row.grpc_port] = "opennebula.service"
        if serves_wpad(site, node):
            found[80] = "httpd.service"
    return found


def openings(site: Site, node: Node) -> frozenset[Opening] | None:
    """The firewall that the first boot made.

    None where site.yaml names no network for one of the ports: then the machine took its own.
    """
    whose: dict[str, list[str]] = {}
    for line in _lines(site, node, "firewall/files/etc/b2ct/networks.j2"):
        whose.setdefault(line[0], []).append(str(ip_network(line[1])))
    rows = _lines(site, node, "firewall/files/etc/b2ct/firewall.j2")
    if places.runs_squid(site, node):
        rows.append((str(site.squid.port), "tcp", "squid"))
    found = set()
    for port, protocol, who in rows:
        if who != "any" and who not in whose:
            return None
        sources = [""] if who == "any" else whose[who]
        found |= {Opening(port, protocol, source) for source in sources}
    return frozenset(found)


def drivers(site: Site, node: Node) -> dict[int, dict[str, str]]:
    """Attributes that the control node gives to OpenNebula's datastores, by their IDs."""
    found: dict[int, dict[str, str]] = {}
    for line in _text(site, node, "datastores/files/usr/share/b2ct/datastores.j2").splitlines():
        number, _, pair = line.strip().partition(" ")
        name, equals, value = pair.partition("=")
        if number.isdigit() and equals:
            found.setdefault(int(number), {})[name] = value.strip('"')
    return found


def _lines(site: Site, node: Node, template: str) -> list[tuple[str, ...]]:
    """The words of its lines, without comments."""
    text = _text(site, node, template)
    words = (line.partition("#")[0].split() for line in text.splitlines())
    return [tuple(row) for row in words if row]


def _text(site: Site, node: Node, template: str) -> str:
    from b2ct.kickstart import compose
    from b2ct.kickstart.render import InstallSource, template_values

    # The source does not matter here; RHEL has none that could be looked up.
    source = InstallSource("network", "http://localhost/")
    values = template_values(site, roles=(node.role,), node=node.name, source=source)
    return compose.render_part(template, {**values, "role": node.role})


def name_servers(site: Site, node: Node) -> tuple[str, ...]:
    """The node's name servers, as the installer wrote them: at most three."""
    found = [
        str(server)
        for interface in node.interfaces
        if (network := site.networks.get(interface.network))
        for server in network.dns
    ]
    return tuple(dict.fromkeys(found))[:3]
