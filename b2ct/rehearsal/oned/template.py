"""Templates: the attribute lists of OpenNebula, their two input forms and their XML.

The text form follows the grammar of `src/parsers/template_syntax.y` in the public source, with
the same errors and the same columns. Its line number is not always initialised there ("line
1684370545" was recorded), so nothing should rely on it; here it counts from 0.
"""

from __future__ import annotations

import hashlib
import re
import xml.etree.ElementTree as ET
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from b2ct.rehearsal.oned import xmlwriter
from b2ct.rehearsal.oned.errors import internal

Value = str | dict[str, str]


class Template:
    """A list of attributes, single or vector; a name may occur more than once."""

    def __init__(self, items: Iterable[tuple[str, Value]] = ()) -> None:
        self._items: list[tuple[str, Value]] = [(name.upper(), value) for name, value in items]

    def __iter__(self) -> Iterator[tuple[str, Value]]:
        """Sorted by name, the order of entry kept within a name, as oned's multimap does."""
        return iter(sorted(self._items, key=lambda item: item[0]))

    def __len__(self) -> int:
        return len(self._items)

    def copy(self) -> Template:
        return Template(
            (name, dict(value) if isinstance(value, dict) else value) for name, value in self._items
        )

    def names(self) -> set[str]:
        return {name for name, _ in self._items}

    def get(self, name: str) -> str:
        """The first single value, or an empty string."""
        return next((v for n, v in self._items if n == name and isinstance(v, str)), "")

    def vectors(self, name: str) -> list[dict[str, str]]:
        """The vector values themselves: a change to one changes the template."""
        return [v for n, v in self._items if n == name and isinstance(v, dict)]

    def add(self, name: str, value: Value) -> None:
        self._items.append((name.upper(), value))

    def set(self, name: str, value: Value) -> None:
        """Replace all attributes of that name by one."""
        self.erase(name)
        self.add(name, value)

    def erase(self, name: str) -> None:
        self._items = [item for item in self._items if item[0] != name]

    def pop(self, name: str) -> str:
        value = self.get(name)
        self.erase(name)
        return value

    def merge(self, other: Template) -> None:
        """Attributes of `other` replace all of their name: CONTEXT is never merged inside."""
        for name in other.names():
            self.erase(name)
        self._items.extend(other.copy()._items)

    def xml(self, tag: str = "TEMPLATE") -> str:
        return f"<{tag}>{''.join(attribute_xml(n, v) for n, v in self)}</{tag}>"

    def trimmed(self) -> Template:
        """The same without white space around values."""
        return Template(
            (n, v.strip() if isinstance(v, str) else {k: part.strip() for k, part in v.items()})
            for n, v in self._items
        )

    def breaks_xml(self) -> bool:
        """Does a value hold the end of a CDATA section? oned cannot write it then."""
        values = [v for _, value in self for v in (value.values() if isinstance(value, dict)
                  else (value,))]  # fmt: skip
        return any("]]>" in value for value in values)

    def encrypt(self) -> None:
        """Hide CONTEXT/PASSWORD as oned does (VM_ENCRYPTED_ATTR)."""
        for context in self.vectors("CONTEXT"):
            if "PASSWORD" in context and decrypted(context["PASSWORD"]) is None:
                context["PASSWORD"] = encrypted(context["PASSWORD"])

    def decrypt(self) -> None:
        for context in self.vectors("CONTEXT"):
            plain = decrypted(context.get("PASSWORD", ""))
            if plain is not None:
                context["PASSWORD"] = plain


def attribute_xml(name: str, value: Value) -> str:
    return (
        xmlwriter.vector(name, value) if isinstance(value, dict) else xmlwriter.cdata(name, value)
    )


_MARK = b"\x00one"


