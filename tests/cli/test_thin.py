"""The verbs are thin: what they share is said once, and none uses another."""

from __future__ import annotations

from pathlib import Path

import pytest

import b2ct.cli

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
