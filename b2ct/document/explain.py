"""Pydantic's findings in the words of the person who wrote the file: one finding a value."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from b2ct.document import redact, shape
from b2ct.document.finding import Finding, did_you_mean, duration, either, size
from b2ct.document.model import Model
from b2ct.document.redact import Path
from b2ct.document.shape import Spot
from b2ct.document.tree import Node
from b2ct.document.types import DURATION_PATTERN, UNKNOWN_CHOICE

MOST_KEYS = 16
"""Known keys that a hint lists."""


@dataclass(frozen=True)
class _Expectation:
    """What one error of pydantic expected: a value of `expected`, or a whole `message`.

    `unknown` is the key as it may be shown, if it is the key that was not expected.
    """

    expected: str = ""
    message: str = ""
    hint: str = ""
    unknown: str = ""


@dataclass(frozen=True)
class _File:
    """The tree of the file (what was written, which pydantic may have changed) and its model."""

    root: Node | None
    model: type[BaseModel]


def findings(
    errors: Sequence[ErrorDetails], root: Node | None, model: type[BaseModel]
) -> list[Finding]:
    """One finding for each value that pydantic refused, in the order of its errors.

    `root` is the tree of the file that was to become a `model`.
    """
    file = _File(root, model)
    grouped: dict[tuple[Path, bool], list[tuple[Spot, ErrorDetails]]] = {}
    for error in errors:
        spot = shape.locate(root, error["loc"], model)
        grouped.setdefault((spot.path, spot.is_key), []).append((spot, error))
    above = {path[:i] for path, _ in grouped for i in range(len(path))}
    return [
        _finding(found, file)
        for (path, _), found in grouped.items()
        # A list whose only entry is refused is not also too short.
        if not (found[0][1]["type"] == "too_short" and path in above)
    ]


def _finding(found: list[tuple[Spot, ErrorDetails]], file: _File) -> Finding:
    spot = found[0][0]
    node = _node(file.root, spot.path)
    told = [_expectation(error, at, node, file) for at, error in found]
    hint = next((t.hint for t in told if t.hint), "")
    unknown = next((t.unknown for t in told if t.unknown), "")
    message = next((t.message for t in told if t.message), "")
    if not message:
        expected = dict.fromkeys(t.expected for t in told if t.expected)
        message = f"expected {' or '.join(expected)}"
    is_key = spot.is_key or bool(unknown)
    missing = found[0][1]["type"] == "missing"
    return Finding(spot.path, message, hint, is_key=is_key, unknown=unknown, missing=missing)


def _node(root: Node | None, path: Path) -> Node | None:
    for part in path:
        root = shape.below(root, part)
    return root


def _expectation(error: ErrorDetails, spot: Spot, node: Node | None, file: _File) -> _Expectation:
    context: dict[str, Any] = error.get("ctx", {})
    if error["type"] in _EXPLAINED:
        return _EXPLAINED[error["type"]](spot, context, node, file)
    if error["type"] == "value_error":
        return _Expectation(str(context["error"]))
    return _Expectation(error["msg"].removeprefix("Input should be "))


def _missing(spot: Spot, _context: Any, _node: Node | None, file: _File) -> _Expectation:
    name, above = str(spot.path[-1]), _node_value(file.root, spot.path[:-1])
    state = "is empty" if name in above else "is missing"
    choices = shape.literal_choices(spot.annotation)
    description = (spot.field.description if spot.field else "") or "a value"
    return _Expectation(
        message=f"{state}: expected {either(choices) if choices else _lower(description)}"
    )


def _lower(description: str) -> str:
    """A description in the middle of a sentence."""
    return (description[0].lower() + description[1:]).rstrip(".")


def _node_value(root: Node | None, path: Path) -> Mapping[str, Any]:
    node = _node(root, path)
    return node.value if node is not None and isinstance(node.value, Mapping) else {}


def _unknown_key(spot: Spot, _context: Any, _value: Node | None, file: _File) -> _Expectation:
    name = str(spot.path[-1])
    above, node = Spot((), file.model), file.root
    for part in spot.path[:-1]:
        above, node = shape.step(above, part, node), shape.below(node, part)
    known = list(shape.fields(above.annotation, node))
    hint = did_you_mean(name, known)
    # A word in the place of a key may be a secret that slipped; a near miss of a key is none.
    shown = redact.quoted(name) if hint else redact.shown(above.path, name)
    if not hint and (elsewhere := shape.homes(file.model).get(name)):
        hint = f"it belongs in {_pattern(elsewhere)}"
    if not hint and known:
        listed = ", ".join(known[:MOST_KEYS])
        hint = f"the keys here are {listed}" if len(known) <= MOST_KEYS else ""
    return _Expectation(message=f"unknown key {shown}", hint=hint, unknown=shown)


def _pattern(path: Path) -> str:
    return redact.dotted(path).replace("[0]", "[]").replace('"*"', "NAME")


def _choice(spot: Spot, context: Any, node: Node | None, _file: _File) -> _Expectation:
    choices = context.get("choices") or shape.literal_choices(spot.annotation)
    text = f"{context['expected']}: " if context.get("choices") else ""
    near = did_you_mean(node.value, choices) if node and isinstance(node.value, str) else ""
    return _Expectation(text + either(choices), hint=near)


def _tag(spot: Spot, _context: Any, node: Node | None, _file: _File) -> _Expectation:
    choices = [word for part in shape.members(spot.annotation) for word in _types(part)]
    said = shape.below(node, "type")
    if said is None or not isinstance(said.value, str):
        return _Expectation(message=f"the key `type` is missing: expected {either(choices)}")
    return _Expectation(
        message=f"type: {redact.quoted(said.value)}: expected {either(choices)}",
        hint=did_you_mean(said.value, choices),
    )


def _types(part: Any) -> list[str]:
    return shape.literal_choices(part.model_fields["type"].annotation)


def _number(spot: Spot, _context: Any, _node: Node | None, _file: _File) -> _Expectation:
    bounds: dict[str, int] = {}
    for item in spot.field.metadata if spot.field else ():
        bounds |= {name: getattr(item, name) for name in ("ge", "le") if hasattr(item, name)}
    if len(bounds) == 2:
        return _Expectation(f"a whole number from {bounds['ge']} to {bounds['le']}")
    if "ge" in bounds:
        return _Expectation(f"a whole number, at least {bounds['ge']}")
    return _Expectation("a whole number")


def _bound(spot: Spot, context: Any, node: Node | None, file: _File) -> _Expectation:
    written = node.value if node and isinstance(node.value, str) else ""
    if not written.strip()[-1:].isalpha():
        return _number(spot, context, node, file)
    word = "at least" if "ge" in context else "at most"
    limit = context.get("ge") or context.get("le")
    if re.search(DURATION_PATTERN, written):
        return _Expectation(f"a time of {word} {duration(limit)}")
    return _Expectation(f"a size of {word} {size(limit)}")


def _list(spot: Spot, _context: Any, node: Node | None, _file: _File) -> _Expectation:
    if node is not None and isinstance(node.value, str):
        shown = redact.shown(spot.path, node.value)
        example = node.value if shown == f'"{node.value}"' else "VALUE"
        return _Expectation("a list", hint=f"write it as a list: [{example}]")
    return _Expectation("a list", hint="begin each entry with '- '")


def _group(spot: Spot, _context: Any, node: Node | None, _file: _File) -> _Expectation:
    parts = [m for m in shape.members(spot.annotation) if shape.is_part(m)]
    hint = parts[0].instead_of_text if parts else Model.instead_of_text
    if isinstance(node.value if node else None, tuple) and hint == Model.instead_of_text:
        hint = "remove the '- ' before its keys"
    known = list(shape.fields(spot.annotation, node))
    if not known:
        return _Expectation("names, each with a value", hint=hint)
    return _Expectation(f"keys such as {', '.join(known[:4])}", hint=hint)


def _text(_spot: Spot, _context: Any, node: Node | None, _file: _File) -> _Expectation:
    if isinstance(node.value if node else None, tuple):
        return _Expectation("one value, not a list")
    return _Expectation("one value" if node and node.value else "a value")


def _switch(_spot: Spot, _context: Any, _node: Node | None, _file: _File) -> _Expectation:
    return _Expectation("true or false")


def _too_short(_spot: Spot, context: Any, _node: Node | None, _file: _File) -> _Expectation:
    count = context["min_length"]
    return _Expectation(f"at least {count} {'entry' if count == 1 else 'entries'}")


def _too_long(_spot: Spot, context: Any, _node: Node | None, _file: _File) -> _Expectation:
    return _Expectation(f"at most {context['max_length']} entries")


_Explain = Callable[[Spot, Any, Node | None, _File], _Expectation]
_EXPLAINED: Mapping[str, _Explain] = {
    "missing": _missing,
    "extra_forbidden": _unknown_key,
    "literal_error": _choice,
    "enum": _choice,
    UNKNOWN_CHOICE: _choice,
    "union_tag_invalid": _tag,
    "union_tag_not_found": _tag,
    "int_type": _number,
    "int_parsing": _number,
    "int_parsing_size": _number,
    "int_from_float": _number,
    "greater_than_equal": _bound,
    "less_than_equal": _bound,
    "tuple_type": _list,
    "dict_type": _group,
    "model_type": _group,
    "model_attributes_type": _group,
    "string_type": _text,
    "is_instance_of": _text,
    "path_type": _text,
    "ip_v4_address": _text,
    "ip_v4_network": _text,
    "bool_type": _switch,
    "bool_parsing": _switch,
    "too_short": _too_short,
    "too_long": _too_long,
}
