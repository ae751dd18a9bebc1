"""Where things are at a site: how each machine is reached, whose key it shows, who runs what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from b2ct.site.catalogue import Role

if TYPE_CHECKING:
    from b2ct.site.model import Node, Site


@dataclass(frozen=True)
class Place:
    """A machine, as somebody who logs in to it knows it."""

    name: str
    """In site.yaml."""
    host: str
    """The address or name by which it is reached."""
    names: frozenset[str]
    """All that it is called."""
    host_key: str
    """`type base64`; empty: site.yaml pins none."""


def reached(node: Node, site: Site) -> str:
    """The address or name by which a node is reached over ssh."""
    return node.address or full_name(node, site)


def place(node: Node, site: Site) -> Place:
    """Of one node."""
    key = " ".join(node.host_key.split()[:2]) if node.host_key else ""
    host = reached(node, site)
    return Place(node.name, host, frozenset({node.name, full_name(node, site), host}), key)


def places(site: Site) -> tuple[Place, ...]:
    """Of all nodes."""
    return tuple(place(node, site) for node in site.nodes)


def full_name(node: Node, site: Site) -> str:
    """With the domain, if the site has one."""
    return f"{node.name}.{site.site.domain}" if site.site.domain else node.name


def control_of(site: Site) -> Node | None:
    """The control node, or the single machine that is one, too."""
    return next(iter(site.with_role(Role.CONTROL, Role.SINGLE)), None)


def runs_squid(site: Site, node: Node) -> bool:
    """Whether the squid is installed on this node."""
    if site.squid.external:
        return False
    if site.squid.node:
        return node.name == site.squid.node
    return node.role in (Role.CONTROL, Role.SINGLE)
