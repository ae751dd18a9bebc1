"""Paths in a file are relative to the folder of the file that they stand in."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from b2ct.document import shape
from b2ct.document.merge import is_removal
from b2ct.document.redact import Path
from b2ct.document.tree import Entry, Node


def anchored(node: Node, annotation: Any, folder: pathlib.Path) -> Node:
    """The tree with every local path absolute; `typed` keeps what was written.

    `annotation` is the model of the tree. Entries that take a path out stay as they are.
    """
    if isinstance(node.value, str):
        is_path = pathlib.Path in shape.members(annotation) and bool(node.value.strip())
        if not is_path or "\0" in node.value:
            return node
        return replace(node, value=os.path.normpath(folder / node.value), typed=node.value)
    entry = shape.entry_type(annotation)
    if isinstance(node.value, tuple):
        items = tuple(
            item
            if isinstance(item.value, str) and is_removal(item.value)
            else anchored(item, entry, folder)
            for item in node.value
        )
        return replace(node, value=items)
    if isinstance(node.value, Mapping):
        known = shape.fields(annotation, node)
        entries = {
            key: Entry(
                item.mark,
                anchored(item.value, known[key].annotation if key in known else entry, folder),
            )
            for key, item in node.value.items()
        }
        return replace(node, value=MappingProxyType(entries))
    return node


def paths(node: Node | None, path: Path = ()) -> Iterator[tuple[Path, Node]]:
    """Every local path of an anchored tree, with its place."""
    if node is None:
        return
    if node.typed:
        yield path, node
    if isinstance(node.value, tuple):
        for index, item in enumerate(node.value):
            yield from paths(item, (*path, index))
    elif isinstance(node.value, Mapping):
        for key, entry in node.value.items():
            yield from paths(entry.value, (*path, key))
