"""The proxy: a password that goes with a user, and an installer that can be told of both."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from b2ct.document.finding import Finding
from b2ct.site import catalogue, outside
from b2ct.site.catalogue import Role
from b2ct.site.model import Site


def findings(site: Site) -> Iterator[Finding]:
    """What cannot work in `proxy` and its password."""
    yield from _password(site)
    if site.proxy is None:
        return
    yield from _own_squid(site)
    if site.installer.source == "medium":
        return
    row = catalogue.release(site.release.version)
    if site.proxy.user and row.first_stage_reads_text:
        yield Finding(
            ("proxy", "user"),
            f"the installer of {row.key} wants the password before anybody can type it:"
            " expected `installer: {source: medium}`, or a proxy without password",
            "with a DVD image as --source only the first boot uses the proxy, and %pre asks",
        )
    for name in outside.beside_the_tree(site):
        yield Finding(
            ("release", "repositories", name),
            "is inside, but the install tree comes through the proxy, and the installer would ask"
            " the proxy for both: expected both inside, or both outside",
            "name a `release.mirror` inside, or install from a DVD (`installer: {source: medium}`)",
        )


def _password(site: Site) -> Iterator[Finding]:
    user, password = site.proxy and site.proxy.user, site.secrets.proxy_password
    if user and password is None:
        yield Finding(
            ("proxy", "user"),
            "nothing says where the password is: expected `secrets.proxy_password`",
            "such as `secrets: {proxy_password: {file: proxy-password.txt}}`",
        )
    if password is None:
        return
    if not user:
        yield Finding(
            ("secrets", "proxy_password"),
            "is nobody's: expected `proxy: {url: ..., user: ...}`",
            is_key=True,
        )
    if password.generate:
        yield Finding(
            ("secrets", "proxy_password"),
            "a password that a machine makes is not known to the proxy",
            "give a file, env or command",
        )


def _own_squid(site: Site) -> Iterator[Finding]:
    """CVMFS' cache, which admits stratum-1 servers and nobody else."""
    assert site.proxy is not None  # noqa: S101 - the caller looked
    parts = urlsplit(site.proxy.url)
    runs = [
        node
        for node in site.nodes
        if node.name == site.squid.node
        or (site.squid.node is None and node.role in (Role.CONTROL, Role.SINGLE))
    ]
    own = {name for node in runs for name in (node.name, node.address) if name}
    own |= {f"{node.name}.{site.site.domain}" for node in runs}
    if not site.squid.external and parts.hostname in own and parts.port == site.squid.port:
        yield Finding(
            ("proxy", "url"),
            "is the site's squid for CVMFS, which lets nothing but CVMFS through",
            "name the proxy of your institute; leave `proxy` out where there is none",
        )
