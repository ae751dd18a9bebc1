"""The small types of a site: each parses one kind of value and says what it expected.

Those that any document may have are in b2ct.document.types.
"""

from __future__ import annotations

import base64
import binascii
import re
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from b2ct.document.types import Matching, line, text_schema

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_CIDR = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}/[0-9]{1,2}")


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


def host(value: str) -> str:
    """A host by full name or IPv4 address."""
    try:
        return str(IPv4Address(value))
    except ValueError:
        pass
    if re.fullmatch(r"[0-9.]+", value):
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
    if isinstance(value, IPv4Address):
        return value
    try:
        return IPv4Address(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError("an IPv4 address such as 10.0.0.11") from None


def cidr(value: Any) -> Any:
    """A network in CIDR notation. Raises ValueError."""
    if isinstance(value, IPv4Network):
        return value
    if not isinstance(value, str) or not _CIDR.fullmatch(value):
        raise ValueError("a network in CIDR notation, such as 10.0.0.0/24")
    try:
        return IPv4Network(value)
    except ValueError as err:
        if "host bits set" in str(err):
            meant = IPv4Network(value, strict=False)
            raise ValueError(f"a network address; did you mean {meant}?") from None
        raise ValueError("a network in CIDR notation, such as 10.0.0.0/24") from None


_KEY_TYPES = (
    "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
)  # fmt: skip


def _ssh_key(value: str) -> str:
    value = line(value.strip())
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
    if words[0] == "ssh-rsa" and (bits := _rsa_bits(blob)) < SHORTEST_RSA:
        raise ValueError(
            f"a key that sshd takes: this RSA key has {bits} bits, and EL9 and later refuse less "
            f"than {SHORTEST_RSA}; `ssh-keygen -t ed25519` makes a good one"
        )
    return value


SHORTEST_RSA = 2048
"""Bits; RequiredRSASize of sshd_config(5) in EL's crypto policies."""


def _rsa_bits(blob: bytes) -> int:
    """The bits of the modulus; RFC 4253, 6.6: type, exponent and modulus, each with its length."""
    rest = blob
    field = b""
    for _ in range(3):
        length = int.from_bytes(rest[:4], "big")
        field, rest = rest[4 : 4 + length], rest[4 + length :]
    return int.from_bytes(field, "big").bit_length()


HostName = Annotated[
    str,
    AfterValidator(_host_name),
    text_schema("^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$", "hv01"),
]
Domain = Annotated[
    str, AfterValidator(_domain), text_schema("^[A-Za-z0-9.-]+$", "b2ct.example.org")
]
Host = Annotated[str, AfterValidator(host), text_schema("^[A-Za-z0-9.-]+$", "host.example.org")]
Mac = Annotated[
    str,
    AfterValidator(_mac),
    text_schema("^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$", "52:54:00:12:34:56"),
]
Address = Annotated[
    IPv4Address,
    BeforeValidator(_address),
    text_schema(r"^[0-9]{1,3}(\.[0-9]{1,3}){3}$", "10.0.0.11"),
]
Cidr = Annotated[
    IPv4Network, BeforeValidator(cidr), text_schema(f"^{_CIDR.pattern}$", "10.0.0.0/24")
]
SshKey = Annotated[
    str,
    AfterValidator(_ssh_key),
    text_schema(
        f"^ *({'|'.join(map(re.escape, _KEY_TYPES))}) +[A-Za-z0-9+/]+=*( |$)",
        "ssh-ed25519 AAAA... me@laptop",
    ),
]
InterfaceName = Annotated[
    str,
    Matching(
        r"[A-Za-z][A-Za-z0-9_.-]{0,14}",
        "an interface name of at most 15 characters, such as br0",
        ("br0",),
    ),
]
Timezone = Annotated[
    str,
    Matching(
        r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}",
        "a time zone such as Europe/Rome",
        ("Europe/Rome",),
    ),
]
Locale = Annotated[
    str,
    Matching(
        r"[a-z]{2,3}_[A-Z]{2}(\.UTF-8|\.utf8)?", "a locale such as en_US.UTF-8", ("en_US.UTF-8",)
    ),
]
Keyboard = Annotated[
    str,
    Matching(
        r"[A-Za-z0-9][A-Za-z0-9_().,-]{0,39}", "a keyboard layout such as us or it", ("us", "it")
    ),
]
CvmfsRepository = Annotated[
    str,
    Matching(
        r"[a-z0-9][a-z0-9-]*(\.[a-z0-9-]+)+",
        "a CVMFS repository such as belle.cern.ch",
        ("belle.cern.ch",),
    ),
]
SerialConsole = Annotated[
    str,
    Matching("ttyS[0-9](,[0-9]{4,6})?", "a serial console such as ttyS0,115200", ("ttyS0,115200",)),
]
