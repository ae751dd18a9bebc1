"""The small types of a site: each parses one kind of value and says what it expected."""

from __future__ import annotations

import base64
import binascii
import re
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT])i?B?", re.IGNORECASE)
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _schema(pattern: str, *examples: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": list(examples)})


def _line(value: str) -> str:
    if found := _CONTROL.search(value):
        raise ValueError(f"one line of text without control characters, but it holds {found[0]!r}")
    return value


def _match(pattern: str, expected: str) -> AfterValidator:
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(expected)
        return value

    return AfterValidator(check)


def _host_name(value: str) -> str:
    value = value.lower()
    if not _LABEL.fullmatch(value):
        raise ValueError("a host name without domain: letters, digits and '-', at most 63")
    if value in {"localhost", "localhost4", "localhost6"}:
        raise ValueError("a name of its own: 'localhost' is every machine's name for itself")
    return value


def _domain(value: str) -> str:
    value = value.lower().rstrip(".")
    if len(value) > 190 or not all(_LABEL.fullmatch(label) for label in value.split(".")):
        raise ValueError("a DNS domain such as b2ct.example.org")
    if value.split(".")[0] in {"localhost", "localdomain"}:
        raise ValueError("a DNS domain of the site's own, not localhost")
    return value


def _host(value: str) -> str:
    """A host by full name or IPv4 address."""
    try:
        return str(IPv4Address(value))
    except ValueError:
        pass
    if re.fullmatch(r"[\d.]+", value):
        raise ValueError("a host name or an IPv4 address; this is neither")
    return _domain(value)


def _mac(value: str) -> str:
    value = value.lower().replace("-", ":")
    if not _MAC.fullmatch(value):
        raise ValueError("a MAC address such as 52:54:00:12:34:56")
    if int(value[:2], 16) & 1:
        raise ValueError("a machine's own MAC address; this one is a multicast address")
    return value


def _address(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return IPv4Address(value)
    except ValueError:
        raise ValueError("an IPv4 address such as 10.0.0.11") from None


def _network(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if "/" not in value:
        raise ValueError("a network in CIDR notation, such as 10.0.0.0/24")
    try:
        return IPv4Network(value)
    except ValueError as err:
        if "host bits set" in str(err):
            meant = IPv4Network(value, strict=False)
            raise ValueError(f"a network address; did you mean {meant}?") from None
        raise ValueError("a network in CIDR notation, such as 10.0.0.0/24") from None


def _size(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    found = _SIZE.fullmatch(value.strip())
    if not found:
        raise ValueError("a size with its unit, such as 50 GiB or 1 TiB")
    size = int(float(found[1]) * _UNITS[found[2].upper()])
    if not 0 < size < 2**60:
        raise ValueError("a size of more than 0 and less than 1 EiB")
    return size


def _http_url(value: str) -> str:
    if not re.fullmatch(r"(?:https?|ftp|file)://[\x21-\x7e]+", value) or set(value) & set(
        "'\"`\\<>{}|^"
    ):
        raise ValueError("a URL such as https://mirror.example.org/el9/ (no spaces or quotes)")
    if "@" in value.split("/")[2]:
        raise ValueError("a URL without user name and password: it would be readable on the medium")
    return value


_KEY_TYPES = (
    "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
)  # fmt: skip


def _ssh_key(value: str) -> str:
    value = _line(value.strip())
    expected = "an OpenSSH public key: one line, such as ssh-ed25519 AAAA... name@laptop"
    if "PRIVATE KEY" in value:
        raise ValueError("a public key (the .pub file); never put a private key here")
    words = value.split(None, 2)
    if len(words) < 2 or words[0] not in _KEY_TYPES:
        raise ValueError(expected)
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"{expected}; its base64 part is damaged") from None
    length = int.from_bytes(blob[:4], "big")
    if blob[4 : 4 + length] != words[0].encode():
        raise ValueError(f"{expected}; its base64 part is cut or of another type")
    return value


def _path(value: str) -> str:
    if not value.startswith("/") or _CONTROL.search(value):
        raise ValueError("an absolute path such as /srv/one")
    return value


Line = Annotated[str, AfterValidator(_line)]
"""Free text of one line."""
HostName = Annotated[str, AfterValidator(_host_name), _schema("^[A-Za-z0-9-]{1,63}$", "hv01")]
Domain = Annotated[str, AfterValidator(_domain), _schema("^[A-Za-z0-9.-]+$", "b2ct.example.org")]
Host = Annotated[str, AfterValidator(_host), _schema("^[A-Za-z0-9.-]+$", "ntp.example.org")]
Mac = Annotated[
    str,
    AfterValidator(_mac),
    _schema("^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$", "52:54:00:12:34:56"),
]
Address = Annotated[IPv4Address, BeforeValidator(_address), _schema(r"^[0-9.]+$", "10.0.0.11")]
Cidr = Annotated[
    IPv4Network, BeforeValidator(_network), _schema(r"^[0-9.]+/[0-9]+$", "10.0.0.0/24")
]
Size = Annotated[int, BeforeValidator(_size), _schema(r"^[0-9.]+ *[KMGTkmgt]i?[Bb]?$", "50 GiB")]
"""Bytes, written with a unit; the units are binary."""
Url = Annotated[
    str,
    AfterValidator(_http_url),
    _schema("^(https?|ftp|file)://", "https://mirror.example.org/el9/"),
]
SshKey = Annotated[
    str, AfterValidator(_ssh_key), _schema("^(ssh|ecdsa|sk)-", "ssh-ed25519 AAAA... me@laptop")
]
AbsolutePath = Annotated[str, AfterValidator(_path), _schema("^/", "/srv/one")]
Package = Annotated[
    str,
    _match(
        r"(@\^?|-)?[A-Za-z0-9][A-Za-z0-9._+-]*\*?",
        "a package name, or @group, or -package to leave it out",
    ),
]
Identifier = Annotated[
    str,
    _match(
        r"[A-Za-z][A-Za-z0-9_-]{0,39}", "a short name: letters, digits, '-' and '_', a letter first"
    ),
]
InterfaceName = Annotated[
    str,
    _match(
        r"[A-Za-z][A-Za-z0-9_.-]{0,14}", "an interface name of at most 15 characters, such as br0"
    ),
]
Timezone = Annotated[
    str,
    _match(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}", "a time zone such as Europe/Rome"),
]
Locale = Annotated[
    str, _match(r"[a-z]{2,3}_[A-Z]{2}(\.UTF-8|\.utf8)?", "a locale such as en_US.UTF-8")
]
Keyboard = Annotated[
    str, _match(r"[A-Za-z0-9][A-Za-z0-9_().,-]{0,39}", "a keyboard layout such as us or it")
]
CvmfsRepository = Annotated[
    str, _match(r"[a-z0-9][a-z0-9-]*(\.[a-z0-9-]+)+", "a CVMFS repository such as belle.cern.ch")
]
LocalPath = Annotated[Path, WithJsonSchema({"type": "string"})]
