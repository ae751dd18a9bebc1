"""Every regular expression of the package takes time that grows as its text does, no faster.

Whoever sends the text, a client or a mirror or a log of another machine, must not decide how long
we think about it. Steps are counted (tests/backtracking.py), so that no clock decides.
"""

from __future__ import annotations

import ast
import fnmatch
import importlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.backtracking import Expression, Text, hard

PACKAGE = Path(__file__).parents[1] / "b2ct"
FLAGS_AT = {
    "compile": 1, "match": 2, "search": 2, "fullmatch": 2, "findall": 2, "finditer": 2, "split": 3,
    "sub": 4, "subn": 4,
}  # fmt: skip
"""The functions of `re`, and where each takes its flags."""


@dataclass(frozen=True)
class Use:
    """An expression in the sources, and the function of `re` that uses it."""

    where: str
    pattern: Text
    flags: int
    how: str


@dataclass(frozen=True)
class Module:
    """A module that uses `re`."""

    name: str
    source: str
    tree: ast.Module

    def value(self, expression: ast.expr) -> Any:
        """What an expression means at the module's top level. Raises NameError."""
        code = compile(ast.Expression(expression), self.name, "eval")
        return eval(code, dict(vars(importlib.import_module(self.name))))

    def calls(self, *functions: str) -> Iterator[ast.Call]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in functions:
                yield node


@cache
def modules() -> tuple[Module, ...]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.parent == PACKAGE / "rehearsal" / "oned":
            continue  # oned's own grammar; the double hears only who started it
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        source = path.read_text()
        if re.search(r"\bre\.|Matching\(|failures\(", source):
            found.append(Module(name.removesuffix(".__init__"), source, ast.parse(source)))
    return tuple(found)


def _rows(name: str, module: str, column: Any) -> list[str]:
    return [column(row) for row in getattr(importlib.import_module(module), name)]


def _distributions() -> list[str]:
    return _rows("_DISTRIBUTIONS", "b2ct.media.installer", lambda row: row[1])


MADE: dict[tuple[str, str], list[Any]] = {
    ("b2ct.document.schema", "pattern"): [],  # on three numbers of ours
    ("b2ct.document.types", "self.pattern"): [],  # each Matching, below
    ("b2ct.firmware.console", "pattern"): [],  # each row of failures(), below
    ("b2ct.image.build", "f'(?<![\\\\w.+-]){re.escape(package)}(?![\\\\w.+-])'"): [
        r"(?<![\w.+-])cvmfs\-libs(?![\w.+-])"
    ],
    ("b2ct.image.rootfs.apt", "'|'.join(map(fnmatch.translate, patterns)) or '(?!)'"): [
        "|".join(map(fnmatch.translate, ["/usr/share/doc/*", "/usr/share/locale/*/*.mo"]))
    ],
    ("b2ct.image.rootfs.aptstate", "b'^%s:([ -~]+)$' % field"): [rb"^Codename:([ -~]+)$"],
    ("b2ct.media.bootcfg", "pattern"): [
        r"(?i)\s*menu\s+(?:label|title)\s+(.+)",
        r"""\s*menuentry\s+["']([^"']+)["']""",
    ],
    ("b2ct.supply.checksums", "alias"): [r"Rocky[-.]([0-9][0-9.]*)\-x86_64\-dvd\.iso"],
    ("b2ct.media.installer", "pattern"): _distributions(),
    ("b2ct.rehearsal.installer.kernel", "f'^[ \\\\t]*Depends: ({re.escape(prefix)}\\\\S+)'"): [
        r"(?m)^[ \t]*Depends: (linux-image-\S+)"
    ],
    ("b2ct.media.remaster", "line"): [
        rb"(?m)^[ \t]*images/install\.img[ \t]*[=:][ \t]*(\w+):([0-9a-f]+)\s*?$"
    ],
    ("b2ct.one.faults", "pattern"): [
        *_rows("IMAGE_ERRORS", "b2ct.one.faults", lambda row: row[0]),
        *_rows("VM_ERRORS", "b2ct.one.faults", lambda row: row[0]),
    ],
    ("b2ct.one.refusals", "rule.text"): [],  # on what `scrub` has cut to 300 characters
    ("b2ct.site.crosscheck.known", "pattern"): _rows(
        "_TAKEN", "b2ct.site.crosscheck.known", lambda row: row[0]
    ),
    ("b2ct.validate.facts.logins", "cause.said"): _rows(
        "CAUSES", "b2ct.validate.facts.logins", lambda cause: cause.said
    ),
    ("b2ct.ssh.refused", "pattern"): _rows("_WORDS", "b2ct.ssh.refused", lambda row: row[0]),
    ("b2ct.ssh.shell", "re.escape(mark.encode()) + b'(\\\\d+);'"): [rb"b2ct\-5f3a(\d+);"],
    ("b2ct.ssh.shell", "re.escape(mark.encode()) + b';'"): [rb"b2ct\-5f3a;"],
}
"""Expressions that are made while the program runs: module, how they are made, and samples."""


