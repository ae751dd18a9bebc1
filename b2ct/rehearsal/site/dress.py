"""What a kickstart does to an installed machine, done to a practice node: its own %post scripts.

Only the concerns are left out that belong to the installer (disk, network, packages' sources).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2ct.site import places
from b2ct.site.model import Node, Site

if TYPE_CHECKING:
    from b2ct.kickstart.compose import Parts

CONCERNS = (
    *("library", "security", "firewall", "time", "logs", "squid", "wpad", "datastores"),
    *("opennebula-node", "trust", "opennebula-frontend", "registration", "program"),
    *("reaper", "gateway", "firstboot", "finish"),
)
"""Of these everything runs: %post, the files, the steps of the first boot."""

_COMMON = (
    *("bash", "chrony", "dnf", "firewalld", "kernel", "openssh-server", "selinux-policy-targeted"),
    "systemd",
)
_LIBVIRT = ("libvirt", "libvirt-daemon", "qemu-img", "qemu-kvm")
_FRONTEND = ("httpd", "mariadb-server", "qemu-img")


def script(site: Site, node: Node) -> str:
    """The shell script that runs in a node before systemd does."""
    found = [part.post for part in _parts(site, node)]
    head = "set -eu\nset -o pipefail\n. /etc/b2ct/node.env\n"
    return head + "".join(f"(\n{post}\n)\n" for post in found if post)


def from_the_medium(site: Site, node: Node) -> str:
    """What the installer does outside of the new system to bring it B2CT."""
    return next(part.nochroot for part in _parts(site, node) if part.name == "program")


def _parts(site: Site, node: Node) -> list[Parts]:
    from b2ct.kickstart import compose
    from b2ct.kickstart.render import InstallSource, template_values

    source = InstallSource("network", "http://localhost/")
    values = template_values(site, roles=(node.role,), node=node.name, source=source)
    values = {**values, "role": node.role}
    return [
        compose.parts(name, index, values)
        for index, name in enumerate(compose.concerns(node.role), start=1)
        if name in CONCERNS
    ]


def packages(site: Site, node: Node) -> str:
    """What the stand-in of rpm says is installed, a name a line."""
    from b2ct.site import catalogue
    from b2ct.validate import expect

    row = catalogue.opennebula(site.opennebula_version)
    names = [*_COMMON]
    if places.runs_squid(site, node):
        names.append("squid")
    if expect.is_control(node):
        names += [*_FRONTEND, *row.frontend]
    if expect.is_hypervisor(node):
        names += [*_LIBVIRT, *row.node]
    return "".join(f"{name}\n" for name in sorted(names))
