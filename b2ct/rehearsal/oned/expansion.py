"""Expansion of `$` in CONTEXT, after src/parsers/vm_var_*.{l,y} of the public source.

A name that is unknown becomes nothing, silently. What is not a name after `$` is a syntax error,
and the message repeats the whole context, passwords included: that is what oned does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

SEPARATOR = "@^_^@"

# The text between variables; `\$` stays as it is, with its backslash.
_TEXT = re.compile(r"(?:[^$\\]|\\\$|\\[^$])+", re.DOTALL)
_VAR = [
    ("EQUAL", re.compile(r"[ \t]*=[ \t]*")),
    ("COMMA", re.compile(r"[ \t]*,[ \t]*")),
    ("OBRACKET", re.compile(r"\[[ \t]*")),
    ("CBRACKET", re.compile(r"[ \t]*\]")),
    ("VARIABLE", re.compile(r"[A-Za-z0-9_]+")),
    ("EOA", re.compile(r".")),
]
_VALUE = [
    ("STRING", re.compile(r'"[^"]*"')),
    ("STRING", re.compile(r"[A-Za-z0-9]+")),
]

Lookup = Callable[[str, str, str, str], str]


class ExpansionError(Exception):
    """The text of the syntax error, without the context in front."""


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    first: int
    last: int


def _tokens(text: str) -> Iterator[_Token]:
    position, column, state = 0, 1, "text"
    while position < len(text):
        if state == "text" and text[position] == "$":
            position, column, state = position + 1, column + 1, "var"
            continue
        kind = "RSTRING"
        match = _TEXT.match(text, position)
        if state != "text":
            kind, match = _longest(_VAR if state == "var" else _VALUE, text, position)
        if match is None:  # a lone backslash, or what no rule of a value takes: dropped
            position, column = position + 1, column + 1
            continue
        first, column = column, column + match.end() - position
        position = match.end()
        value = match.group()
        if kind == "EQUAL":
            state = "value"
        elif kind == "STRING":
            state, value = "var", value.strip('"')
        elif kind == "EOA":
            state = "var" if value == "$" else "text"
            value = "" if value == "$" else value
        yield _Token(kind, value, first, column)
    if state == "var":
        yield _Token("EOA", "", column, column)
    yield _Token("$end", "", column, column)


def _longest(
    rules: list[tuple[str, re.Pattern[str]]], text: str, position: int
) -> tuple[str, re.Match[str] | None]:
    best: tuple[str, re.Match[str] | None] = ("", None)
    for kind, pattern in rules:
        match = pattern.match(text, position)
        if match and (best[1] is None or match.end() > best[1].end()):
            best = (kind, match)
    return best


class _Parser:
    def __init__(self, text: str, lookup: Lookup) -> None:
        self._tokens = _tokens(text)
        self._next = next(self._tokens)
        self._lookup = lookup
        self._out: list[str] = []

    def run(self) -> str:
        wanted: tuple[str, ...] = ("VARIABLE", "RSTRING")
        while self._next.kind != "$end" or not self._out:
            token = self._take(*wanted)
            if token.kind == "RSTRING":
                self._out.append(token.text)
            else:
                self._variable(token.text)
            wanted = ("$end", "VARIABLE", "RSTRING")
        return "".join(self._out)

    def _take(self, *wanted: str) -> _Token:
        token = self._next
        if token.kind not in wanted:
            raise ExpansionError(
                f"syntax error, unexpected {token.kind}, expecting {' or '.join(wanted)} "
                f"at line 0, columns {token.first}:{token.last}"
            )
        if token.kind != "$end":
            self._next = next(self._tokens)
        return token

    def _variable(self, name: str) -> None:
        end = self._take("OBRACKET", "EOA")
        inner = key = value = ""
        if end.kind == "OBRACKET":
            inner = self._take("VARIABLE").text
            if self._take("COMMA", "CBRACKET").kind == "COMMA":
                key = self._take("VARIABLE").text
                self._take("EQUAL")
                value = self._take("STRING").text
                self._take("CBRACKET")
            end = self._take("EOA")
        self._out.append(self._lookup(name.upper(), inner.upper(), key.upper(), value))
        self._out.append(end.text)


def expand(text: str, lookup: Lookup) -> str:
    """Raises: ExpansionError. `lookup(name, inner, key, value)` serves
    `$NAME`, `$NAME[INNER]` and `$NAME[INNER, KEY="value"]`.
    """
    return _Parser(text, lookup).run() if text else ""


def expand_context(context: dict[str, str], lookup: Lookup) -> dict[str, str]:
    """All values at once, as oned does: packed into one line, expanded, unpacked.

    Raises: ValueError with oned's text, which holds the whole context.
    """
    packed = SEPARATOR.join(f"{name}={context[name]}" for name in sorted(context))
    try:
        parts = expand(packed, lookup).split(SEPARATOR)
    except ExpansionError as error:
        raise ValueError(f"Error parsing: {packed}. {error}") from None
    return dict(part.partition("=")[::2] for part in parts)
