"""YAML text to a tree in which every value knows its place, without surprises.

Only the syntax of YAML is used: every plain scalar stays the text that was typed (a MAC address
such as 10:20:30:40:50:59, `no` and 007 included), but `~`, `null` and nothing at all are None.
What a hostile or mistaken file may hold (aliases that multiply or refer to themselves, deep
nesting, tags, several documents, duplicate keys) is found while the events stream by, without
recursion. Follows YAML 1.2 chapter 3 for the tree, PyYAML's events for the syntax.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from b2ct.document import redact

MAX_DEPTH = 32
"""Nesting that nothing described here ever needs."""
MAX_VALUES = 200_000
"""Values and keys in a file, aliases counted as often as they are used.

A node has about 20: 10,000 of them are checked within seconds and 200 MiB.
"""
NULL = frozenset({"", "~", "null", "Null", "NULL"})
# Compiling a class with wide ranges would cost as much as all the rest of this module.
_NOT_YAML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")
_NOT_YAML_EITHER = "\ufeff\ufffe\uffff"
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the text; line and column count from 1.

    `file` is said where a tree is put together from several files.
    """

    line: int
    column: int
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in the text that cannot stand, whatever the file is about."""

    mark: Mark
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of a mapping and its value."""

    mark: Mark
    value: Node


@dataclass(frozen=True, slots=True)
class Node:
    """A value: text, None, a sequence or a mapping; `size` counts it and all in it, keys too.

    `typed` is what stands in the file, where the value was made from it.
    """

    mark: Mark
    value: str | tuple[Node, ...] | Mapping[str, Entry] | None
    size: int = 1
    typed: str = ""


