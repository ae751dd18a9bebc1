"""OpenNebula template text: attributes to text and back, and what the server would not survive.

Follows the grammar of oned itself (src/parsers/template_parser.l, template_syntax.y and
vm_var_parser.l of the public sources) and what a real server answered. Nothing here touches the
network.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Self

from b2ct.core.errors import B2ctError

Vector = Mapping[str, str]
"""A vector attribute: `DISK=[IMAGE="a", SIZE="10"]`."""
Item = str | Vector
Scalar = str | int | float | bool | None
Loose = Scalar | Mapping[str, Scalar]
"""What a caller may write for one attribute; None means: leave it out."""

LONGEST_NAME = 128
"""Bytes of UTF-8 in the name of an object: oned counts bytes."""
NAME_FORBIDS = "&|:\\\";/'#{}$<>"
USER_NAME_FORBIDS = " \t\n\v\f\r"
BUILT_IN = frozenset({"NAME", "VMID", "UID", "UNAME", "GID", "GNAME", "TEMPLATE"})
"""What `$X` may name in CONTEXT besides attributes of the same template."""
BUILT_IN_VECTORS = frozenset({"NETWORK", "IMAGE", "USER"})
SECRET = re.compile(r"PASSW|TOKEN|SECRET|PRIVATE|CRYPTED|API_?KEY|CREDENTIAL", re.I)
"""Names of attributes whose value is never shown."""

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# oned's XML-RPC library refuses a request with characters beyond the Basic Multilingual Plane.
_BAD = re.compile("[^\t\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd]")
_DOLLAR = re.compile(r"\\\$|\$(?:(?P<name>[A-Za-z0-9_]+)(?P<vector>\[[^\]$]*\])?)?(?P<next>\n)?")


class TextError(B2ctError):
    """A value that OpenNebula would refuse, lose or misread; nothing was sent."""


class Attributes(Mapping[str, tuple[Item, ...]]):
    """The attributes of a template: upper-case names, each with one value or several; frozen.

    A value is a text or a vector (name to text). `repr` shows names only: CONTEXT holds secrets.
    """

    __slots__ = ("_items",)

    def __init__(self, pairs: Iterable[tuple[str, Item]] = ()) -> None:
        items: dict[str, list[Item]] = {}
        for name, item in pairs:
            items.setdefault(name.upper(), []).append(_frozen(item))
        self._items = {name: tuple(values) for name, values in items.items()}

    @classmethod
    def of(cls, values: Mapping[str, Loose | Sequence[Loose]]) -> Self:
        """From plain Python: numbers become text, booleans YES or NO, a list repeats the name."""
        return cls(_loosened(values))

    def __getitem__(self, name: str) -> tuple[Item, ...]:
        """All values of that name, whatever its case."""
        return self._items[name.upper()]

    def __iter__(self) -> Iterator[str]:
        """The names, in their order."""
        return iter(self._items)

    def __len__(self) -> int:
        """How many names."""
        return len(self._items)

    def __hash__(self) -> int:
        """By names."""
        return hash(frozenset(self._items))

    def __eq__(self, other: object) -> bool:
        """The same names with the same values."""
        return isinstance(other, Attributes) and self._items == other._items

    def __repr__(self) -> str:
        """Names only: values may be secrets."""
        return f"Attributes({', '.join(self._items)})"

    def text(self, name: str, default: str = "") -> str:
        """The first value of that name, if it is a text."""
        return next((i for i in self.get(name.upper(), ()) if isinstance(i, str)), default)

    def vectors(self, name: str) -> tuple[Vector, ...]:
        """All vector values of that name, such as the disks."""
        return tuple(i for i in self.get(name.upper(), ()) if not isinstance(i, str))

    def vector(self, name: str) -> Vector:
        """The first vector of that name, or an empty one."""
        return next(iter(self.vectors(name)), MappingProxyType({}))

    def pairs(self) -> Iterator[tuple[str, Item]]:
        """Every name with each of its values."""
        for name, items in self._items.items():
            for item in items:
                yield name, item

    def without(self, *names: str) -> Attributes:
        """The same, less these names."""
        gone = {name.upper() for name in names}
        return Attributes((n, i) for n, i in self.pairs() if n not in gone)

    def merged(self, other: Attributes) -> Attributes:
        """As oned merges on update(.., 1): a name of `other` replaces all its values here."""
        return Attributes([*self.without(*other).pairs(), *other.pairs()])

    def secrets(self) -> tuple[str, ...]:
        """Values that no message may show: all of CONTEXT, and what has a secret's name."""
        found = []
        for name, item in self.pairs():
            if isinstance(item, str):
                found += [item] if SECRET.search(name) else []
            else:
                found += [v for k, v in item.items() if name == "CONTEXT" or SECRET.search(k)]
        return tuple(found)


