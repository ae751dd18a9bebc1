"""Whose server it is: credentials go to the server that they belong to, and not in clear elsewhere.

An address that the user gave (option, environment, ~/.one/one_endpoint) is the user's word, as for
OpenNebula's own commands. One that only site.yaml names is not: credentials of the user's own go
there after a question, which is remembered for user, file and server. A password crosses a network
unencrypted (http) only inside this machine and the site's own networks, else after a word.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from b2ct.core.consent import Consent, Question
from b2ct.one.endpoint import OF_SITE, SITE_SECRETS, Endpoint, SiteAccess

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

TRUST_SITE = "--trust-site"
IN_CLEAR = "--in-clear"


def leaves(endpoint: Endpoint) -> bool:
    """Whether what is sent goes to another machine, which nothing but site.yaml names."""
    return endpoint.url_from == OF_SITE and not _all_here(_addresses(endpoint.host))


def check(endpoint: Endpoint, site: SiteAccess | None, consent: Consent) -> None:
    """Ask what has to be asked before anything is sent. Raises B2ctError where the answer is no."""
    addresses = _addresses(endpoint.host)
    if _all_here(addresses):
        return
    if endpoint.url_from == OF_SITE and endpoint.auth_from not in SITE_SECRETS:
        consent.need(_whose(endpoint))
    elif endpoint.url_from == OF_SITE and site:
        site.allow()
    networks = site.networks if site else ()
    near = bool(addresses) and all(
        _here(address) or any(address in network for network in networks) for address in addresses
    )
    if endpoint.in_clear and not near:
        consent.need(_clear(endpoint))


def _whose(endpoint: Endpoint) -> Question:
    server = _server(endpoint)
    return Question(
        "server",
        (endpoint.user, endpoint.auth_from, server),
        (f"the password of {endpoint.user} in {endpoint.auth_from} would go to {server},",
         "a server that only site.yaml names"),
        "Does it belong there?",
        f"nobody has said that the password of {endpoint.user} in {endpoint.auth_from} belongs to "
        f"{server}, which only site.yaml names",
        TRUST_SITE,
    )  # fmt: skip


def _clear(endpoint: Endpoint) -> Question:
    server = _server(endpoint)
    return Question(
        "clear",
        (endpoint.user, server),
        (f"the password of {endpoint.user} would cross the network unencrypted to {server},",
         "which is in no network of the site"),
        "Send it all the same?",
        f"{server} is in no network of the site, and the password of {endpoint.user} would go "
        "there unencrypted (https is not)",
        IN_CLEAR,
    )  # fmt: skip


def _server(endpoint: Endpoint) -> str:
    parts = urlsplit(endpoint.url)
    return f"{parts.scheme}://{parts.netloc}"


def _addresses(host: str) -> tuple[IPv4Address | IPv6Address, ...]:
    """All addresses of a host; none where its name is not known."""
    try:
        return (ip_address(host),)
    except ValueError:
        pass
    with suppress(OSError, UnicodeError):
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}
        return tuple(ip_address(text.partition("%")[0]) for text in found)
    return ()


def _all_here(addresses: tuple[IPv4Address | IPv6Address, ...]) -> bool:
    return bool(addresses) and all(_here(address) for address in addresses)


def _here(address: IPv4Address | IPv6Address) -> bool:
    """An address of this machine: only on one of those can a socket be bound."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return not address.is_multicast and not address.is_unspecified
