from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from b2ct.document import tree
from b2ct.document.tree import Node, parse


def plain(node: Node | None) -> Any:
    if node is None or node.value is None or isinstance(node.value, str):
        return None if node is None else node.value
    if isinstance(node.value, Mapping):
        return {key: plain(entry.value) for key, entry in node.value.items()}
    return [plain(item) for item in node.value]


@pytest.mark.parametrize(
    "word",
    [
        "10:20:30:40:50:59",
        "no",
        "yes",
        "on",
        "off",
        "007",
        "0x1f",
        "1e3",
        ".inf",
        "2024-01-01",
        "6.10",
        "true",
        "1_000",
        "=",
        "0o7",
    ],
)
def test_a_plain_scalar_stays_what_was_typed(word: str) -> None:
    assert plain(parse(f"a: {word}\n{word}: [{word}]")[0]) == {"a": word, word: [word]}


@pytest.mark.parametrize("word", ["", "~", "null", "Null", "NULL"])
def test_only_these_are_none(word: str) -> None:
    assert plain(parse(f"a: {word}\nb: '{word}'")[0]) == {"a": None, "b": word}


def test_every_value_knows_its_place() -> None:
    root, faults = parse("a:\n  - b: x\n    c: 'y'\n")
    assert not faults
    assert root is not None
    assert isinstance(root.value, Mapping)
    items = root.value["a"].value.value
    assert isinstance(items, tuple)
    inner = items[0].value
    assert isinstance(inner, Mapping)
    assert (inner["c"].mark, inner["c"].value.mark) == (tree.Mark(3, 5), tree.Mark(3, 8))


def test_aliases_stand_for_their_values() -> None:
    root, faults = parse("a: &x {b: [1, 2]}\nc: *x\nd: &y z\ne: *y")
    assert not faults
    assert plain(root) == {"a": {"b": ["1", "2"]}, "c": {"b": ["1", "2"]}, "d": "z", "e": "z"}
    assert root is not None
    # The root; of a and c the key, mapping, its key, list and two texts each; d and e.
    assert root.size == 1 + 2 * 6 + 2 * 2


LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10)
)
FAULTS = {
    "billion laughs": (LAUGHS, 6, "more than 200000 values"),
    "many values": ("a: [" + "x," * 220_000 + "]", 1, "more than 200000 values"),
    "cycle of a list": ("a: &a [*a]", 1, "refers to the value that it is a part of"),
    "cycle through a mapping": ("a: &a\n  b:\n    - *a", 3, "that it is a part of"),
    "deep lists": ("[" * 500_000, 1, "nested deeper"),
    "deep mappings": ("{a: " * 100_000, 1, "nested deeper"),
    "deep blocks": ("".join(" " * i + "a:\n" for i in range(1000)), 33, "nested deeper"),
    "deep dashes": ("- " * 200_000, 1, "nested deeper"),
    "two documents": ("a: 1\n---\nb: 2", 2, "a second document begins here"),
    "duplicate key": ("a: 1\nb: 2\na: 3", 3, 'the key "a" stands here twice: it is already on'),
    "list as key": ("[a]: 1", 1, "a key must be a name"),
    "nothing as key": ("~: 1", 1, "a key must be a name"),
    "merge key": ("a: &x {b: 1}\nc:\n  <<: *x\n", 3, "merge keys"),
    "python tag": ("a: !!python/object/apply:os.system [x]", 1, "YAML tags"),
    "standard tag": ("a:\n  !!str 1", 2, "YAML tags"),
    "tag of a mapping": ("a: !x {b: 1}", 1, "YAML tags"),
    "unknown alias": ("a: *b", 1, "an anchor ('&name') that does not come before it"),
    "tab before a key": ("a:\n\tb: 1", 2, "a tab: expected spaces"),
    "NUL": ("a: 1\nb: \0", 2, "U+0000 cannot stand in a text file"),
    "escape code": ("a: \x1b[31m", 1, "U+001B cannot stand"),
    "open quote": ("a: 1\nb: 'x\nc: 1", 2, "a quote that is never closed"),
    "open bracket": ("a: [1, 2\nb: 3", 1, "a bracket or brace that is never closed"),
    "two colons": ("a: b: c", 1, "a ':' where no value can begin"),
    "no colon": ("a: 1\nfoo\nb: 2", 3, "a line without ':' among keys"),
    "odd indentation": ("a:\n  b: 1\n c: 2", 3, "expected a key or the end of the group"),
    "at sign": ("a: @x", 1, "a value cannot begin with this character"),
    "version of YAML": ("%YAML 3.0\n---\na: 1", 1, "not YAML"),
    "character beyond Unicode": ('a: "\\U00110000"', 1, "escape"),
}


@pytest.mark.parametrize("parser", ["libyaml", "python"])
@pytest.mark.parametrize("name", FAULTS)
def test_faults(name: str, parser: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By both of PyYAML's parsers, where the second can take part (it is far slower)."""
    text, line, message = FAULTS[name]
    if parser == "python":
        if len(text) > 100_000 or name in {"no colon", "version of YAML"}:
            text, line, message = "[" * 3000, 1, "nested deeper"
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    _, faults = parse(text)
    assert [fault for fault in faults if message in fault.message], faults
    assert next(f for f in faults if message in f.message).mark.line == line


def test_several_faults_are_told_at_once() -> None:
    _, faults = parse("a: !x 1\na: 2\n~: 3\nb: *c\n<<: 1")
    assert [fault.mark.line for fault in faults] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "text",
    [
        "secrets: {hunter2: a, hunter2: b}",
        "a: !hunter2 x",
        "a: *hunter2",
        "secrets:\n  root_password: 'hunter2\n",
        "secrets:\n  root_password: hunter2: x\n",
        "secrets:\n  root_password: %hunter2\n",
        "%TAG !hunter2\n---\na",
    ],
)
@pytest.mark.parametrize("parser", ["libyaml", "python"])
def test_no_fault_shows_what_may_be_a_secret(
    text: str, parser: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if parser == "python":
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    _, faults = parse(text)
    assert faults
    assert "hunter2" not in str(faults)


YAML_ISH = st.text(
    st.sampled_from(list("ab01 \n\t:-,[]{}&*!|>'\"%@`#?~<.\\=\x85\ufeffé\U0001f600"))
)


@given(YAML_ISH | st.text(max_size=50))
def test_any_text_gives_a_tree_or_faults(text: str) -> None:
    root, faults = parse(text)
    assert all(fault.mark.line > 0 and fault.mark.column > 0 for fault in faults)
    assert all(len(fault.message.splitlines()) == 1 for fault in faults)
    if not faults and root is not None:
        # What is left means what PyYAML's own composer says it means.
        assert plain(root) == _composed(yaml.compose(text, Loader=_LOADER))


_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def _composed(node: yaml.Node | None) -> Any:
    if isinstance(node, yaml.MappingNode):
        return {key.value: _composed(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_composed(item) for item in node.value]
    assert isinstance(node, yaml.ScalarNode)
    is_null = not node.style and node.value in {"", "~", "null", "Null", "NULL"}
    return None if is_null else node.value
