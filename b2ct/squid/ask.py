"""One request through a proxy, as a CVMFS client makes it; the answer whatever it is.

Not core.fetch: there a proxy is the user's own, here it is what is looked at, with its refusals,
its headers, CONNECT, and the address that the request comes from.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

from b2ct.core.errors import B2ctError

LARGEST = 1 << 20
"""Bytes of an answer that are read: manifests have some hundreds."""
PATIENCE = 20.0
_PLACE = re.compile(r"http://([A-Za-z0-9.-]+):([0-9]{1,5})/?")


@dataclass(frozen=True)
class Proxy:
    """Where a squid listens."""

    host: str
    port: int

    def __str__(self) -> str:
        """As site.yaml has it."""
        return f"http://{self.host}:{self.port}"


@dataclass(frozen=True)
class Answer:
    """What came back; `status` 0: nothing, and `body` says why."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    connected: bool = True
    """Somebody listens there."""

    @property
    def reason(self) -> str:
        """Why there was no answer."""
        return self.body.decode(errors="replace")

    @property
    def squid_error(self) -> str:
        """Squid's own name of what went wrong, such as ERR_ACCESS_DENIED; empty: not squid's."""
        return self.headers.get("x-squid-error", "").partition(" ")[0]

    @property
    def hit(self) -> bool | None:
        """Whether the proxy had it, by X-Cache or Cache-Status (RFC 9211); None: not said."""
        if said := self.headers.get("x-cache", ""):
            return "HIT" in said
        if said := self.headers.get("cache-status", ""):
            return re.search(r";\s*hit\b", said) is not None
        return None


def proxy(url: str) -> Proxy:
    """From `http://HOST:PORT`. Raises B2ctError."""
    found = _PLACE.fullmatch(url)
    if not found or not 0 < int(found[2]) < 65536:
        raise B2ctError(
            f"{url!r} is no squid's address", hint="give one such as http://squid.example.org:3128"
        )
    return Proxy(found[1], int(found[2]))


def ask(
    through: Proxy, url: str, *, method: str = "GET", source: str = "", patience: float = PATIENCE
) -> Answer:
    """Send one request; `source` is the address of this machine that it comes from.

    Raises B2ctError when this machine has no such address. `patience` is in seconds.
    """
    import http.client  # slow to import

    connection = http.client.HTTPConnection(
        through.host, through.port, timeout=patience, source_address=(source, 0) if source else None
    )
    with closing(connection):
        try:
            connection.connect()
        except OSError as err:
            if source and not is_here(source):
                raise B2ctError(
                    f"this machine has no address {source}",
                    hint="name one of `ip -4 addr` that is in none of squid's networks",
                ) from None
            return Answer(0, {}, _reason(err).encode(), connected=False)
        try:
            headers = {"Host": url.split("/")[2]} if "://" in url else {}
            connection.request(method, url, headers={"Connection": "close", **headers})
            response = connection.getresponse()
            body = b"" if method == "CONNECT" else response.read(LARGEST)
        except (OSError, http.client.HTTPException) as err:
            return Answer(0, {}, _reason(err).encode())
        named = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, named, body)


def is_here(host: str) -> bool:
    """Whether it is an address of this machine, or a name of one. IPv4."""
    try:
        with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as trial:
            trial.bind((host, 0))
    except OSError:
        return False
    return True


def _reason(err: Exception) -> str:
    if isinstance(err, socket.gaierror):
        return "its name cannot be resolved"
    if isinstance(err, TimeoutError):
        return "no answer in time"
    said = err.strerror if isinstance(err, OSError) and err.strerror else str(err)
    return (said or type(err).__name__).lower()