class _Fatal(Exception):  # noqa: N818 - it ends the reading and never leaves this module
    """Nothing sensible can be read after this."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


@dataclass(slots=True)
class _Open:
    """A sequence or mapping whose end has not come yet."""

    mark: Mark
    anchor: str | None
    is_mapping: bool
    items: list[Node] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)
    key: tuple[str, Mark] | None = None
    expects_value: bool = False
    size: int = 1

    def close(self) -> Node:
        value = MappingProxyType(self.entries) if self.is_mapping else tuple(self.items)
        return Node(self.mark, value, self.size)


class _Builder:
    """Takes events one by one; `faults` are the mistakes after which reading goes on."""

    def __init__(self, file: Path | None) -> None:
        self.file = file
        self.faults: list[Fault] = []
        self.root: Node | None = None
        self.values = 0
        self._stack: list[_Open] = []
        self._anchors: dict[str, Node] = {}
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        mark = _mark(event.start_mark, self.file)
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise _Fatal(
                    Fault(
                        mark,
                        "a second document begins here: expected one",
                        "remove the line '---'; a file is one description",
                    )
                )
        elif isinstance(event, yaml.AliasEvent):
            target = self._alias(event.anchor or "", mark)
            self._count(target.size, mark)
            self._add(target)
        elif isinstance(event, yaml.ScalarEvent):
            self._scalar(event, mark)
        elif isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
            self._check_tag(event.tag, mark)
            self._count(1, mark)
            if len(self._stack) >= MAX_DEPTH:
                raise _Fatal(Fault(mark, f"nested deeper than {MAX_DEPTH} levels"))
            if event.anchor:
                self._anchors.pop(event.anchor, None)
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            self._stack.append(_Open(mark, event.anchor, is_mapping))
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            done = self._stack.pop()
            node = done.close()
            if done.anchor:
                self._anchors[done.anchor] = node
            self._add(node)

    def _scalar(self, event: yaml.ScalarEvent, mark: Mark) -> None:
        self._check_tag(event.tag, mark)
        plain = event.implicit[0]
        value = None if plain and event.value in NULL else event.value
        if value is not None and _SURROGATE.search(value):
            self._fault(mark, "half of a surrogate pair, which is no character")
            value = _SURROGATE.sub("", value)
        self._count(1, mark)
        node = Node(mark, value)
        if event.anchor:
            self._anchors[event.anchor] = node
        if plain and value == "<<" and self._at_key():
            self._fault(
                mark,
                "merge keys ('<<') are not supported",
                "write the keys out, or use an alias for a whole value",
            )
            self._skip_value()
            return
        self._add(node)

    def _alias(self, name: str, mark: Mark) -> Node:
        if any(name == above.anchor for above in self._stack) and name not in self._anchors:
            raise _Fatal(Fault(mark, "this alias refers to the value that it is a part of"))
        if name not in self._anchors:
            self._fault(
                mark,
                "an alias ('*name') to an anchor ('&name') that does not come before it",
                "a text that begins with '*' needs quotes",
            )
            return Node(mark, None)
        target = self._anchors[name]
        return Node(mark, target.value, target.size)

    def _check_tag(self, tag: str | None, mark: Mark) -> None:
        if tag is not None:
            self._fault(
                mark,
                "YAML tags (words that begin with '!') have no meaning here",
                "remove it; a text that begins with '!' needs quotes",
            )

    def _count(self, values: int, mark: Mark) -> None:
        self.values += values
        if self.values > MAX_VALUES:
            message = f"more than {MAX_VALUES} values, aliases counted as often as they are used"
            raise _Fatal(Fault(mark, message))

    def _add(self, node: Node) -> None:
        if not self._stack:
            self.root = node
            return
        top = self._stack[-1]
        top.size += node.size
        if not top.is_mapping:
            top.items.append(node)
        elif top.expects_value:
            if top.key is not None:
                top.entries[top.key[0]] = Entry(top.key[1], node)
            top.key, top.expects_value = None, False
        else:
            top.key, top.expects_value = self._key(top, node), True

    def _key(self, top: _Open, node: Node) -> tuple[str, Mark] | None:
        if not isinstance(node.value, str):
            self._fault(node.mark, "a key must be a name", "is the indentation right?")
            return None
        if (first := top.entries.get(node.value)) is not None:
            above = tuple(open_.key[0] for open_ in self._stack if open_.key)
            self._fault(
                node.mark,
                f"the key {redact.shown(above, node.value)} stands here twice:"
                f" it is already on line {first.mark.line}",
                "remove one of the two",
            )
            return None
        return node.value, node.mark

    def _at_key(self) -> bool:
        return (
            bool(self._stack) and self._stack[-1].is_mapping and not self._stack[-1].expects_value
        )

    def _skip_value(self) -> None:
        self._stack[-1].key, self._stack[-1].expects_value = None, True

    def _fault(self, mark: Mark, message: str, hint: str = "") -> None:
        self.faults.append(Fault(mark, message, hint))


def parse(text: str, file: Path | None = None) -> tuple[Node | None, list[Fault]]:
    """The tree of a text (None: an empty one) and all faults found in it, in their order.

    `file` is put into every mark. With a fault in the syntax itself, what follows it is not read
    and the tree is None. Never raises, whatever the text; takes time linear in the text.
    """
    if (index := _not_yaml(text)) is not None:
        return None, [
            Fault(
                _place(text, index, file),
                f"the character U+{ord(text[index]):04X} cannot stand in a text file",
                "remove it",
            )
        ]
    builder = _Builder(file)
    try:
        for event in _events(text):
            builder.take(event)
    except _Fatal as stop:
        return None, [*builder.faults, stop.fault]
    except yaml.YAMLError as err:
        if (before := _before_depth(text, err)) is not None:
            return parse(before, file)
        return None, [*builder.faults, _syntax(text, err, file)]
    except (ValueError, OverflowError):
        # PyYAML's own scanner lets chr() fail on an escape above U+10FFFF.
        return None, [*builder.faults, Fault(Mark(1, 1, file), "an escape that is no character")]
    return builder.root, builder.faults


def _before_depth(text: str, err: yaml.YAMLError) -> str | None:
    """The text before the place where the parser's own bound of nesting ended the reading.

    libyaml 0.2.6 (PyYAML 6.0.4) stops at a thousand levels, while it looks ahead for a `:` and has
    not given us one event yet: what comes before is enough for our own, lower bound to speak.
    """
    mark = getattr(err, "problem_mark", None)
    if mark is None or "nesting" not in str(getattr(err, "problem", "")):
        return None
    return text[: mark.index] if 0 < mark.index < len(text) else None


def _not_yaml(text: str) -> int | None:
    """Where the first character is that YAML 1.2 section 5.1 does not allow, or half of one."""
    places = [text.find(char) for char in _NOT_YAML_EITHER]
    if found := _NOT_YAML.search(text):
        places.append(found.start())
    try:
        text.encode()
    except UnicodeEncodeError as err:
        places.append(err.start)
    return min((place for place in places if place >= 0), default=None)


def _events(text: str) -> Iterator[yaml.Event]:
    """PyYAML's events; by libyaml, where it was built with it, ten times as fast."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    events: Iterator[yaml.Event] = yaml.parse(text, Loader=loader)
    return events


