"""A tree as YAML that reads back as the same tree, with a comment at each value if wanted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping

from b2ct.document import tree
from b2ct.document.tree import Mark, Node

Note = Callable[[Mark], str]
"""What is said beside a value that stands at a mark; empty for nothing."""

# Texts that need no quotes: narrower than YAML's own rule, which depends on where they stand.
_WORD = r"[A-Za-z0-9_/.(][A-Za-z0-9_/.:@+=,()*%&?~-]*"
_PLAIN = re.compile(f"{_WORD}( {_WORD})*")
_NOT_IN_A_BLOCK = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]"
)


def text(root: Node, note: Note = lambda _mark: "") -> str:
    """The YAML of a tree whose root is a mapping."""
    if not isinstance(root.value, Mapping):
        return f"{_scalar(root)}\n"
    return "".join(f"{line}\n" for line in _lines(root, "", note)) or "{}\n"


def _lines(node: Node, indent: str, note: Note) -> Iterator[str]:
    if isinstance(node.value, Mapping):
        for key, entry in node.value.items():
            yield from _value(f"{indent}{_quoted(key)}:", entry.value, indent + "  ", note)
    elif isinstance(node.value, tuple):
        for item in node.value:
            yield from _item(item, indent, note)


def _value(head: str, node: Node, indent: str, note: Note) -> Iterator[str]:
    """`key:` or `-`, and what belongs to it."""
    if not isinstance(node.value, str) and node.value:
        yield head
        yield from _lines(node, indent, note)
        return
    said = note(node.mark)
    comment = f"  # {said}" if said else ""
    if isinstance(node.value, str) and _is_block(node.value):
        yield f"{head} |{comment}"
        for line in node.value[:-1].split("\n"):
            yield f"{indent}{line}" if line else ""
        return
    yield f"{head} {_scalar(node)}{comment}".rstrip()


def _item(node: Node, indent: str, note: Note) -> Iterator[str]:
    """An entry of a list: the first line of one with keys stands beside its dash."""
    if isinstance(node.value, Mapping) and node.value:
        first, *rest = _lines(node, indent + "  ", note)
        yield f"{indent}- {first[len(indent) + 2 :]}"
        yield from rest
        return
    yield from _value(f"{indent}-", node, indent + "  ", note)


def _scalar(node: Node) -> str:
    if isinstance(node.value, str):
        return _quoted(node.value)
    if node.value is None:
        return "~"
    return "{}" if isinstance(node.value, Mapping) else "[]"


def _quoted(value: str) -> str:
    """Plain where that is the same, else in double quotes (of which JSON's are a part)."""
    fits = _PLAIN.fullmatch(value) and ": " not in f"{value} " and not value.startswith("...")
    if fits and value not in tree.NULL:
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return "".join(char if char.isprintable() else _escaped(ord(char)) for char in quoted)


def _escaped(code: int) -> str:
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _is_block(value: str) -> bool:
    """Whether a literal block gives it back as it is: several lines, the last one ended."""
    return (
        value.count("\n") > 1
        and value.endswith("\n")
        and not value.endswith("\n\n")
        and not value.startswith((" ", "\n", "\t"))
        and _NOT_IN_A_BLOCK.search(value) is None
    )