def render(attributes: Attributes) -> str:
    """The string form, as `oneimage create` and `onetemplate create` read it.

    Raises TextError for what `check` refuses, and for a value that ends in a backslash: there the
    only escape is a backslash before a quote, so such a value cannot be written.
    """
    check(attributes)
    return "".join(f"{name}={_string(name, item)}\n" for name, item in attributes.pairs())


def render_xml(attributes: Attributes) -> str:
    """The XML form, which oned takes too (what starts with `<`). Raises TextError like `check`."""
    check(attributes)
    body = "".join(f"<{name}>{_xml(item)}</{name}>" for name, item in attributes.pairs())
    return f"<TEMPLATE>{body}</TEMPLATE>"


def wire(attributes: Attributes) -> str:
    """What is sent: the string form, or XML where a value ends in a backslash."""
    values = (v for _, i in attributes.pairs() for v in ([i] if isinstance(i, str) else i.values()))
    return render_xml(attributes) if any(v.endswith("\\") for v in values) else render(attributes)


def check(attributes: Attributes) -> None:
    """Raise TextError for what oned would refuse, cut or misread: bad names, `]]>`, controls."""
    for name, item in attributes.pairs():
        _check_key(name)
        if isinstance(item, str):
            _check_value(name, item)
            continue
        for key, value in item.items():
            _check_key(key, f"{name}/{key}")
            _check_value(f"{name}/{key}", value)
    for name in ("NAME",):
        if text := attributes.text(name):
            check_name(text)


def check_name(name: str, *, what: str = "the name", user: bool = False) -> str:
    """The name of an object, or TextError: empty, too long, or with a forbidden character.

    `user`: user names may hold no blank either.
    """
    shown = name if len(name) <= 40 else name[:37] + "..."
    forbidden = NAME_FORBIDS + (USER_NAME_FORBIDS if user else "")
    if not name:
        raise TextError(f"{what} is empty", hint="give it a name")
    if len(name.encode(errors="replace")) > LONGEST_NAME:
        raise TextError(
            f"{what} {shown!r} has more than {LONGEST_NAME} bytes", hint="choose a shorter name"
        )
    for char in name:
        if char in forbidden or _BAD.match(char) or char in "\t\n":
            raise TextError(
                f"{what} {shown!r} holds {char!r}, which OpenNebula does not allow in names",
                hint=f"leave out {' '.join(NAME_FORBIDS)} and control characters",
            )
    if name != name.strip():
        raise TextError(
            f"{what} {shown!r} starts or ends with a blank", hint="OpenNebula would cut it: remove"
        )
    return name


def check_context(attributes: Attributes) -> None:
    """Raise TextError for a `$` in CONTEXT that oned would expand to nothing, or choke on.

    `$NAME` and the like are meant; `$HOME` would silently become empty, and `$(..)` fails with an
    error that repeats the whole CONTEXT. Follows src/parsers/vm_var_parser.l.
    """
    singles = {n for n in attributes if attributes.text(n)} | BUILT_IN
    vectors = {n for n in attributes if attributes.vectors(n)} | BUILT_IN_VECTORS
    for context in attributes.vectors("CONTEXT"):
        for key, value in context.items():
            for found in _DOLLAR.finditer(value):
                name, vector = found["name"], found["vector"]
                known = (name or "").upper() in (vectors if vector else singles)
                if not known or found["next"]:
                    raise TextError(
                        f"CONTEXT/{key} holds a stray $, which OpenNebula expands when a VM starts",
                        hint="put scripts into START_SCRIPT_BASE64 and user data into USERDATA "
                        "with USERDATA_ENCODING=base64",
                    )


def parse(text: str) -> Attributes:
    """Read the string form as oned's own parser does. Raises TextError with the line."""
    return Attributes(_Parser(text).attributes())


