"""The JSON Schema of a model (draft 2020-12), with which editors complete and check a file.

An editor types plain YAML by YAML 1.2's core schema (6.10 is a number, true a boolean), while
b2ct takes it as text: where a text may look like a number, the schema allows both. Empty keys
count as left out, so None is allowed wherever a key may be.
"""

from __future__ import annotations

import json
import re
from typing import Any

from b2ct.document import finding
from b2ct.document.model import Model
from b2ct.document.types import DURATION_PATTERN, SIZE_PATTERN

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NUMBERS = ("10", "6.10", "52", "644")
Schema = dict[str, Any]
_WRITTEN = {SIZE_PATTERN: finding.size, DURATION_PATTERN: finding.duration}
"""How the defaults of numbers are written that have a unit, by their pattern."""


def build(model: type[Model], title: str) -> Schema:
    """The schema as plain data."""
    made = model.model_json_schema()
    parts = {name: _part(part) for name, part in made.pop("$defs").items()}
    return {
        "$schema": DIALECT,
        "title": title,
        **{key: value for key, value in _part(made).items() if key != "title"},
        "$defs": parts,
    }


def text(schema: Schema) -> str:
    """The schema as it is printed."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _part(part: Schema) -> Schema:
    """One part of the model: its titles are noise, its optional keys may be empty."""
    part = {key: value for key, value in part.items() if key != "title"}
    if "properties" not in part:
        return _value(part)
    required = part.get("required", [])
    if "type" in part["properties"] and "type" not in required:
        # It tells the parts of a union apart, also the one that is the default.
        part["required"] = required = [*required, "type"]
    part["properties"] = {
        name: _property(value, optional=name not in required)
        for name, value in part["properties"].items()
    }
    return part


def _property(value: Schema, *, optional: bool) -> Schema:
    value = {key: item for key, item in value.items() if key != "title"}
    default = value.pop("default", None)
    patterns = (part.get("pattern", "") for part in (value, *value.get("anyOf", ())))
    written = next((_WRITTEN[pattern] for pattern in patterns if pattern in _WRITTEN), None)
    shown = written if written and isinstance(default, int) else lambda count: count
    value = _value(value)
    if default is not None and not isinstance(default, dict):
        value["default"] = shown(default)
    return nullable(value) if optional else value


def _value(value: Schema) -> Schema:
    """A type: unions without their None, texts that may look like numbers, closed mappings."""
    if "anyOf" in value:
        members = [_value(m) for m in value["anyOf"] if m != {"type": "null"}]
        rest = {key: item for key, item in value.items() if key != "anyOf"}
        return {**members[0], **rest} if len(members) == 1 else {**rest, "anyOf": members}
    value = {key: item for key, item in value.items() if key != "discriminator"}
    if "oneOf" in value:
        value["oneOf"] = [_value(m) for m in value["oneOf"]]
    if "items" in value:
        value["items"] = _value(value["items"])
    if "patternProperties" in value:
        value["patternProperties"] = {
            name: nullable(_value(item)) for name, item in value["patternProperties"].items()
        }
        value["additionalProperties"] = False
    elif isinstance(value.get("additionalProperties"), dict):
        value["additionalProperties"] = nullable(_value(value["additionalProperties"]))
    if value.get("type") == "string":
        return _text(value)
    return value


def _text(value: Schema) -> Schema:
    if "enum" in value or "const" in value:
        words = value.get("enum", [value.get("const")])
        numbers = [float(word) for word in words if re.fullmatch(r"\d+(\.\d+)?", word)]
        if not numbers:
            return value
        rest = {key: item for key, item in value.items() if key not in {"type", "const"}}
        return {**rest, "enum": [*words, *(int(n) if n == int(n) else n for n in numbers)]}
    pattern = value.get("pattern")
    if pattern is None or any(re.search(pattern, number) for number in _NUMBERS):
        return {
            **value,
            "type": ["string", "number", "boolean"] if pattern is None else ["string", "number"],
        }
    return value


def nullable(value: Schema) -> Schema:
    """The same, or nothing at all."""
    if "type" in value and "enum" not in value and "const" not in value:
        kinds = value["type"] if isinstance(value["type"], list) else [value["type"]]
        return {**value, "type": [*kinds, "null"]}
    keep: Schema = {key: value[key] for key in ("description", "default") if key in value}
    rest = {key: item for key, item in value.items() if key not in keep}
    members = rest["anyOf"] if list(rest) == ["anyOf"] else [rest]
    return {**keep, "anyOf": [*members, {"type": "null"}]}
