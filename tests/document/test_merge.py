from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2ct.document.merge import is_removal, merge
from b2ct.document.tree import Node
from tests.document.trees import NAMES, as_yaml, plain, read, values

# (below, above, what it comes to)
MERGED = [
    ("a: 1", "b: 2", {"a": "1", "b": "2"}),
    ("a: 1", "a: 2", {"a": "2"}),
    ("a: {x: 1, y: 2}", "a: {y: 3}", {"a": {"x": "1", "y": "3"}}),
    ("a: [x, y]", "a: [z]", {"a": ["x", "y", "z"]}),
    ("a: [x, y]", "a: [y, z]", {"a": ["x", "y", "z"]}),
    ("a: [x, y]", "a: [-x]", {"a": ["y"]}),
    ("a: [x, y]", "a: [-x, x]", {"a": ["y", "x"]}),
    ("a: [x, y]", "a: ['-*', z]", {"a": ["z"]}),
    ("a: [{k: 1}, {k: 2}]", "a: [-1, {k: 2}, {k: 3}]", {"a": [{"k": "2"}, {"k": "3"}]}),
    ("a: {x: 1, y: 2}", "a: {-x: }", {"a": {"y": "2"}}),
    ("a: {x: 1, y: 2}", "a: {'-*': , z: 3}", {"a": {"z": "3"}}),
    ("a: {x: {u: 1}}", "a: {-x: , x: {v: 2}}", {"a": {"x": {"v": "2"}}}),
    ("a: 1", "a:", {"a": "1"}),
    ("a: [x]", "a: 1", {"a": "1"}),
    ("a: 1", "a: [x]", {"a": ["x"]}),
    ("a: {x: 1}", "a: [x]", {"a": ["x"]}),
    ("a: {x: 1}", "b:", {"a": {"x": "1"}, "b": None}),
    # What looks like a removal and has a value is a key, which the model then refuses.
    ("a: {x: 1}", "a: {-x: 2}", {"a": {"x": "1", "-x": "2"}}),
    ("a: [[x], [y]]", "a: [[x], ['-x']]", {"a": [["x"], ["y"], []]}),
]


@pytest.mark.parametrize(("base", "over", "result"), MERGED)
def test_what_it_comes_to(base: str, over: str, result: Any) -> None:
    merged, faults = merge(read(base), read(over))
    assert plain(merged) == result
    if result != {"a": [["x"], ["y"], []]}:
        assert not faults


@pytest.mark.parametrize(
    ("over", "place", "message", "hint"),
    [
        (
            "a: [\n -tmuk]",
            (2, 2),
            'a: "-tmuk": there is no "tmuk" to take out',
            "did you mean -tmux?",
        ),
        ("a: [-vim, -vim]", (1, 11), 'there is no "vim" to take out', "--sources"),
        ("b: {-c: }", (1, 5), 'b: "-c": there is no "c" to take out', "--sources"),
        ("-zz:", (1, 1), '"-zz": there is no "zz" to take out', "--sources"),
    ],
)
def test_nothing_to_take_out(over: str, place: tuple[int, int], message: str, hint: str) -> None:
    _, [fault] = merge(read("a: [tmux, vim]"), read(over))
    assert (fault.mark.line, fault.mark.column) == place
    assert message in fault.message
    assert hint in fault.hint


def test_values_know_the_file_that_they_came_from() -> None:
    merged, _ = merge(
        read("a: {x: 1, y: 2}\nl: [p]", Path("base")), read("\na: {y: 3}\nl: [q]", Path("over"))
    )
    assert {path: (str(node.mark.file), node.mark.line) for path, node in leaves(merged)} == {
        "a.x": ("base", 1),
        "a.y": ("over", 2),
        "l.0": ("base", 2),
        "l.1": ("over", 3),
    }


def leaves(node: Node | None, path: str = "") -> Iterator[tuple[str, Node]]:
    assert node is not None
    dot = "." if path else ""
    if isinstance(node.value, Mapping):
        for key, entry in node.value.items():
            yield from leaves(entry.value, f"{path}{dot}{key}")
    elif isinstance(node.value, tuple):
        for index, item in enumerate(node.value):
            yield from leaves(item, f"{path}{dot}{index}")
    else:
        yield path, node


def test_an_empty_file_changes_nothing() -> None:
    base = read("a: 1")
    assert merge(base, None) == (base, [])
    assert merge(None, None) == (None, [])
    assert plain(merge(None, base)[0]) == {"a": "1"}


WORDS = st.sampled_from(("a", "b", "c", "d", "no", "7"))
FILES = st.dictionaries(NAMES, values(WORDS), max_size=4)


def merged(*files: Any) -> Any:
    tree: Node | None = None
    for file in files:
        tree, faults = merge(tree, read(as_yaml(file)))
        assert not faults
    return plain(tree)


@given(FILES)
def test_once_is_as_good_as_twice(file: Any) -> None:
    once = merged(file)
    assert merged(file, file) == once
    assert merged({}, file, {}) == once


@given(FILES, FILES, FILES)
def test_it_does_not_matter_where_files_are_put_together(one: Any, two: Any, three: Any) -> None:
    """So that a part may itself extend parts. It holds where nothing changes its kind."""
    if not (alike(one, two) and alike(two, three) and alike(one, three)):
        return
    assert merged(merged(one, two), three) == merged(one, merged(two, three))


def alike(one: Any, two: Any) -> bool:
    if isinstance(one, dict) and isinstance(two, dict):
        return all(alike(one[key], two[key]) for key in one.keys() & two.keys())
    return type(one) is type(two)


@given(FILES, FILES)
def test_the_last_word_is_there_and_nothing_is_invented(one: Any, two: Any) -> None:
    tree, _ = merge(read(as_yaml(one), Path("one")), read(as_yaml(two), Path("two")))
    texts = {"one": set(words(one)), "two": set(words(two))}
    for _, node in leaves(tree):
        if isinstance(node.value, str):
            assert node.value in texts[str(node.mark.file)]
    found = plain(tree)
    for key, value in two.items():
        if isinstance(value, str):
            assert found[key] == value
        elif isinstance(value, list) and all(isinstance(item, str) for item in value):
            assert all(item in found[key] for item in value)


def words(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from words(item)
    elif isinstance(value, list):
        for item in value:
            yield from words(item)
    else:
        yield value


@given(st.lists(WORDS, unique=True), st.lists(WORDS, unique=True))
def test_what_was_added_can_be_taken_out(base: list[str], more: list[str]) -> None:
    new = [word for word in more if word not in base]
    assert merged({"a": base}, {"a": new}, {"a": [f"-{word}" for word in new]}) == {"a": base}


@given(values())
def test_any_tree_is_merged_or_told(value: Any) -> None:
    tree = read(as_yaml({"a": value}))
    result, faults = merge(tree, tree)
    assert result is not None
    assert all(fault.message.isprintable() for fault in faults)


def test_removals() -> None:
    assert is_removal("-a")
    assert not is_removal("-")
    assert not is_removal("a-")
