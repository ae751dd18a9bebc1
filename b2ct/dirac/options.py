"""The `Driver_` options of DIRAC's configuration, which arrive as texts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.one import endpoint
from b2ct.one.endpoint import Endpoint

KNOWN = ("host", "port", "secure", "path", "ca_file", "timeout", "gateway")
TIMEOUT = 30.0
"""Seconds of a call with all its attempts."""
_TRUE = frozenset({"true", "yes", "y", "on", "1"})
_FALSE = frozenset({"false", "no", "n", "off", "0", "none", ""})


def truth(value: object, name: str) -> bool:
    """Yes or no, as DIRAC's administrators write it. Raises B2ctError for anything else."""
    word = str(value).strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise B2ctError(f"{name} = {value}: expected True or False", hint="write True for TLS")


def endpoint_of(user: str, password: str, options: Mapping[str, object]) -> Endpoint:
    """Where the cloud is. Raises B2ctError with the option that is wrong."""
    if unknown := sorted(set(options) - set(KNOWN)):
        raise B2ctError(
            f"Driver_{unknown[0]} is no option of this driver",
            hint=f"its options are {', '.join(f'Driver_{name}' for name in KNOWN)}",
        )
    host = str(options.get("host") or "").strip()
    if not host:
        raise B2ctError("Driver_host is missing", hint="name the cloud's front-end")
    if not user or not password or ":" in user:
        raise B2ctError(
            "the cloud.auth file holds no user and password for this CE",
            hint="it needs `key = USER` and `secret = PASSWORD` in a section called as the CE is",
        )
    secure = truth(options.get("secure", True), "Driver_secure")
    shown = f"[{host}]" if ":" in host and not host.startswith("[") else host
    port = number(options.get("port") or endpoint.PORT, "Driver_port", most=65535)
    path = str(options.get("path") or "/RPC2").strip()
    url = f"{'https' if secure else 'http'}://{shown}:{port:.0f}/{path.lstrip('/')}"
    ca_file = str(options.get("ca_file") or "").strip()
    if ca_file and not Path(ca_file).is_file():
        raise B2ctError(
            f"Driver_ca_file = {ca_file}: there is no such file",
            hint="name the file with the certificate authority of the cloud, in PEM",
        )
    return Endpoint(
        endpoint.checked_url(url, "Driver_host"), f"{user}:{password}", ca_file=ca_file,
        url_from="Driver_host", auth_from="CloudAuth",
    )  # fmt: skip


def number(value: object, name: str, *, most: float) -> float:
    """A positive number. Raises B2ctError."""
    try:
        found = float(str(value))
    except ValueError:
        found = 0.0
    if not 0 < found <= most:
        raise B2ctError(f"{name} = {value}: expected a number above 0 and at most {most:g}")
    return found
