"""Small types that any document may have: each parses one value and says what it expected."""

from __future__ import annotations

import re
from dataclasses import dataclass
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

_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?) *([KMGT])i?B?", re.IGNORECASE)
_URL = re.compile(r"(?:https?|ftp|file)://[\x21-\x7e]+")
_URL_HOST = re.compile(
    r"([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?"
)
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) *(s|min|h|d)")
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
# Control characters, separators of lines, lone surrogates and what YAML cannot carry.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
UNKNOWN_CHOICE = "unknown_choice"
"""Type of the pydantic error of `OneOf`; its context holds `choices`."""


def text_schema(pattern: str, *examples: str) -> WithJsonSchema:
    """What an editor is told of a text: its pattern (ECMA 262, not anchored) and examples."""
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": list(examples)})


def line(value: str) -> str:
    """The text, if it is one line. Raises ValueError."""
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


def _duration(value: Any) -> Any:
    if isinstance(value, int):
        return value
    found = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if not found:
        raise ValueError("a time with its unit, such as 600 s, 30 min, 12 h or 3 d")
    seconds = int(float(found[1]) * _SECONDS[found[2]])
    if not 0 <= seconds <= 10 * 366 * _SECONDS["d"]:
        raise ValueError("a time of at most ten years")
    return seconds


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


def _path(value: str) -> str:
    if not value.startswith("/") or _CONTROL.search(value):
        raise ValueError("an absolute path such as /srv/one")
    return value


def _local_path(value: Any) -> Any:
    if isinstance(value, str) and not line(value).strip():
        raise ValueError("a path such as root-password.txt, relative to the folder of this file")
    return value


def _fingerprint(value: str) -> str:
    return re.sub(r"\s", "", value).upper()


Line = Annotated[str, AfterValidator(line)]
"""Free text of one line."""
SIZE_PATTERN = r"^[0-9]+(\.[0-9]+)? *[KMGTkmgt][iI]?[Bb]?$"
Size = Annotated[int, BeforeValidator(_size), text_schema(SIZE_PATTERN, "50 GiB")]
"""Bytes, written with a unit; the units are binary."""
DURATION_PATTERN = r"^[0-9]+(\.[0-9]+)? *(s|min|h|d)$"
Duration = Annotated[int, BeforeValidator(_duration), text_schema(DURATION_PATTERN, "3 d")]
"""Seconds, written with a unit."""
Url = Annotated[
    str,
    AfterValidator(_http_url),
    text_schema("^(https?|ftp|file)://[^ @]+$", "https://mirror.example.org/el9/"),
]
AbsolutePath = Annotated[str, AfterValidator(_path), text_schema("^/", "/srv/one")]
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
LocalPath = Annotated[
    Path, BeforeValidator(_local_path), WithJsonSchema({"type": "string", "minLength": 1})
]
Sha256 = Annotated[str, Matching("[0-9a-fA-F]{64}", "a SHA-256: 64 hexadecimal digits")]
Fingerprint = Annotated[
    str,
    BeforeValidator(lambda value: _fingerprint(value) if isinstance(value, str) else value),
    Matching("[0-9A-F]{40}", "a full OpenPGP fingerprint: 40 hexadecimal digits"),
    text_schema("^ *([0-9A-Fa-f] *){40}$", "BF18AC2876178908D6E71267D36CB86CB86B3716"),
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
