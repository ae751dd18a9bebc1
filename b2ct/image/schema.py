"""The JSON Schema of a file of images/, with which editors complete and check it.

A file may extend others, so it need not have all keys itself, and it may take things out.
"""

from __future__ import annotations

from b2ct.document import schema
from b2ct.document.extends import KEY
from b2ct.document.schema import Schema
from b2ct.image.model import Definition

FILE_NAME = "image.schema.json"
_PARENT: Schema = {"type": ["string", "number"], "pattern": "^[^\\s]"}
_EXTENDS: Schema = {
    "description": "Names or paths of the definitions that this one adds to, from left to right.",
    "anyOf": [_PARENT, {"type": "array", "items": _PARENT}, {"type": "null"}],
}
_TAKEN_OUT: Schema = {"type": "string", "pattern": "^-."}


def build() -> Schema:
    """The schema as plain data."""
    made = schema.build(Definition, "B2CT image definition")
    parts = {name: _partial(part) for name, part in made.pop("$defs").items()}
    made = _partial(made)
    made["properties"] = {KEY: _EXTENDS, **made["properties"]}
    return {**made, "$defs": parts}


def text() -> str:
    """The schema as it is printed."""
    return schema.text(build())


def _partial(part: Schema) -> Schema:
    """A part as one file of several may have it: keys left out, keys and entries taken out."""
    if "properties" not in part:
        return part
    needed = part.get("required", [])
    part = {key: value for key, value in part.items() if key != "required"}
    part["properties"] = {
        name: _open(schema.nullable(value) if name in needed else value)
        for name, value in part["properties"].items()
    }
    part["patternProperties"] = {"^-.": {"type": "null"}}
    return part


def _open(value: Schema) -> Schema:
    """A list or a mapping with free names, from which entries may be taken out."""
    if "anyOf" in value:
        return {**value, "anyOf": [_open(member) for member in value["anyOf"]]}
    if "items" in value:
        return {**value, "items": {"anyOf": [value["items"], _TAKEN_OUT]}}
    if "patternProperties" in value or isinstance(value.get("additionalProperties"), dict):
        free = {**value.get("patternProperties", {}), "^-.": {"type": "null"}}
        return {**value, "patternProperties": free}
    return value
