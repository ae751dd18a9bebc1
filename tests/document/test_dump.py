from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2ct.document import dump
from tests.document.trees import NAMES, as_yaml, plain, read, values

TEXTS = st.text(
    st.sampled_from("ab \n\t'\":#-&*!|>{}[],%@`~?\\\u00e9\u2028\x85\U0001f600"), max_size=12
)


@given(st.dictionaries(NAMES | TEXTS, values() | values(TEXTS), max_size=4))
def test_it_reads_back(value: Any) -> None:
    tree = read(as_yaml(value))
    assert plain(read(dump.text(tree))) == plain(tree) == value


@given(st.dictionaries(NAMES, values(TEXTS), max_size=3))
def test_comments_change_nothing(value: Any) -> None:
    tree = read(as_yaml(value), Path("x.yaml"))
    text = dump.text(tree, lambda mark: f"{mark.file}:{mark.line}")
    assert plain(read(text)) == value


def test_it_is_what_a_person_would_write() -> None:
    text = (
        "extends: base\n"
        "packages:\n"
        "  - tmux\n"
        "  - '@group'\n"
        "keys:\n"
        "  - file: /a.gpg\n"
        "    url: https://x.org/k?a=b&c=d\n"
        "motd: |\n"
        "  Hello,\n"
        "\n"
        "    world: 1\n"
        "empty: []\n"
        "nothing: ~\n"
        "'': {}\n"
    )
    wanted = text.replace("'", '"')
    assert dump.text(read(text)) == wanted


def test_where_it_came_from() -> None:
    tree = read("a:\n  - x\n  - |\n    1\n    2\n", Path("f.yaml"))
    text = dump.text(tree, lambda mark: f"{mark.file}:{mark.line}")
    assert text == "a:\n  - x  # f.yaml:2\n  - |  # f.yaml:3\n    1\n    2\n"


@pytest.mark.parametrize("text", ["x", "[]", "{}"])
def test_roots(text: str) -> None:
    assert plain(read(dump.text(read(text)))) == plain(read(text))
