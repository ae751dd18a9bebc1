"""Which stratum-1 serves which CVMFS domain, and the order in which a VM asks them.

CVMFS takes HTTP 404 for a failure of the server and goes on to the next one, so a server without
the repository costs a request at each mount but breaks nothing (doc-cvmfs, cpt-configure, "Failover
Rules"). The squid admits exactly the servers of `cvmfs.stratum1`, each on its own port, while the
client's packaged list names some of them on another port: a request that squid refuses counts as
a failure of the proxy. So VMs get the site's list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from b2ct.site import stratum

if TYPE_CHECKING:
    from b2ct.site.model import Site


@dataclass(frozen=True)
class DomainServers:
    """What a VM is told of one domain."""

    name: str
    urls: tuple[str, ...]
    """Values of CVMFS_SERVER_URL, in the order in which they are asked."""
    keys: str
    """CVMFS_KEYS_DIR; empty: left to CVMFS's configuration repository."""
    brings_key: bool
    """The site brings the key itself."""
    geo: bool
    """CVMFS sorts the servers by distance itself."""


def domains(site: Site, repositories: tuple[str, ...]) -> tuple[DomainServers, ...]:
    """The domains of these repositories, in their order."""
    names = dict.fromkeys(stratum.domain_of(repository) for repository in repositories)
    return tuple(_servers(site, name) for name in names)


def _servers(site: Site, name: str) -> DomainServers:
    """The site's servers for a domain, without those known to serve other domains only.

    Where none would be left, all of them.
    """
    row = stratum.DOMAINS.get(name)
    brings = name in site.cvmfs.keys
    fit = [url for url in site.cvmfs.stratum1 if stratum.serves(url, name)]
    return DomainServers(
        name=name,
        urls=tuple(f"{stratum.origin(url)}/cvmfs/@fqrn@" for url in fit or site.cvmfs.stratum1),
        keys=f"/etc/cvmfs/keys/{name}" if brings else (row.keys if row else ""),
        brings_key=brings,
        # An order that somebody wrote down is kept; the default list is in no order.
        geo="stratum1" not in site.cvmfs.model_fields_set,
    )
