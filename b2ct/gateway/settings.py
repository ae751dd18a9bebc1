"""What a gateway is told: gateway.yaml, and the options that go before it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from b2ct.core.errors import B2ctError
from b2ct.document import load as document
from b2ct.document.finding import Finding
from b2ct.document.kind import Kind
from b2ct.document.model import Model
from b2ct.document.types import AbsolutePath, Line
from b2ct.one import endpoint, text
from b2ct.site.gateway import PORT

ADMINISTRATORS = ("oneadmin", "serveradmin")


def _listen(value: str) -> str:
    address(value)
    return value


def _oned(value: str) -> str:
    try:
        return endpoint.checked_url(value)
    except B2ctError as err:
        raise ValueError(f"{endpoint.DEFAULT_URL} or the like: {err.message}") from None


def _user(value: str) -> str:
    if value in ADMINISTRATORS:
        raise ValueError(
            f"a user of its own for DIRAC, not {value}: who has its password could do everything"
        )
    try:
        return text.check_name(value, what="the user", user=True)
    except B2ctError as err:
        raise ValueError(f"a user of OpenNebula, but {err.message}") from None


def _network(value: str) -> str:
    try:
        ipaddress.ip_network(value)
    except ValueError:
        raise ValueError("an address or a network such as 192.0.2.0/24") from None
    return value


def address(value: str) -> tuple[str, int]:
    """HOST:PORT or [HOST]:PORT as an address and a port. Raises ValueError."""
    wrong = f"an address and a port, such as 0.0.0.0:{PORT} or [::]:{PORT}"
    host, colon, port = value.rpartition(":")
    if not colon or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise ValueError(wrong)
    try:
        return str(ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))), int(port)
    except ValueError:
        raise ValueError(wrong) from None


class Limits(Model):
    """How much one client, and all of them together, may take."""

    connections: int = Field(128, ge=1, le=1024, description="Connections at once.")
    connections_per_peer: int = Field(32, ge=1, le=1024, description="Of one address.")
    calls_per_second: float = Field(
        50, gt=0, le=10_000, description="Calls of one address; what is more has to wait."
    )
    burst: int = Field(200, ge=1, le=100_000, description="Calls that need not wait.")
    longest_wait: float = Field(
        10, ge=0, le=300, description="Seconds; who would have to wait longer is refused."
    )
    body: int = Field(512 * 1024, ge=1024, le=1 << 24, description="Bytes of a request.")
    bodies: int = Field(16 << 20, ge=1024, le=1 << 30, description="Bytes of all requests at once.")
    answer: int = Field(16 << 20, ge=1024, le=1 << 30, description="Bytes of an answer of oned.")
    calls: int = Field(8, ge=1, le=256, description="Calls to oned at once.")
    handshake_time: float = Field(10, gt=0, le=300, description="Seconds for TLS.")
    head_time: float = Field(10, gt=0, le=300, description="Seconds for the head of a request.")
    body_time: float = Field(20, gt=0, le=600, description="Seconds for the body of a request.")
    idle_time: float = Field(15, gt=0, le=600, description="Seconds between two requests.")
    send_time: float = Field(30, gt=0, le=600, description="Seconds to take an answer.")
    oned_time: float = Field(60, gt=0, le=600, description="Seconds in which oned must answer.")
    shutdown_time: float = Field(
        15, ge=0, le=300, description="Seconds that calls under way have at the end."
    )


class Settings(Model):
    """A gateway."""

    user: Annotated[Line, AfterValidator(_user)] = Field(
        "", description="The one user of OpenNebula who may call; needed, here or as --user."
    )
    listen: Annotated[Line, AfterValidator(_listen)] = Field(
        f"0.0.0.0:{PORT}", description="Where to listen."
    )
    oned: Annotated[Line, AfterValidator(_oned)] = Field(
        endpoint.DEFAULT_URL, description="Where oned is."
    )
    oned_ca: AbsolutePath | None = Field(
        None, description="CA certificates for an `oned` of https."
    )
    certificate: AbsolutePath | None = Field(
        None, description="The server's certificate with its chain, in PEM."
    )
    key: AbsolutePath | None = Field(None, description="The certificate's private key, in PEM.")
    audit: AbsolutePath | None = Field(
        None, description="Where the audit log is kept. Left out: standard output."
    )
    audit_size: int = Field(
        10 << 20, ge=1 << 16, le=1 << 32, description="Bytes after which it is rotated."
    )
    audit_files: int = Field(10, ge=1, le=1000, description="Old ones that are kept.")
    peers: tuple[Annotated[Line, AfterValidator(_network)], ...] = Field(
        (), description="Who may connect: addresses and networks. Left out: everybody."
    )
    adapt_answers: bool = Field(
        True, description="Write answers so that DIRAC's own driver understands them."
    )
    limits: Limits = Field(Limits(), description="How much clients may take.")


def _crosscheck(settings: Settings) -> Iterable[Finding]:
    if (settings.certificate is None) != (settings.key is None):
        yield Finding(
            ("key" if settings.certificate else "certificate",),
            "certificate and key come together", "give the one that is missing",
        )  # fmt: skip


KIND = Kind(Settings, "a gateway", "gateway.yaml", "docs/gateway.md has an example", _crosscheck)
_OPTIONS = {
    "listen": "--listen", "oned": "--oned", "certificate": "--cert", "key": "--key",
    "user": "--user", "audit": "--audit",
}  # fmt: skip


def settings(file: Path | None, options: Mapping[str, str | None]) -> Settings:
    """The settings of a file, with options (by the names of the fields) in their place.

    Raises InvalidFileError with everything that is wrong in the file, B2ctError for an option.
    """
    from pydantic import ValidationError

    given = {name: value for name, value in options.items() if value is not None}
    base = document.load(KIND, file) if file is not None else Settings()
    try:
        said = Settings.model_validate(given)
    except ValidationError as err:
        raise _wrong_option(err) from None
    made = base.model_copy(update={name: getattr(said, name) for name in given})
    if not made.user:
        raise B2ctError(
            "nobody is named who may call",
            hint="name DIRAC's user of OpenNebula with --user, or `user:` in --config FILE",
        )
    for finding in _crosscheck(made):
        raise B2ctError(finding.message, hint="give both --cert and --key")
    return _guarded(made)


def _wrong_option(err: Any) -> B2ctError:
    first = err.errors(include_url=False, include_input=False)[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    option = _OPTIONS.get(name, name)
    what = str(first["msg"]).removeprefix("Value error, ")
    return B2ctError(f"{option}: expected {what}", hint=f"correct {option}")


def _guarded(made: Settings) -> Settings:
    """Refuse passwords in clear over a network."""
    host, _ = address(made.listen)
    if made.certificate is None and not ipaddress.ip_address(host).is_loopback:
        raise B2ctError(
            f"{made.listen} is open to the network and there is no certificate: DIRAC's password "
            "would cross it in clear",
            hint="give --cert and --key (docs/gateway.md says how to get them), or listen on "
            f"127.0.0.1:{PORT} behind a TLS server of your own",
        )
    parts = urlsplit(made.oned)
    if parts.scheme == "http" and parts.hostname not in endpoint.LOCAL:
        raise B2ctError(
            f"{made.oned} is on another machine and without TLS",
            hint="run the gateway on the control node, with --oned http://localhost:2633/RPC2",
        )
    return made
