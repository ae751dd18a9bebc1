"""The way out of a site: the proxy that downloads take, and what never goes there.

Whoever knows the proxy says so for a while (`through`); the doors that fetch ask here (`chosen`,
`environment`). Where nobody says anything, the environment's http_proxy counts, as for every other
program. Names are not looked up: what is inside is told by a name or an address as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from urllib.parse import quote, urlsplit

from b2ct.core.errors import B2ctError

_ADDRESS = re.compile(r"http://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?:[0-9]{1,5}/?")
EXPECTED = "http://HOST:PORT and nothing else"
_VARIABLES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy")
ALWAYS_INSIDE = tuple(
    map(
        IPv4Network,
        ("10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"),
    )
)
"""Addresses that no proxy outside can reach: loopback, link-local and private ones (RFC 1918)."""


@dataclass(frozen=True)
class Inside:
    """What is reached without the proxy. Names without a dot always are."""

    domains: tuple[str, ...] = ()
    """Names; each stands for itself and for all below it."""
    networks: tuple[IPv4Network, ...] = ()

    def has(self, url: str) -> bool:
        """Whether a URL leads to the inside."""
        host = (urlsplit(url).hostname or "").rstrip(".").lower()
        try:
            address = IPv4Address(host)
        except ValueError:
            if "." not in host:
                return not _is_outer_ipv6(host)
            return any(host == name or host.endswith(f".{name}") for name in self.domains)
        return any(address in network for network in (*ALWAYS_INSIDE, *self.networks))

    def words(self, urls: Iterable[str] = ()) -> list[str]:
        """For no_proxy. Programs differ in what they read of it: all take names and addresses,
        many no networks; so the hosts of `urls`, which are known beforehand, stand there as well.
        """
        known = (urlsplit(url).hostname or "" for url in urls if self.has(url))
        nets = (str(net).removesuffix("/32") for net in (*ALWAYS_INSIDE, *self.networks))
        fixed = ("localhost", "127.0.0.1", "::1")
        return list(dict.fromkeys(filter(None, (*fixed, *self.domains, *known, *nets))))


def _is_outer_ipv6(host: str) -> bool:
    try:
        return not IPv6Address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Proxy:
    """A proxy, and who is asked for its password once something goes through it."""

    url: str
    """http://HOST:PORT; empty: no proxy, also none that the environment names."""
    inside: Inside = field(default_factory=Inside)
    user: str = ""
    password: Callable[[], str] = field(default=str, repr=False)
    origin: str = "--proxy"
    """Where it comes from, in words."""

    def takes(self, url: str) -> bool:
        """Whether a URL is fetched through it."""
        return bool(self.url) and not self.inside.has(url)

    def address(self) -> str:
        """Its URL with user and password. Never print it, never pass it as an argument."""
        return with_user(self.url, self.user, self.password()) if self.user else self.url

    def environment(self, urls: Iterable[str] = ()) -> dict[str, str]:
        """The variables by which a program that fetches `urls` is told of it.

        Both spellings, and the empty ones, too: else those of the user's environment would count.
        """
        wanted = list(urls)
        address = self.address() if self.url else ""
        told = {
            "http_proxy": address,
            "https_proxy": address,
            "no_proxy": ",".join(self.inside.words(wanted)) if self.url else "*",
        }
        lower = {name: told.get(name, "") for name in _VARIABLES}
        return {**lower, **{name.upper(): value for name, value in lower.items()}}


def checked(url: str) -> str:
    """The address of a proxy. Raises ValueError for what not all programs understand alike.

    The port is asked for because programs differ in the one that they take otherwise.
    """
    if not _ADDRESS.fullmatch(url) or not 0 < int(url.rstrip("/").rpartition(":")[2]) < 65536:
        raise ValueError(EXPECTED)
    return url.rstrip("/")


def with_user(url: str, user: str, password: str) -> str:
    """A proxy's URL with user and password, of which only letters, digits and -._~ stay as is."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{quote(user, safe='')}:{quote(password, safe='')}@{rest}"


def asked_for(text: str, inside: Inside) -> Proxy:
    """What --proxy says. Raises B2ctError."""
    if text == "none":
        return Proxy("", inside)
    try:
        return Proxy(checked(text), inside)
    except ValueError as err:
        raise B2ctError(
            f"--proxy: expected {err}, or none",
            hint="a proxy that wants a password: describe it in site.yaml (`proxy`), or set "
            "https_proxy and http_proxy in the environment",
        ) from None


_chosen: Proxy | None = None


def chosen() -> Proxy | None:
    """The proxy that was said; None: nobody did, the environment counts."""
    return _chosen


def environment(urls: Iterable[str] = ()) -> dict[str, str]:
    """What is added to the environment of a program that fetches `urls`."""
    return _chosen.environment(urls) if _chosen else {}


def make_ready(urls: Iterable[str]) -> None:
    """Look the password up now, where it will be needed for one of `urls`: a refusal in the middle
    of many downloads would look like a server that fails. Raises B2ctError.
    """
    if _chosen and any(_chosen.takes(url) for url in urls):
        _chosen.address()


def stays_inside(url: str) -> bool:
    """Whether a site with a proxy has said that this URL is reached without any."""
    return _chosen is not None and not _chosen.takes(url)


@contextmanager
def through(proxy: Proxy | None) -> Iterator[None]:
    """While the block lasts, downloads take this proxy."""
    global _chosen  # noqa: PLW0603 - of the process, as the environment is
    before, _chosen = _chosen, proxy
    try:
        yield
    finally:
        _chosen = before
