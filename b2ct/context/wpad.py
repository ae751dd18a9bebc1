"""The proxy file (`wpad.dat`) by which stock images find the site's squids. Pure.

DIRAC's stock cloud-init template and CVMFS's own default configuration look for it at
http://grid-wpad/wpad.dat and http://wpad/wpad.dat. CVMFS (cvmfs/wpad.cc) asks it once for each of
its stratum-1 servers and uses the first answer for all of them; `;` in an answer becomes the order
in which it tries the proxies. So what squid admits gets the squids, all in one order, and every
other address DIRECT: a proxy that refuses counts as one that is broken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from b2ct.context import proxies
from b2ct.core.errors import B2ctError
from b2ct.site import places
from b2ct.site.stratum import origin

if TYPE_CHECKING:
    from b2ct.site.model import Site

MEDIA_TYPE = "application/x-ns-proxy-autoconfig"
DEFAULT_PORTS = (80, 8000)
"""Of `squid.destinations`, which name none."""


@dataclass(frozen=True)
class Wpad:
    """What the file says."""

    here: bool
    """The first proxy is the machine that serves the file, by the address it was asked on."""
    port: int
    proxies: tuple[str, ...]
    """Further ones as `HOST:PORT`, in the order in which they are tried."""
    prefixes: tuple[str, ...]
    """Beginnings of the URLs that squid admits, in lower case."""

    @property
    def served(self) -> bool:
        """There is anything to say."""
        return self.here or bool(self.proxies)


def of(site: Site) -> Wpad:
    """The proxy file that the control node of this site serves."""
    backup = tuple(_place(url) for url in site.squid.backup)
    here, own = _squids(site)
    return Wpad(here, site.squid.port, tuple(dict.fromkeys((*own, *backup))), _prefixes(site))


def _squids(site: Site) -> tuple[bool, tuple[str, ...]]:
    """Whether the control node itself is the site's squid, and the squids that are elsewhere."""
    if site.squid.external:
        return False, tuple(_place(url) for url in site.squid.external)
    control = places.control_of(site)
    if site.squid.node is None or (control is not None and site.squid.node == control.name):
        return True, ()
    alone = site.model_copy(update={"squid": site.squid.model_copy(update={"backup": ()})})
    try:
        groups = proxies.of(alone, ()).groups
    except B2ctError:  # nobody can name that node: DHCP and no domain
        groups = ()
    return False, tuple(_place(url) for group in groups for url in group)


def _prefixes(site: Site) -> tuple[str, ...]:
    """As templates/squid/squid.conf.j2 admits them."""
    found: list[str] = []
    for url in site.cvmfs.stratum1:
        base = origin(url).lower()
        host, _, port = base.removeprefix("http://").partition(":")
        found += _with_ports(host, (80,)) if port in ("", "80") else [f"{base}/"]
    for host in site.squid.destinations:
        found += _with_ports(host.lower(), DEFAULT_PORTS)
    return tuple(dict.fromkeys(found))


def _with_ports(host: str, ports: tuple[int, ...]) -> list[str]:
    return [f"http://{host}/", *(f"http://{host}:{port}/" for port in ports)]


def _place(url: str) -> str:
    return origin(url).removeprefix("http://")