def _mark(mark: Any, file: Path | None) -> Mark:
    """A place as PyYAML (either parser; the stubs call it optional) counts it: from 0."""
    return Mark(mark.line + 1, mark.column + 1, file)


def _place(text: str, index: int, file: Path | None) -> Mark:
    return Mark(text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index), file)


# Complaints that are better shown where the quote or bracket was opened.
_NEVER_CLOSED = ("unexpected end of stream", "expected ',' or")
# What the two parsers say -> what it usually means to the person who wrote the file.
_MEANING = (
    (
        "mapping values are not allowed",
        "a ':' where no value can begin",
        "check the indentation of this line and the one above; a text that holds ': ' needs quotes",
    ),
    (
        "could not find expected ':'",
        "a line without ':' among keys",
        "is a ':' missing here or on the line above, or the indentation off?",
    ),
    (
        "did not find expected key",
        "expected a key or the end of the group",
        "check the indentation of this line, and quotes and brackets above it",
    ),
    (
        "expected <block end>",
        "expected a key or the end of the group",
        "check the indentation of this line, and quotes and brackets above it",
    ),
    (
        "did not find expected '-' indicator",
        "expected another entry ('- ') or the end of the list",
        "check the indentation of this line",
    ),
    ("unexpected end of stream", "a quote that is never closed", "close it"),
    (
        "cannot start any token",
        "a value cannot begin with this character",
        "put the value in quotes",
    ),
    (
        "expected ',' or",
        "a bracket or brace that is never closed, or a comma missing",
        "close it, or separate the values with ','",
    ),
)


def _syntax(text: str, err: yaml.YAMLError, file: Path | None) -> Fault:
    """A parser's complaint in the words of the person who wrote the file, without values of it."""
    problem = str(getattr(err, "problem", None) or "this is not YAML")
    raw = getattr(err, "problem_mark", None)
    if raw is None or any(said in problem for said in _NEVER_CLOSED):
        raw = getattr(err, "context_mark", None) or raw
    mark = _mark(raw, file) if raw is not None else Mark(1, 1, file)
    lines = text.split("\n")
    line = lines[mark.line - 1] if mark.line <= len(lines) else ""
    before = line[: mark.column]
    if "\t" in before and (not before.strip() or before.endswith("\t")):
        return Fault(
            Mark(mark.line, before.index("\t") + 1, file),
            "a tab: expected spaces",
            "YAML is indented with spaces only",
        )
    for said, message, hint in _MEANING:
        if said in problem:
            return Fault(mark, message, hint)
    # Some complaints quote the text, which may be a password that lacks quotes.
    bare = re.sub(r"'[^']{2,}'|\"[^\"]*\"", "...", problem)
    return Fault(mark, f"not YAML: {bare}", "check quotes, brackets and indentation near here")
