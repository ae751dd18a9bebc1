"""What of a site is inside, and what its proxy is for. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from urllib.parse import urlsplit

from b2ct.core.proxy import Inside
from b2ct.site import catalogue, mirrors
from b2ct.site.model import Site

LARGEST_LISTED = 22
"""Prefix length of the largest network whose addresses are listed one by one: 1022 of them. The
curl of EL8 and EL9 reads no networks in no_proxy (curl 7.86 and later do)."""


def inside(site: Site) -> Inside:
    """What is reached without the proxy."""
    names, networks = [], []
    for word in _exceptions(site):
        if "/" in word or _is_address(word):
            networks.append(IPv4Network(word))
        else:
            names.append(word)
    networks += [one.cidr for one in site.networks.values() if one.cidr]
    return Inside(tuple(dict.fromkeys(names)), tuple(dict.fromkeys(networks)))


def _is_address(word: str) -> bool:
    return word.replace(".", "").isdigit()


def _exceptions(site: Site) -> Iterator[str]:
    if site.proxy:
        yield from site.proxy.exceptions
    if site.site.domain:
        yield site.site.domain
    yield from (str(node.address) for node in site.nodes if node.address)
    squids = (*site.squid.external, *site.squid.backup)
    yield from (host for url in squids if (host := urlsplit(url).hostname))


@dataclass(frozen=True)
class Outside:
    """The site's proxy, as the templates of a machine ask for it."""

    url: str
    user: str
    within: Inside
    known: tuple[str, ...]
    """URLs that the machine itself fetches."""
    addresses: tuple[str, ...]
    """Of the site's own networks, as far as they can be listed."""

    def takes(self, url: str) -> bool:
        """Whether a URL is fetched through the proxy."""
        scheme = urlsplit(url).scheme
        return scheme in ("http", "https", "ftp") and not self.within.has(url)

    @property
    def no_proxy(self) -> str:
        """For programs on the machine that read the variable; the `addresses` may follow."""
        return ",".join(self.within.words(self.known))


def of(site: Site, key: str) -> Outside | None:
    """What machines of release `key` are told; None: the site has no proxy."""
    if site.proxy is None:
        return None
    row, one = catalogue.release(key), catalogue.opennebula(site.opennebula_version)
    named = (site.release.mirror, site.opennebula.mirror, site.opennebula.rocci_repository)
    known = (
        *(url for url in named if url),
        *(further.url for further in mirrors.further(site, key)),
        *site.release.repositories.values(),
        *(row.epel, row.epel_key, one.key_url),
    )
    within = inside(site)
    listed = tuple(
        str(address)
        for network in within.networks
        if network.prefixlen >= LARGEST_LISTED
        for address in network
    )
    return Outside(site.proxy.url, site.proxy.user or "", within, known, listed)


def beside_the_tree(site: Site) -> Iterator[str]:
    """Names of repositories inside that an installer would ask through the proxy.

    Once the install tree goes through a proxy, Anaconda has no way to say that another repository
    does not: its --proxy is that of all which name no other one.
    """
    outside = of(site, site.release.version)
    media = catalogue.media(site.distribution, site.release.version)
    tree = site.release.mirror or media.install_url
    if outside and tree and outside.takes(tree):
        for name, url in site.release.repositories.items():
            if url.startswith(("http:", "https:", "ftp:")) and not outside.takes(url):
                yield name
