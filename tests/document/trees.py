"""Trees as text, and as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from b2ct.document.tree import Node, parse

# Words that YAML or this loader may take for something else.
WORDS = st.sampled_from(
    (
        "a",
        "b",
        "c",
        "no",
        "7",
        "6.10",
        "true",
        "x y",
        "a: b",
        "# x",
        "- x",
        "null",
        "~",
        "",
        "'",
        '"',
    )
) | st.text(
    st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\ufeff\ufffe\uffff"),
    max_size=12,
)
NAMES = st.sampled_from(("a", "b", "c", "packages", "10:20", "no", "x y"))


def values(words: st.SearchStrategy[str] = WORDS) -> st.SearchStrategy[Any]:
    """Text, lists and mappings, as a person might nest them."""
    return st.recursive(
        words,
        lambda below: st.lists(below, max_size=4) | st.dictionaries(NAMES, below, max_size=4),
        max_leaves=12,
    )


def as_yaml(value: Any) -> str:
    """Every text quoted, so that it is read as it is."""
    return yaml.dump(value, default_style='"', allow_unicode=False, sort_keys=False)


def read(text: str, file: Path | None = None) -> Node:
    root, faults = parse(text, file)
    assert not faults, faults
    assert root is not None
    return root


def plain(node: Node | None) -> Any:
    if node is None or node.value is None or isinstance(node.value, str):
        return None if node is None else node.value
    if isinstance(node.value, Mapping):
        return {key: plain(entry.value) for key, entry in node.value.items()}
    return [plain(item) for item in node.value]
