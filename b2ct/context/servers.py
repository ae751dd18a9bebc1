"""Which stratum-1 serves which CVMFS domain, and the order in which a VM asks them.

CVMFS takes HTTP 404 for a failure of the server and goes on to the next one, so a server without
the repository costs a request at each mount but breaks nothing (doc-cvmfs, cpt-configure, "Failover
Rules"). The squid admits exactly the servers of `cvmfs.stratum1`, each on its own port, while the
client's packaged list names some of them on another port: a request that squid refuses counts as
a failure of the proxy. So VMs get the site's list.
"""

from __future__ import annotations

from dataclasses import dataclass

from b2ct.site.model import Site

_EVERYWHERE = (
    "cernvmfs.gridpp.rl.ac.uk",
    "cvmfs-s1bnl.opensciencegrid.org",
    "cvmfs-s1fnal.opensciencegrid.org",
)


@dataclass(frozen=True)
class Domain:
    """A CVMFS domain that this project knows."""

    name: str
    servers: tuple[str, ...]
    """Hosts of the public stratum-1s that are known to serve it."""
    keys: str
    """Folder of its public keys in the client's packages; empty: they bring none."""


DOMAINS = {
    row.name: row
    for row in (
        # cvmfs-config-default, domain.d/cern.ch.conf
        Domain("cern.ch", ("cvmfs-stratum-one.cern.ch", *_EVERYWHERE), "/etc/cvmfs/keys/cern.ch"),
        # cvmfs-config.cern.ch, the configuration repository, which alone has its key.
        Domain(
            "kek.jp",
            ("cvmfs-stratum-one.cc.kek.jp", "grid-cvmfs-one.desy.de", *_EVERYWHERE),
            "",
        ),
    )
}


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


def domain_of(repository: str) -> str:
    """The CVMFS domain of a repository: `belle.cern.ch` is in `cern.ch`."""
    return repository.partition(".")[2]


def domains(site: Site, repositories: tuple[str, ...]) -> tuple[DomainServers, ...]:
    """The domains of these repositories, in their order."""
    names = dict.fromkeys(domain_of(repository) for repository in repositories)
    return tuple(_servers(site, name) for name in names)


def _servers(site: Site, name: str) -> DomainServers:
    """The site's servers for a domain, without those known to serve other domains only.

    Where none would be left, all of them.
    """
    row = DOMAINS.get(name)
    brings = name in site.cvmfs.keys
    fit = [url for url in site.cvmfs.stratum1 if _serves(_host(url), row)]
    return DomainServers(
        name=name,
        urls=tuple(f"{origin(url)}/cvmfs/@fqrn@" for url in fit or site.cvmfs.stratum1),
        keys=f"/etc/cvmfs/keys/{name}" if brings else (row.keys if row else ""),
        brings_key=brings,
        # An order that somebody wrote down is kept; the default list is in no order.
        geo="stratum1" not in site.cvmfs.model_fields_set,
    )


def _serves(host: str, row: Domain | None) -> bool:
    known = any(host in domain.servers for domain in DOMAINS.values())
    return not known or (row is not None and host in row.servers)


def origin(url: str) -> str:
    """`scheme://host:port` of a URL, without its path."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def _host(url: str) -> str:
    host, _, port = origin(url).partition("://")[2].lower().rpartition(":")
    return host if port.isdigit() else f"{host}:{port}".lstrip(":")
