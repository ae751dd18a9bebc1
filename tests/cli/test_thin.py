"""The verbs are thin: what they share is said once, and none uses another."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import b2ct.cli
from b2ct.cli.lazy import Verbs
from b2ct.cli.main import VERBS

MODULES = {path.name: path.read_text() for path in Path(b2ct.cli.__file__).parent.glob("*.py")}


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('"--json"', "options.py"),
        ('"--site",', "options.py"),
        ("json.dumps", "show.py"),
        ("there is no site.yaml here: nothing says", "options.py"),
    ],
)
def test_it_is_said_once(text: str, where: str) -> None:
    assert {name: found for name in MODULES if (found := MODULES[name].count(text))} == {where: 1}


def _modules_of_verbs(verbs: Verbs = VERBS) -> Iterator[str]:
    """Each module that has a verb, those of groups of verbs too."""
    for module in {module for module, _, _ in verbs.values()}:
        yield module
        inner: Verbs = getattr(importlib.import_module(f"b2ct.cli.{module}"), "VERBS", {})
        if inner and inner is not verbs:
            yield from _modules_of_verbs(
                {name: row for name, row in inner.items() if row[0] != module}
            )


@pytest.mark.parametrize("module", sorted(set(_modules_of_verbs())))
def test_no_verb_uses_another(module: str) -> None:
    others = {f"b2ct.cli.{one}" for one in _modules_of_verbs() if one != module}
    used = set()
    for node in ast.walk(ast.parse(MODULES[f"{module}.py"])):
        if isinstance(node, ast.Import):
            used |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            used |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    assert used & others == set()
