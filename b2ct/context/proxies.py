"""The chain of proxies that CVMFS tries: the site's squids, its backups, and what WPAD finds.

WPAD is for a site that leads to no squid, and for one that asks for it: CVMFS looks for the file at
each mount, whether or not a squid answers, and where there is none that is seconds of DNS.

CVMFS_HTTP_PROXY (doc-cvmfs, cpt-configure, "Proxy Lists"; cvmfs/wpad.cc): `;` separates groups, of
which the next is tried when all of a group have failed; within a group, proxies are separated by
`|`, and one is chosen at random. After CVMFS_PROXY_RESET_AFTER (300 s) the first group is
tried again. `auto` as a whole group is replaced at mount by the proxies of the first PAC file that
CVMFS_PAC_URLS leads to; where there is none the group vanishes. `DIRECT` is left out: a site whose
squid is down would flood the stratum-1s, whose operators ask for proxies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from b2ct.core.errors import B2ctError
from b2ct.site import places
from b2ct.site.stratum import origin

if TYPE_CHECKING:
    from b2ct.site.model import Node, Site


@dataclass(frozen=True)
class Proxies:
    """How VMs reach the stratum-1s."""

    groups: tuple[tuple[str, ...], ...]
    pac_urls: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def chain(self) -> str:
        """The value of CVMFS_HTTP_PROXY."""
        groups = ["|".join(group) for group in self.groups]
        return ";".join([*groups, *(["auto"] if self.pac_urls else [])])


def of(site: Site, networks: Sequence[str]) -> Proxies:
    """The proxies for a VM on these networks.

    Raises B2ctError where site.yaml leads to no proxy at all.
    """
    notes: tuple[str, ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()
    if site.squid.external:
        groups = (tuple(dict.fromkeys(origin(url) for url in site.squid.external)),)
    elif node := _squid_node(site):
        groups, notes = _of_node(site, node, networks)
    groups += tuple((origin(url),) for url in site.squid.backup)
    asked = "pac_urls" in site.cvmfs.model_fields_set
    pac = site.cvmfs.pac_urls if asked or not groups else ()
    if not groups and not pac:
        raise B2ctError(
            "site.yaml leads to no squid: VMs could not fetch any software",
            hint="give `squid: {external: [http://HOST:3128]}`, or the squid node a static address",
        )
    if not groups:
        notes += ("site.yaml leads to no squid: VMs have only what WPAD finds",)
    return Proxies(groups, pac, notes)


def _squid_node(site: Site) -> Node | None:
    if site.squid.node:
        return site.node(site.squid.node)
    return places.control_of(site)


def _of_node(
    site: Site, node: Node, networks: Sequence[str]
) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    """The squid on a node: by its address, on a network of the VM if it has one there."""
    static = {i.network: i.address for i in node.interfaces if isinstance(i.address, IPv4Address)}
    for address in (*(static[name] for name in networks if name in static), *static.values()):
        return ((f"http://{address}:{site.squid.port}",),), ()
    if site.site.domain:
        name = f"{node.name}.{site.site.domain}"
        note = f"{node.name} has no static address: VMs look for its squid as {name}, by DNS"
        return ((f"http://{name}:{site.squid.port}",),), (note,)
    note = f"{node.name} has neither a static address nor a domain: VMs cannot name its squid"
    return (), (note,)
