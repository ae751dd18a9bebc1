"""TLS of the gateway, by the standard library: 1.2 with forward secrecy, or 1.3."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

from b2ct.core.errors import B2ctError

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
    return context


def _load(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Read the files. Raises B2ctError."""
    for path, what in ((certificate, "certificate"), (key, "private key")):
        try:
            path.open("rb").close()
        except OSError as err:
            raise B2ctError(
                f"cannot read the {what} {path}: {(err.strerror or str(err)).lower()}",
                hint="the user who runs the gateway must be able to read it",
            ) from None
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


def days_left(certificate: Path) -> float:
    """Days until the certificate ends. Raises B2ctError for a file that is none."""
    try:
        # The only reader of certificates in the standard library; its tests use it.
        decode = ssl._ssl._test_decode_cert  # type: ignore[attr-defined]
        end = ssl.cert_time_to_seconds(decode(str(certificate))["notAfter"])
    except (ssl.SSLError, OSError, KeyError, ValueError) as err:
        raise B2ctError(f"{certificate} is no certificate: {err}") from None
    return (end - datetime.now(UTC).timestamp()) / 86400


def client(ca: Path | None) -> ssl.SSLContext:
    """A context towards an oned of https. Raises B2ctError for CA certificates that are none."""
    try:
        return ssl.create_default_context(cafile=str(ca) if ca else None)
    except (ssl.SSLError, OSError) as err:
        raise B2ctError(f"{ca} holds no CA certificates: {err}") from None


def _no_password() -> str:
    raise B2ctError(
        "the private key has a passphrase, which nobody could type for a service",
        hint="openssl pkey -in KEY -out KEY.plain, and chmod 640 KEY.plain",
    )