def _stream(length: int) -> bytes:
    blocks = (hashlib.sha256(b"one_key%d" % n).digest() for n in range(length // 32 + 1))
    return b"".join(blocks)[:length]


def encrypted(plain: str) -> str:
    """A stand-in for oned's AES: reversible, base64, in blocks of 16 octets."""
    data = plain.encode()
    room = -(len(data) + len(_MARK)) % 16
    data = data + bytes(room) + _MARK
    return b64encode(bytes(a ^ b for a, b in zip(data, _stream(len(data)), strict=True))).decode()


def decrypted(text: str) -> str | None:
    """The plain text, or None if `text` was not made by `encrypted`."""
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        return None
    plain = bytes(a ^ b for a, b in zip(data, _stream(len(data)), strict=True))
    return plain[: -len(_MARK)].rstrip(b"\0").decode() if plain.endswith(_MARK) else None


def decrypted_xml(target: _Decryptable) -> str:
    """The object with its secrets in the clear, as an owner may ask for it."""
    hidden = target.template
    target.template = hidden.copy()
    target.template.decrypt()
    try:
        return target.xml()
    finally:
        target.template = hidden


class _Decryptable(Protocol):
    template: Template

    def xml(self) -> str:
        """How it is written."""


def parse(text: str) -> Template:
    """A template from its XML form (if it starts with `<`) or its text form."""
    return parse_xml(text) if text.startswith("<") else parse_text(text)


def parse_xml(text: str) -> Template:
    try:
        root = ET.fromstring(text)  # the tests' own input
    except ET.ParseError:
        raise internal("Parse error: XML Template malformed.") from None
    result = Template()
    for child in root:
        if len(child):
            result.add(child.tag, {part.tag.upper(): part.text or "" for part in child})
        else:
            result.add(child.tag, child.text or "")
    return result


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    line: int
    first: int
    last: int


_INITIAL = [
    ("skip", re.compile(r"[ \t]*#[^\n]*\n")),
    ("skip", re.compile(r"[ \t\n]+")),
    ("VARIABLE", re.compile(r"[A-Za-z0-9_]+")),
    ("EQUAL", re.compile(r"[ \t]*=[ \t]*")),
    ("EQUAL_EMPTY", re.compile(r"[ \t]*=[ \t]*\n")),
    ("COMMA", re.compile(r"[ \t\n]*,[ \t\n]*")),
    ("CBRACKET", re.compile(r"[ \t\n]*\][ \t\n]*")),
]
_VALUE = [
    ("OBRACKET", re.compile(r"[ \t]*\[[ \t\n]*")),
    ("CCDATA", re.compile(r"[^\n]*\]\]>[^\n]*")),
    ("QUOTED", re.compile(r'"(?:\\"|[^"])*"')),
    ("STRING", re.compile(r"[^=# \t\n,\[\]]+")),
]


def _tokens(text: str) -> Iterator[_Token]:
    """The longest match wins, an earlier rule wins a tie; what no rule matches is skipped."""
    position, column, line, rules = 0, 1, 0, _INITIAL
    first = column
    while position < len(text):
        kind, length = "skip", 1
        best = 0
        for name, pattern in rules:
            match = pattern.match(text, position)
            if match and match.end() - position > best:
                kind, length = name, match.end() - position
                best = length
        matched = text[position : position + length]
        first, column = column, column + length
        position += length
        line += matched.count("\n")
        if kind == "EQUAL":
            rules = _VALUE
        elif rules is _VALUE and kind != "skip":
            rules = _INITIAL
        if kind == "QUOTED":
            kind, matched = "STRING", matched[1:-1]
        if kind != "skip":
            yield _Token(kind, matched, line, first, column)
    yield _Token("$end", "", line, first, column)


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self.token = next(self._tokens)

    def take(self, *kinds: str, said: str = "") -> _Token:
        """The next token; `said` is what bison lists as expected, if not just `kinds`."""
        token = self.token
        if token.kind not in kinds:
            if token.kind == "CCDATA":
                raise internal("Parse error.")
            raise internal(
                f"Parse error: syntax error, unexpected {token.kind}, expecting "
                f"{said or ' or '.join(kinds)} at line {token.line}, "
                f"columns {token.first}:{token.last}"
            )
        if kinds != ("$end",):
            self.token = next(self._tokens, token)
        return token


def parse_text(text: str) -> Template:
    parser, result = _Parser(text), Template()
    while parser.token.kind != "$end":
        name = parser.take("VARIABLE", said="$end").text
        if parser.take("EQUAL", "EQUAL_EMPTY").kind == "EQUAL_EMPTY":
            result.add(name, "")
            continue
        value = parser.take("OBRACKET", "STRING", said="OBRACKET or CCDATA or STRING")
        if value.kind == "STRING":
            result.add(name, _unescape(value.text))
            continue
        result.add(name, _vector(parser))
    return result


def _vector(parser: _Parser) -> dict[str, str]:
    attributes: dict[str, str] = {}
    if parser.token.kind == "CBRACKET":
        parser.take("CBRACKET")
        return attributes
    while True:
        said = "VARIABLE" if attributes else "CBRACKET or VARIABLE"
        name = parser.take("VARIABLE", said=said).text.upper()
        parser.take("EQUAL")
        # std::map::insert keeps the first of two
        attributes.setdefault(name, _unescape(parser.take("STRING").text))
        if parser.take("COMMA", "CBRACKET").kind == "CBRACKET":
            return attributes


def _unescape(text: str) -> str:
    return text.replace('\\"', '"')