def uses() -> Iterator[Use]:
    """All of them, written out, from tables, and samples of those that are made."""
    for module in modules():
        for call in module.calls(*(f"re.{name}" for name in FLAGS_AT)):
            yield from _of(module, call)
        for call in module.calls("Matching"):
            yield Use(module.name, module.value(call.args[0]), 0, "fullmatch")
        for call in module.calls("failures"):
            for row in filter(lambda arg: isinstance(arg, ast.Tuple), call.args):
                yield Use(module.name, module.value(row)[0], 0, "search")


def _of(module: Module, call: ast.Call) -> Iterator[Use]:
    function = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    where = f"{module.name}:{call.lineno}"
    flags = _flags(module, call, function)
    try:
        patterns = [module.value(call.args[0])]
    except NameError:
        made = (module.name, ast.unparse(call.args[0]))
        assert made in MADE, f"{where} makes an expression: give samples in MADE for {made}"
        patterns = MADE[made]
    for pattern in patterns:
        for how in _methods(module, call) if function == "compile" else (function,):
            yield Use(where, pattern, flags, how)


def _flags(module: Module, call: ast.Call, function: str) -> int:
    at = FLAGS_AT[function]
    given = call.args[at : at + 1] + [k.value for k in call.keywords if k.arg == "flags"]
    return int(module.value(given[0])) if given else 0


MATCHED_ELSEWHERE = {"b2ct.one.text"}
"""Modules whose compiled expressions all go through one function that calls `match`."""


def _methods(module: Module, call: ast.Call) -> list[str]:
    """How a compiled expression is used; `search`, which is the hardest, where it is not seen."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Assign) and node.value is call:
            name = ast.unparse(node.targets[0]).rpartition(".")[2]
            methods = "|".join(FLAGS_AT)
            if found := set(re.findall(rf"\b{name}\.({methods})\b", module.source)):
                return sorted(found)
    return ["match" if module.name in MATCHED_ELSEWHERE else "search"]


@pytest.fixture(autouse=True)
def _deep() -> Iterator[None]:
    """Each turn of a group is some calls deep."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    yield
    sys.setrecursionlimit(before)


def test_no_expression_of_the_package_is_hard() -> None:
    found = {
        f"{use.where} {use.how} {use.pattern!r}": text
        for use in dict.fromkeys(uses())
        if (text := hard(use.pattern, use.flags, use.how))
    }
    assert not found, "these take more than linear time, for the text that is told"


def test_expressions_that_are_made_are_all_still_there() -> None:
    there = {
        (module.name, ast.unparse(call.args[0]))
        for module in modules()
        for call in module.calls(*(f"re.{name}" for name in FLAGS_AT))
    }
    assert MADE.keys() <= there


OLD_HEADER = rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}):[ \t]*([\x20-\x7e\x80-\xff\t]*?)[ \t]*"


@pytest.mark.parametrize(
    ("pattern", "how"),
    [
        (OLD_HEADER, "fullmatch"), (r"a*b", "search"), (r"(a*)*b", "match"), (r"^\s*a", "search"),
        (r'Command ".*?" failed:', "sub"), (r"x\s*\n\s*y", "match"), (r"\w*PASS\w*=", "search"),
        (r"(a|aa)+b", "match"), (r"scriptlet in .*?(\S+)$", "search"), (r"\d+\w*!", "match"),
    ],
)  # fmt: skip
def test_hard_ones_are_recognised(pattern: Text, how: str) -> None:
    assert hard(pattern, re.MULTILINE, how)


@pytest.mark.parametrize(
    ("pattern", "how"),
    [(r"a*b", "match"), (r"(a|b)*c", "match"), (r"[a-z]{1,64}:", "search"), (r'"[^"]*"', "match")],
)
def test_easy_ones_are_too(pattern: str, how: str) -> None:
    assert hard(pattern, 0, how) is None


PIECES = st.sampled_from(
    ["a", "b", r"\s", r"\d", "[a-c]", "[^b]", ".", "a*", "b+?", "(?:a|bb)*", "(ab)?", "^", "$",
     r"\b", "(?=a)", "(?<!b)", "[ab]{1,3}", "(?>a*)", "(a)(?:b|c)"]
)  # fmt: skip


@given(
    st.lists(PIECES, min_size=1, max_size=5).map("".join), st.text("abc 1\n", max_size=12),
    st.sampled_from([0, re.MULTILINE, re.DOTALL, re.IGNORECASE]),
    st.sampled_from(["match", "fullmatch", "search"]),
)  # fmt: skip
def test_the_steps_are_those_of_the_same_search(
    pattern: str, subject: str, flags: int, how: str
) -> None:
    """What is counted finds what `re` finds."""
    real = getattr(re.compile(pattern, flags), how)(subject)
    assert Expression(pattern, flags).run(how, subject) == (real.span() if real else None)
