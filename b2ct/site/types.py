"""The small types of a site: each parses one kind of value and says what it expected."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_CIDR = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}/[0-9]{1,2}")
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?) *([KMGT])i?B?", re.IGNORECASE)
_URL = re.compile(r"(?:https?|ftp|file)://[\x21-\x7e]+")
_URL_HOST = re.compile(
    r"([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?"
)
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
# Control characters, separators of lines, lone surrogates and what YAML cannot carry.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
UNKNOWN_CHOICE = "unknown_choice"
"""Type of the pydantic error of `OneOf`; its context holds `choices`."""


def _schema(pattern: str, *examples: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": list(examples)})


def _line(value: str) -> str:
    if found := _CONTROL.search(value):
        raise ValueError(f"one line of text without control characters, but it holds {found[0]!r}")
    return value


@dataclass(frozen=True)
class Matching:
    """A text that matches `pattern` as a whole; the JSON Schema carries the same pattern."""

    pattern: str
    expected: str
    examples: tuple[str, ...] = ()

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Validate after the text itself; raises ValueError with what was expected."""
        compiled = re.compile(self.pattern)

        def check(value: str) -> str:
            if not compiled.fullmatch(value):
                raise ValueError(self.expected)
            return value

        return core_schema.no_info_after_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The pattern and the examples, for editors."""
        return {
            "type": "string",
            "pattern": f"^(?:{self.pattern})$",
            **({"examples": list(self.examples)} if self.examples else {}),
        }


@dataclass(frozen=True)
class OneOf:
    """A text that is one of the keys of a table."""

    choices: tuple[str, ...]
    expected: str
    """How the choices are introduced: `a release that the catalogue knows`."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Validate after the text itself; the error's context lists the choices."""

        def check(value: str) -> str:
            if value not in self.choices:
                raise PydanticCustomError(
                    UNKNOWN_CHOICE,
                    "{expected}: {listed}",
                    {
                        "expected": self.expected,
                        "listed": ", ".join(self.choices),
                        "choices": list(self.choices),
                    },
                )
            return value

        return core_schema.no_info_after_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The choices, which editors offer."""
        return {"type": "string", "enum": list(self.choices)}


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


def _network(value: Any) -> Any:
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


def _size(value: Any) -> Any:
    if isinstance(value, int):
        return value
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if not found:
        raise ValueError("a size with its unit, such as 50 GiB or 1 TiB")
    size = int(float(found[1]) * _UNITS[found[2].upper()])
    if not 0 < size < 2**60:
        raise ValueError("a size of more than 0 and less than 1 EiB")
    return size


def _http_url(value: str) -> str:
    expected = "a URL such as https://mirror.example.org/el9/ (no spaces or quotes)"
    if not _URL.fullmatch(value) or set(value) & set("'\"`\\<>{}|^"):
        raise ValueError(expected)
    scheme, _, host, *_ = value.split("/")
    if "@" in host:
        raise ValueError("a URL without user name and password: it would be readable on the medium")
    if scheme != "file:" and not _URL_HOST.fullmatch(host):
        raise ValueError(f"{expected}; its host is missing or wrong")
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


def _local_path(value: Any) -> Any:
    if isinstance(value, str) and not _line(value).strip():
        raise ValueError("a path such as root-password.txt, relative to the folder of this file")
    return value


def _fingerprint(value: str) -> str:
    return re.sub(r"\s", "", value).upper()


Line = Annotated[str, AfterValidator(_line)]
"""Free text of one line."""
HostName = Annotated[
    str,
    AfterValidator(_host_name),
    _schema("^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$", "hv01"),
]
Domain = Annotated[str, AfterValidator(_domain), _schema("^[A-Za-z0-9.-]+$", "b2ct.example.org")]
Host = Annotated[str, AfterValidator(_host), _schema("^[A-Za-z0-9.-]+$", "host.example.org")]
Mac = Annotated[
    str,
    AfterValidator(_mac),
    _schema("^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$", "52:54:00:12:34:56"),
]
Address = Annotated[
    IPv4Address, BeforeValidator(_address), _schema(r"^[0-9]{1,3}(\.[0-9]{1,3}){3}$", "10.0.0.11")
]
Cidr = Annotated[
    IPv4Network, BeforeValidator(_network), _schema(f"^{_CIDR.pattern}$", "10.0.0.0/24")
]
SIZE_PATTERN = r"^[0-9]+(\.[0-9]+)? *[KMGTkmgt][iI]?[Bb]?$"
Size = Annotated[int, BeforeValidator(_size), _schema(SIZE_PATTERN, "50 GiB")]
"""Bytes, written with a unit; the units are binary."""
Url = Annotated[
    str,
    AfterValidator(_http_url),
    _schema("^(https?|ftp|file)://[^ @]+$", "https://mirror.example.org/el9/"),
]
SshKey = Annotated[
    str,
    AfterValidator(_ssh_key),
    _schema(
        f"^ *({'|'.join(map(re.escape, _KEY_TYPES))}) +[A-Za-z0-9+/]+=*( |$)",
        "ssh-ed25519 AAAA... me@laptop",
    ),
]
AbsolutePath = Annotated[str, AfterValidator(_path), _schema("^/", "/srv/one")]
Package = Annotated[
    str,
    Matching(
        r"(@\^?|-)?[A-Za-z0-9][A-Za-z0-9._+-]*\*?",
        "a package name, or @group, or -package to leave it out",
        ("tmux", "@guest-agents", "-plymouth"),
    ),
]
Identifier = Annotated[
    str,
    Matching(
        r"[A-Za-z][A-Za-z0-9_-]{0,39}",
        "a short name: letters, digits, '-' and '_', a letter first",
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
LocalPath = Annotated[
    Path, BeforeValidator(_local_path), WithJsonSchema({"type": "string", "minLength": 1})
]
Sha256 = Annotated[str, Matching("[0-9a-fA-F]{64}", "a SHA-256: 64 hexadecimal digits")]
Fingerprint = Annotated[
    str,
    BeforeValidator(lambda value: _fingerprint(value) if isinstance(value, str) else value),
    Matching("[0-9A-F]{40}", "a full OpenPGP fingerprint: 40 hexadecimal digits"),
    _schema("^ *([0-9A-Fa-f] *){40}$", "BF18AC2876178908D6E71267D36CB86CB86B3716"),
]
"""Of an OpenPGP key, without spaces and in upper case."""
Uuid = Annotated[
    str,
    Matching(
        "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        "a UUID such as 2d1f1f1c-3c3e-4c0e-9d0a-5d1b1a1c1e1f",
    ),
]
EnvName = Annotated[
    str, Matching("[A-Za-z_][A-Za-z0-9_]*", "the name of an environment variable", ("ROOT_PW",))
]
SerialConsole = Annotated[
    str,
    Matching("ttyS[0-9](,[0-9]{4,6})?", "a serial console such as ttyS0,115200", ("ttyS0,115200",)),
]
