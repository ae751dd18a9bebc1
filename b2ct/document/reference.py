"""Pages that describe every key of a model, made from its JSON Schema."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

_KINDS = {
    "string": "text",
    "integer": "number",
    "boolean": "true or false",
    "object": "names",
    "number": "",
    "null": "",
}
Schema = Mapping[str, Any]


def sections(made: Schema) -> list[str]:
    """The top level, then a section a part, in the order of the file; each part once."""
    parts = made["$defs"]
    found = ["## Top level\n", _table(made, parts)]
    for name, path in _places(made, parts, "", set()):
        description = parts[name].get("description", "")
        found.append(f"## {path}\n\n{description}\n\n{_table(parts[name], parts)}")
    return found


def _places(
    part: Schema, parts: Mapping[str, Schema], path: str, described: set[str]
) -> Iterator[tuple[str, str]]:
    """(part, heading) of every part of the model with keys, at the first key that refers to it."""
    for key, value in part.get("properties", {}).items():
        for name in dict.fromkeys(_refs(value)):
            if "properties" not in parts[name] or name in described:
                continue
            described.add(name)
            place = f"{path}{key}{_suffix(value)}"
            kind = _const(parts[name])
            yield name, f"{place}, type {kind}" if kind else place
            yield from _places(parts[name], parts, f"{place}.", described)


def _suffix(value: Schema) -> str:
    if "items" in value:
        return "[]"
    return ".NAME" if "patternProperties" in value or _free(value) else ""


def _free(value: Schema) -> Schema:
    """The values of a mapping whose names may be anything; empty if it is none."""
    named = value.get("additionalProperties")
    return named if isinstance(named, Mapping) else {}


def _const(part: Schema) -> str:
    kind = part.get("properties", {}).get("type", {})
    for value in (kind, *kind.get("anyOf", ())):
        if "const" in value or "enum" in value:
            return " or ".join([value["const"]] if "const" in value else value["enum"])
    return ""


def _refs(value: Any) -> Iterator[str]:
    """Names of the parts that a schema refers to."""
    if isinstance(value, Mapping):
        if "$ref" in value:
            yield str(value["$ref"]).rsplit("/", 1)[-1]
        for item in value.values():
            yield from _refs(item)
    elif isinstance(value, list):
        for item in value:
            yield from _refs(item)


def _table(part: Schema, parts: Mapping[str, Schema]) -> str:
    required = part.get("required", ())
    rows = [
        (
            f"`{name}`" + (" (needed)" if name in required else ""),
            _kind(value, parts),
            _default(value),
            value.get("description") or _described(value, parts),
        )
        for name, value in part["properties"].items()
    ]
    return table(("key", "value", "default", "what it says"), rows)


def _described(value: Schema, parts: Mapping[str, Schema]) -> str:
    return next((str(parts[name].get("description", "")) for name in _refs(value)), "")


def _kind(value: Schema, parts: Mapping[str, Schema]) -> str:
    """What may stand there, in words."""
    if "$ref" in value:
        part = parts[next(_refs(value))]
        return "keys, see below" if "properties" in part else _kind(part, parts)
    if "anyOf" in value or "oneOf" in value:
        kinds = (_kind(member, parts) for member in value.get("anyOf") or value["oneOf"])
        return " or ".join(dict.fromkeys(kind for kind in kinds if kind))
    if "items" in value:
        kind = _kind(value["items"], parts)
        return f"list, {kind}" if kind.startswith("such as") else f"list of {kind}"
    if named := _free(value) or next(iter(value.get("patternProperties", {}).values()), {}):
        return f"names, each with {_kind(named, parts)}"
    return _scalar(value)


def _scalar(value: Schema) -> str:
    if "enum" in value or "const" in value:
        words = [word for word in value.get("enum", [value.get("const")]) if _is_word(word)]
        return ", ".join(f"`{_word(word)}`" for word in words)
    if "minimum" in value:
        upper = f" to {value['maximum']}" if "maximum" in value else " or more"
        return f"number, {value['minimum']}{upper}"
    if "examples" in value:
        return "such as " + ", ".join(f"`{example}`" for example in value["examples"])
    kinds = value.get("type", [])
    names = [_KINDS.get(kind, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)]
    return "text" if "text" in names else " or ".join(name for name in names if name)


def _is_word(value: Any) -> bool:
    """The schema also lists numbers, as which editors read words such as 6.10."""
    return isinstance(value, (str, bool))


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _default(value: Schema) -> str:
    default = value.get("default")
    if default is None or default == []:
        return ""
    if isinstance(default, list):
        return "<br>".join(f"`{item}`" for item in default)
    return f"`{_word(default)}`"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines
    )
