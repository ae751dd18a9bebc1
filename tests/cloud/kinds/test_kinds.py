"""What holds for every kind, and that nobody but a kind's own file knows it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import b2ct
from b2ct.cloud.kinds import KINDS, named

PACKAGE = Path(b2ct.__file__).parent
FOLDER = PACKAGE / "cloud" / "kinds"


def test_every_file_is_a_kind_and_every_kind_is_there() -> None:
    files = {path.stem for path in FOLDER.glob("*.py")} - {"__init__", "kind"}
    assert {type(kind).__module__.rpartition(".")[2] for kind in KINDS} == files
    assert [named(kind.name) for kind in KINDS] == list(KINDS)


def test_the_order_is_never_left_to_chance() -> None:
    for order in ("made", "deleted"):
        assert len({getattr(kind, order) for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize("name", ["plan", "apply", "compare", "view", "live", "desired", "steps"])
def test_plan_and_apply_know_no_kind(name: str) -> None:
    """No text of theirs is the name of one, and they import none."""
    tree = ast.parse((PACKAGE / "cloud" / f"{name}.py").read_text())
    texts = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)}
    assert texts & {kind.name for kind in KINDS} == set()
    modules = {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    known = {"b2ct.cloud.kinds", "b2ct.cloud.kinds.kind"}
    assert {m for m in modules if m.startswith("b2ct.cloud.kinds")} <= known


def test_a_name_of_several_words_stands_once() -> None:
    """In the client, where the server's words are; the double has its own."""
    files = [path for path in PACKAGE.rglob("*.py") if '"security group"' in path.read_text()]
    found = {str(path.relative_to(PACKAGE)) for path in files}
    assert found == {"one/kinds.py", "rehearsal/oned/errors.py"}
