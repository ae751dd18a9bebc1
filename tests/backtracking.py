"""Counts what Python's `re` has to do: the same search, in steps that do not depend on the machine.

Follows CPython's Modules/_sre: alternatives from left to right, repeats by backtracking. A step is
one character that is compared, or one end that is tried.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

Text = str | bytes
Then = Callable[[int], bool]
Matcher = Callable[[int, Then], bool]
Items = Sequence[tuple[Any, Any]]
One = Callable[[str], bool]

_CATEGORIES = {
    sre.CATEGORY_DIGIT: r"\d", sre.CATEGORY_NOT_DIGIT: r"\D", sre.CATEGORY_SPACE: r"\s",
    sre.CATEGORY_NOT_SPACE: r"\S", sre.CATEGORY_WORD: r"\w", sre.CATEGORY_NOT_WORD: r"\W",
}  # fmt: skip
_ONE = frozenset({sre.LITERAL, sre.NOT_LITERAL, sre.ANY, sre.IN})
_REPEATS = frozenset({sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT})


class TooManyError(Exception):
    """More steps than somebody was ready to wait for."""


class Expression:
    """A regular expression whose searches are counted.

    `widest` stands for every larger number of turns that is not "without end": whether a cost is
    bounded then shows in shorter texts.
    """

    def __init__(self, pattern: Text, flags: int = 0, *, widest: int = sre.MAXREPEAT) -> None:
        self._widest = widest
        self._real = re.compile(pattern, flags)
        self._flags = self._real.flags
        self._bytes = isinstance(pattern, bytes)
        self.items: Items = list(_parser.parse(pattern, flags))
        self._groups: dict[int, tuple[int, int]] = {}
        self.steps = 0
        self._most = 0
        self._subject = ""
        self._match = self._sequence(self.items, self._flags)

    @property
    def by_lines(self) -> bool:
        """Whether `^` and `$` are those of lines."""
        return bool(self._flags & re.MULTILINE)

    def run(self, how: str, subject: str, most: int = 10**9) -> tuple[int, int] | None:
        """Where the first match is. Counts in `steps`; raises TooManyError above `most`.

        `how` is the name of a function of `re`; those that go on after a match do so here.
        """
        self.steps, self._most, self._subject = 0, most, subject
        if how in ("match", "fullmatch"):
            return self._at(0, whole=how == "fullmatch")
        first: tuple[int, int] | None = None
        start = 0
        while start <= len(subject):
            found = self._at(start, whole=False)
            first = first or found
            if found and how == "search":
                break
            start = max(found[1], start + 1) if found else start + 1
        return first

    def cost(self, subject: str, how: str, most: int) -> int:
        """The steps of a search, up to `most`."""
        try:
            self.run(how, subject, most)
        except TooManyError:
            return most
        return self.steps

    def _at(self, start: int, *, whole: bool) -> tuple[int, int] | None:
        end: list[int] = []
        self._groups.clear()

        def accept(at: int) -> bool:
            if whole and at != len(self._subject):
                return False
            end.append(at)
            return True

        self._step()
        return (start, end[0]) if self._match(start, accept) else None

    def _step(self) -> None:
        self.steps += 1
        if self.steps > self._most:
            raise TooManyError

    # the parts of an expression

    def _sequence(self, items: Items, flags: int) -> Matcher:
        parts = [self._part(op, value, flags) for op, value in items]

        def match(at: int, then: Then) -> bool:
            def from_(number: int, at: int) -> bool:
                if number == len(parts):
                    return then(at)
                return parts[number](at, lambda end: from_(number + 1, end))

            return from_(0, at)

        return match

    def _part(self, op: Any, value: Any, flags: int) -> Matcher:  # noqa: PLR0911 - a table
        if op in _ONE:
            return self._character(self.one(op, value, flags))
        if op in _REPEATS:
            return self._repeat(op, value, flags)
        if op is sre.BRANCH:
            branches = [self._sequence(list(b), flags) for b in value[1]]
            return lambda at, then: any(branch(at, then) for branch in branches)
        if op is sre.SUBPATTERN:
            group, add, drop, inner = value
            return self._group(group, self._sequence(list(inner), (flags | add) & ~drop))
        if op is sre.ATOMIC_GROUP:
            return self._atomic(self._sequence(list(value), flags))
        if op in (sre.ASSERT, sre.ASSERT_NOT):
            return self._look(value, op is sre.ASSERT, flags)
        if op is sre.AT:
            return self._place(value, flags)
        if op is sre.GROUPREF:
            return self._reference(value)
        raise NotImplementedError(str(op))

    def one(self, op: Any, value: Any, flags: int | None = None) -> One:
        """Whether a character is one that this part takes."""
        flags = self._flags if flags is None else flags
        if op is sre.ANY:
            return (lambda _: True) if flags & re.DOTALL else (lambda char: char != "\n")
        if op is sre.NOT_LITERAL:
            return lambda char: not _same(char, value, flags)
        if op is sre.LITERAL:
            return lambda char: _same(char, value, flags)
        negated = value[0][0] is sre.NEGATE
        members = [self._member(op, inner, flags) for op, inner in value[negated:]]
        return lambda char: any(member(char) for member in members) is not negated

    def _member(self, op: Any, value: Any, flags: int) -> One:
        if op is sre.LITERAL:
            return lambda char: _same(char, value, flags)
        if op is sre.RANGE:
            low, high = value
            folds = (str.lower, str.upper) if flags & re.IGNORECASE else (str,)
            return lambda char: any(low <= ord(f(char)[0]) <= high for f in folds)
        said = re.compile(_CATEGORIES[value], re.ASCII if self._bytes else flags & re.ASCII)
        return lambda char: said.match(char) is not None

    def _character(self, one: One) -> Matcher:
        def match(at: int, then: Then) -> bool:
            self._step()
            return at < len(self._subject) and one(self._subject[at]) and then(at + 1)

        return match

    def _repeat(self, op: Any, value: Any, flags: int) -> Matcher:
        least, most, inner = value
        if most is not sre.MAXREPEAT:
            most = min(most, max(least, self._widest))
        items = list(inner)
        if len(items) == 1 and items[0][0] in _ONE:
            return self._run_of(op, least, int(most), self.one(items[0][0], items[0][1], flags))
        body = self._sequence(items, flags)
        if op is sre.POSSESSIVE_REPEAT:
            return self._atomic(self._many(body, least, int(most), greedy=True))
        return self._many(body, least, int(most), greedy=op is sre.MAX_REPEAT)

    def _run_of(self, op: Any, least: int, most: int, one: One) -> Matcher:
        def match(at: int, then: Then) -> bool:
            end, last = at, min(len(self._subject), at + most)
            if op is sre.MIN_REPEAT:
                while True:
                    self._step()
                    if end - at >= least and then(end):
                        return True
                    if end >= last or not one(self._subject[end]):
                        return False
                    end += 1
            while end < last and one(self._subject[end]):
                self._step()
                end += 1
            if op is sre.POSSESSIVE_REPEAT:
                return end - at >= least and then(end)
            for back in range(end, at + least - 1, -1):
                self._step()
                if then(back):
                    return True
            return False

        return match

    def _many(self, body: Matcher, least: int, most: int, *, greedy: bool) -> Matcher:
        def match(at: int, then: Then) -> bool:
            def turn(count: int, at: int, before: int) -> bool:
                self._step()
                if count >= least and at == before:  # an empty turn: no more of them
                    return then(at)
                if greedy and count < most and body(at, lambda end: turn(count + 1, end, at)):
                    return True
                if count >= least and then(at):
                    return True
                more = not greedy and count < most
                return more and body(at, lambda end: turn(count + 1, end, at))

            return turn(0, at, -1)

        return match

    def _group(self, group: int | None, body: Matcher) -> Matcher:
        if group is None:
            return body

        def match(at: int, then: Then) -> bool:
            def ended(end: int) -> bool:
                before = self._groups.get(group)
                self._groups[group] = (at, end)
                if then(end):
                    return True
                self._groups.pop(group)
                if before:
                    self._groups[group] = before
                return False

            return body(at, ended)

        return match

    def _atomic(self, body: Matcher) -> Matcher:
        def match(at: int, then: Then) -> bool:
            ends: list[int] = []

            def ended(end: int) -> bool:
                ends.append(end)
                return True

            return body(at, ended) and then(ends[0])

        return match

    def _look(self, value: Any, wanted: bool, flags: int) -> Matcher:
        direction, inner = value
        body = self._sequence(list(inner), flags)
        width = inner.getwidth()[0] if direction < 0 else 0

        def match(at: int, then: Then) -> bool:
            found = at >= width and body(at - width, lambda _end: True)
            return found is wanted and then(at)

        return match

    def _place(self, where: Any, flags: int) -> Matcher:
        written = {
            sre.AT_BEGINNING: "^", sre.AT_BEGINNING_STRING: r"\A", sre.AT_END: "$",
            sre.AT_END_STRING: r"\Z", sre.AT_BOUNDARY: r"\b", sre.AT_NON_BOUNDARY: r"\B",
        }[where]  # fmt: skip
        real = re.compile(written, flags & (re.MULTILINE | re.ASCII))

        def match(at: int, then: Then) -> bool:
            self._step()
            return real.match(self._subject, at) is not None and then(at)

        return match

    def _reference(self, group: int) -> Matcher:
        def match(at: int, then: Then) -> bool:
            if group not in self._groups:
                return False
            start, end = self._groups[group]
            self.steps += end - start
            self._step()
            same = self._subject.startswith(self._subject[start:end], at)
            return same and then(at + end - start)

        return match


def _same(char: str, value: int, flags: int) -> bool:
    if flags & re.IGNORECASE:
        return char.lower() == chr(value).lower()
    return ord(char) == value


# what an expression could find hard


END = "\x01\n"
"""What most expressions do not take: they have to look for another way."""


def pumped(expression: Expression) -> Iterator[tuple[str, str]]:
    """Beginnings and pieces to repeat: every way into a repeat, every kind of character."""
    starts, short, long = [], [*_alphabet(expression)], []
    for path in _paths(list(expression.items), expression):
        texts = [text for text, _ in path]
        starts += ["".join(texts[:i]) for i, (_, many) in enumerate(path) if many]
        short += texts
        long += ["".join(texts[:i]) for i in range(len(path) + 1)]
        long += ["".join(texts[i : i + 2]) for i in range(len(path))]
    long += short
    if expression.by_lines:
        long += [f"{piece}\n" for piece in long]
    yield from (("", piece) for piece in dict.fromkeys(filter(None, long)))
    for start in dict.fromkeys(filter(None, starts)):
        yield from ((start, piece) for piece in dict.fromkeys(filter(None, short)))


def _paths(items: Items, expression: Expression) -> Iterator[list[tuple[str, bool]]]:
    """A sample text of each item in order, and whether it may be repeated; one path a branch."""
    path: list[tuple[str, bool]] = []
    others: list[list[tuple[str, bool]]] = []
    for op, value in items:
        if op in _REPEATS:
            inner = list(value[2])
            inside = list(_paths(inner, expression))
            others += [[*path, *more] for more in inside if len(more) > 1 or len(inside) > 1]
            path.append(("".join(t for t, _ in inside[0]) * max(1, min(value[0], 4)), True))
        elif op is sre.SUBPATTERN or op is sre.ATOMIC_GROUP:
            inside = list(_paths(list(value[3] if op is sre.SUBPATTERN else value), expression))
            others += [[*path, *more] for more in inside[1:]]
            path += inside[0]
        elif op is sre.BRANCH:
            inside = [p for branch in value[1] for p in _paths(list(branch), expression)]
            others += [[*path, *more] for more in inside[1:]]
            path += inside[0]
        elif op in _ONE and path and not path[-1][1] and op is sre.LITERAL:
            path[-1] = (path[-1][0] + chr(value), False)
        elif op in _ONE:
            path.append((_member_of(expression, op, value), False))
    yield path
    yield from others


_CANDIDATES = "a0 \tA_-./:=\"'\\[](){}<>@#$%,;!&|*+?^~\n\r\x01é"


def _member_of(expression: Expression, op: Any, value: Any) -> str:
    if op is sre.LITERAL:
        return chr(value)
    one = expression.one(op, value)
    return next((char for char in (*_CANDIDATES, *map(chr, range(0x3000))) if one(char)), "")


def _alphabet(expression: Expression) -> Iterator[str]:
    """One character of each kind that the expression tells apart."""
    ones = [expression.one(op, value) for op, value in _characters(expression.items)]
    named = (chr(value) for op, value in _characters(expression.items) if op is sre.LITERAL)
    seen = set()
    for char in (*_CANDIDATES, *named):
        kind = (char == "\n", *(one(char) for one in ones))
        if kind not in seen:
            seen.add(kind)
            yield char


def _characters(items: Items) -> Iterator[tuple[Any, Any]]:
    for op, value in items:
        if op in _ONE:
            yield op, value
        elif op in _REPEATS:
            yield from _characters(list(value[2]))
        elif op is sre.SUBPATTERN:
            yield from _characters(list(value[3]))
        elif op is sre.BRANCH:
            for branch in value[1]:
                yield from _characters(list(branch))
        elif op in (sre.ASSERT, sre.ASSERT_NOT):
            yield from _characters(list(value[1]))
        elif op is sre.ATOMIC_GROUP:
            yield from _characters(list(value))


_FEW, _MORE, _MANY = 8, 16, 256
_TOO_MANY = 40_000
_LINEAR = 2.8
"""By how much twice the length may cost: linear is 2, quadratic 4."""


def hard(pattern: Text, flags: int, how: str) -> str | None:
    """A text that costs more than its length accounts for, in words; None where none was found."""
    expression = Expression(pattern, flags, widest=_FEW)
    if not _repeats(expression.items):
        return None
    ends = [END] if how in ("match", "fullmatch") else [END, " "]
    for start, piece in pumped(expression):
        for end in ends:
            if _steep(expression, how, start, piece, end):
                return f"{start!r}, then {piece!r} many times, then {end!r}"
    return None


def _steep(expression: Expression, how: str, start: str, piece: str, end: str) -> bool:
    def steps(count: int, most: int) -> int:
        return expression.cost(start + piece * count + end, how, most)

    if steps(_MORE, _TOO_MANY) <= _LINEAR * steps(_FEW, _TOO_MANY) < _TOO_MANY:
        return False
    # What looks steep in short texts may be bounded: {1,64} is quadratic up to there only.
    half = steps(_MANY // 2, _TOO_MANY)
    most = int(_LINEAR * half) + 1
    return half >= _TOO_MANY or steps(_MANY, most) >= most


def _repeats(items: Items) -> bool:
    """Whether anything may come more often than a few times."""
    for op, value in items:
        if op in _REPEATS and (value[1] > _FEW or _repeats(list(value[2]))):
            return True
        parts = (
            [value[3]] if op is sre.SUBPATTERN
            else value[1] if op is sre.BRANCH
            else [value] if op is sre.ATOMIC_GROUP
            else []
        )  # fmt: skip
        if any(_repeats(list(part)) for part in parts):
            return True
    return False
