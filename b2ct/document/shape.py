"""The model as a map: what may stand at a place of the file, whatever stands there now."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from b2ct.document.redact import Path
from b2ct.document.tree import Node

Loc = tuple[int | str, ...]


@dataclass(frozen=True)
class Spot:
    """A place of the file as the model sees it."""

    path: Path
    annotation: Any
    """The type that is expected; None below a key that the model does not know."""
    field: FieldInfo | None = None
    """The field that the place belongs to, if it is a key of a part of the model."""
    is_key: bool = False
    """It is the key itself that is meant, not its value."""


def members(annotation: Any) -> tuple[Any, ...]:
    """The types that a place may have, without None and without metadata."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        found = (m for arg in get_args(annotation) for m in members(arg))
        return tuple(m for m in found if m is not type(None))
    return (annotation,)


def is_part(annotation: Any) -> bool:
    """Whether it is a part of the model: a class with named keys."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def fields(annotation: Any, node: Node | None) -> Mapping[str, FieldInfo]:
    """The keys that may stand at a place; of a union, those of the `type` that the file says."""
    parts = [m for m in members(annotation) if is_part(m)]
    chosen = [p for p in parts if _has_type(p, node)] if len(parts) > 1 else parts
    return {name: info for part in chosen or parts for name, info in part.model_fields.items()}


def entry_type(annotation: Any) -> Any:
    """The type of the entries of a list or of a mapping with free keys; None if it is neither."""
    for member in members(annotation):
        if get_origin(member) in (tuple, dict):
            return get_args(member)[0 if get_origin(member) is tuple else 1]
    return None


def locate(root: Node | None, loc: Loc, model: type[BaseModel]) -> Spot:
    """The place of a `model`'s file that an error of pydantic is about.

    Pydantic names the member of a union that it tried and marks keys by `[key]`; neither is a
    part of the file.
    """
    spot = Spot((), model)
    rest = list(loc)
    node = root
    while rest:
        if len(members(spot.annotation)) > 1:
            del rest[0]
            if not rest:
                break
        part = rest.pop(0)
        if part == "[key]":
            return Spot(spot.path, spot.annotation, spot.field, is_key=True)
        spot = step(spot, part, node)
        node = below(node, part)
    return spot


def step(spot: Spot, part: int | str, node: Node | None) -> Spot:
    """One key or list position further down."""
    path = (*spot.path, part)
    known = fields(spot.annotation, node)
    if isinstance(part, str) and part in known:
        return Spot(path, known[part].annotation, known[part])
    return Spot(path, entry_type(spot.annotation))


def below(node: Node | None, part: int | str) -> Node | None:
    """The value under a key or list position, if the file has one."""
    if node is None:
        return None
    if isinstance(part, int):
        if isinstance(node.value, tuple) and part < len(node.value):
            return node.value[part]
    elif isinstance(node.value, Mapping) and part in node.value:
        return node.value[part].value
    return None


@cache
def homes(model: type[BaseModel]) -> Mapping[str, Path]:
    """Where in the file each key belongs, list positions as 0, free names as `*`.

    Of several places the shallowest.
    """
    found: dict[str, Path] = {}
    queue: list[Spot] = [Spot((), model)]
    for spot in queue:
        entry = entry_type(spot.annotation)
        if entry is not None:
            is_list = any(get_origin(m) is tuple for m in members(spot.annotation))
            queue.append(Spot((*spot.path, 0 if is_list else "*"), entry))
        for key, info in fields(spot.annotation, None).items():
            found.setdefault(key, (*spot.path, key))
            queue.append(Spot((*spot.path, key), info.annotation, info))
    return found


def _has_type(part: Any, node: Node | None) -> bool:
    said = below(node, "type")
    choices = get_args(part.model_fields["type"].annotation) if "type" in part.model_fields else ()
    return said is not None and said.value in choices


def literal_choices(annotation: Any) -> list[str]:
    """The words of the literals and enumerations among the types of a place."""
    words: list[str] = []
    for member in members(annotation):
        if get_origin(member) is Literal:
            words += [str(choice) for choice in get_args(member)]
        elif isinstance(member, type) and issubclass(member, Enum):
            words += [str(choice.value) for choice in member]
    return words