class _Parser:
    """template_parser.l and template_syntax.y, by hand: what oned reads, and nothing more.

    No expression goes over a long text by itself: meanwhile no other thread would run.
    """

    _SKIP = re.compile(r"[ \t]*#.*\n|[ \t\n]+")
    _VARIABLE = re.compile(r"[A-Za-z0-9_]+")
    _EQUAL_EMPTY = re.compile(r"[ \t]*=[ \t]*\n")
    _EQUAL = re.compile(r"[ \t]*=[ \t]*")
    _OPEN = re.compile(r"[ \t]*\[[ \t\n]*")
    _CLOSE = re.compile(r"[ \t\n]*\][ \t\n]*")
    _COMMA = re.compile(r"[ \t\n]*,[ \t\n]*")
    _BARE = re.compile(r"[^=#\s,\[\]]+")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self._line_end = -1
        self._cut = -1

    def attributes(self) -> Iterator[tuple[str, Item]]:
        self._skip()
        while self.at < len(self.text):
            name = self._need(self._VARIABLE, "a name")
            if self._take(self._EQUAL_EMPTY):
                yield name, ""
            else:
                self._need(self._EQUAL, "=")
                yield name, self._item()
            self._skip()

    def _item(self) -> Item:
        if not self._take(self._OPEN):
            return self._value()
        vector: dict[str, str] = {}
        if self._take(self._CLOSE):
            return vector
        while True:
            self._skip()
            name = self._need(self._VARIABLE, "a name")
            self._need(self._EQUAL, "=")
            vector.setdefault(name.upper(), self._value())
            if self._take(self._CLOSE):
                return vector
            self._need(self._COMMA, ", or ]")

    def _value(self) -> str:
        if self._cut_follows():
            raise self._error("]]> cannot be part of a value")
        quoted = self._quoted()
        return self._need(self._BARE, "a value") if quoted is None else quoted

    def _quoted(self) -> str | None:
        """Up to the next quote without a backslash, or else to the last quote; None: not quoted."""
        start = self.at + 1
        if not self.text.startswith('"', self.at):
            return None
        end = self.text.find('"', start)
        while end > start and self.text[end - 1] == "\\":
            end = self.text.find('"', end + 1)
        if end < 0:
            end = self.text.rfind('"', start)
        if end < 0:
            return None
        self.at = end + 1
        return self.text[start:end].replace('\\"', '"')

    def _cut_follows(self) -> bool:
        """Whether `]]>` stands in the rest of the line, of which each is searched once."""
        if self.at > self._line_end:
            end = self.text.find("\n", self.at)
            self._line_end = end if end >= 0 else len(self.text)
            self._cut = self.text.rfind("]]>", self.at, self._line_end)
        return self._cut >= self.at

    def _skip(self) -> None:
        while self._take(self._SKIP):
            pass

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        if found and found.end() > self.at:
            self.at = found.end()
            return found
        return None

    def _need(self, pattern: re.Pattern[str], what: str) -> str:
        found = self._take(pattern)
        if not found:
            raise self._error(f"expected {what}")
        return found[0]

    def _error(self, problem: str) -> TextError:
        line = self.text.count("\n", 0, self.at) + 1
        return TextError(
            f"line {line} of the template: {problem}",
            hint='write NAME="value" or NAME=[KEY="value", KEY="value"]',
        )


def _loosened(values: Mapping[str, Loose | Sequence[Loose]]) -> Iterator[tuple[str, Item]]:
    for name, value in values.items():
        many = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        for one in many:
            if isinstance(one, Mapping):
                yield name, {k: _scalar(v) for k, v in one.items() if v is not None}
            elif one is not None:
                yield name, _scalar(one)


def _scalar(value: Scalar) -> str:
    if isinstance(value, bool):
        return "YES" if value else "NO"
    return str(value)


def _frozen(item: Item) -> Item:
    if isinstance(item, str):
        return item
    return MappingProxyType({key.upper(): value for key, value in item.items()})


def _string(name: str, item: Item) -> str:
    if isinstance(item, str):
        return _quoted(name, item)
    return "[" + ", ".join(f"{k}={_quoted(f'{name}/{k}', v)}" for k, v in item.items()) + "]"


def _quoted(where: str, value: str) -> str:
    if value.endswith("\\"):
        raise TextError(
            f"{where} ends in a backslash, which this form of a template cannot hold",
            hint="add a blank after it, or encode the value in base64",
        )
    return '"' + value.replace('"', '\\"') + '"'


def _xml(item: Item) -> str:
    if isinstance(item, str):
        return f"<![CDATA[{item}]]>"
    return "".join(f"<{key}><![CDATA[{value}]]></{key}>" for key, value in item.items())


def _check_key(key: str, where: str = "") -> None:
    if not _KEY.fullmatch(key) or len(key) > LONGEST_NAME:
        raise TextError(
            f"{(where or key)[:60]!r} is no attribute name",
            hint="use letters, digits and _, not starting with a digit",
        )


def _check_value(where: str, value: str) -> None:
    if "]]>" in value:
        raise TextError(
            f"{where} holds ]]>, which OpenNebula cannot store in any form",
            hint="encode the value in base64",
        )
    if bad := _BAD.search(value):
        raise TextError(
            f"{where} holds the character U+{ord(bad[0]):04X}, which OpenNebula cannot store",
            hint="remove control characters and emoji (line ends are \\n), or encode it in base64",
        )
