"""The CVMFS domains that this project knows: their public stratum-1 servers, and their keys."""

from __future__ import annotations

from dataclasses import dataclass

CONFIG_REPOSITORY = "cvmfs-config.cern.ch"
"""CVMFS's configuration repository, which its default packages name."""
CONFIG_DOMAIN = "cern.ch"
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


def domain_of(repository: str) -> str:
    """The CVMFS domain of a repository: `belle.cern.ch` is in `cern.ch`."""
    return repository.partition(".")[2]


def serves(url: str, domain: str) -> bool:
    """Whether a server may serve a domain: it is known to, or nothing is known of it."""
    host = host_of(url)
    row = DOMAINS.get(domain)
    known = any(host in one.servers for one in DOMAINS.values())
    return not known or (row is not None and host in row.servers)


def brings_keys(domain: str) -> bool:
    """Whether the client's packages have the public keys of a domain."""
    row = DOMAINS.get(domain)
    return row is not None and bool(row.keys)


def origin(url: str) -> str:
    """`scheme://host:port` of a URL, without its path."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def host_of(url: str) -> str:
    """The host of a URL, in lower case."""
    host, _, port = origin(url).partition("://")[2].lower().rpartition(":")
    return host if port.isdigit() else f"{host}:{port}".lstrip(":")
