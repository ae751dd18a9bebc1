"""TLS of the gateway, by the standard library: 1.2 with forward secrecy, or 1.3."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from b2ct.core.errors import B2ctError

if TYPE_CHECKING:
    from cryptography import x509

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2; 1.3 has none but good ones. The `intermediate` ones of Mozilla's server-side TLS,
less finite-field DHE."""


def server(certificate: Path, key: Path) -> ssl.SSLContext:
    """A context for clients of this server. Raises B2ctError for files that cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.num_tickets = 0  # a connection serves many calls: nothing is kept for later ones
    _load(context, certificate, key)
    inspect(certificate)
    return context


def _load(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Read the files. Raises B2ctError."""
    for path, what in ((certificate, "certificate"), (key, "private key")):
        try:
            path.open("rb").close()
        except OSError as err:
            raise _unreadable(path, what, err) from None
    mode = key.stat().st_mode & 0o777
    if mode & 0o007:
        raise B2ctError(
            f"others may read or change the private key {key} (mode {mode:04o})",
            hint=f"chmod 640 {key}, with the group of the user who runs the gateway",
        )
    try:
        # A password would be asked for at a terminal that a service does not have.
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as err:
        reason = (err.reason or str(err)).replace("_", " ").lower()
        raise B2ctError(
            f"{certificate} and {key} cannot be used: {reason}",
            hint="both are PEM, the key has no passphrase and is that of the first certificate",
        ) from None


@dataclass(frozen=True)
class Certificate:
    """What a certificate says of itself."""

    names: tuple[str, ...]
    """DNS names and addresses that it is for: one of them is what DIRAC calls this server."""
    days: float
    """Until it ends; negative: it has ended."""


def inspect(path: Path) -> Certificate:
    """The first certificate of a PEM file. Raises B2ctError for a file that holds none in force."""
    from cryptography import x509  # a quarter of a second to import

    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())[0]
        names = _names(found)
    except OSError as err:
        raise _unreadable(path, "certificate", err) from None
    except ValueError:
        raise B2ctError(
            f"{path} is no certificate", hint="it is PEM: `openssl x509 -in FILE -noout -text`"
        ) from None
    now = datetime.now(UTC)
    if found.not_valid_after_utc <= now:
        raise B2ctError(
            f"the certificate {path} has expired on {found.not_valid_after_utc:%Y-%m-%d}",
            hint="renew it, then `systemctl restart b2ct-gateway`",
        )
    if found.not_valid_before_utc > now:
        raise B2ctError(
            f"the certificate {path} is not valid before {found.not_valid_before_utc:%Y-%m-%d}",
            hint="is the clock right? `timedatectl`",
        )
    return Certificate(names, (found.not_valid_after_utc - now).total_seconds() / 86400)


def _names(found: x509.Certificate) -> tuple[str, ...]:
    from cryptography import x509

    try:
        extension = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    dns = extension.value.get_values_for_type(x509.DNSName)
    return (*dns, *map(str, extension.value.get_values_for_type(x509.IPAddress)))


def _unreadable(path: Path, what: str, err: OSError) -> B2ctError:
    return B2ctError(
        f"cannot read the {what} {path}: {(err.strerror or str(err)).lower()}",
        hint="put it there, readable for the user who runs the gateway (docs/gateway.md)",
    )


def client(ca: Path | None) -> ssl.SSLContext:
    """A context towards an oned of https. Raises B2ctError for CA certificates that are none."""
    try:
        return ssl.create_default_context(cafile=str(ca) if ca else None)
    except (ssl.SSLError, OSError) as err:
        reason = getattr(err, "strerror", None) or "it is not PEM"
        raise B2ctError(
            f"cannot read CA certificates from {ca}: {reason.lower()}",
            hint="name a PEM file with the authority of oned's certificate",
        ) from None


def _no_password() -> str:
    raise B2ctError(
        "the private key has a passphrase, which nobody could type for a service",
        hint="openssl pkey -in KEY -out KEY.plain, and chmod 640 KEY.plain",
    )
