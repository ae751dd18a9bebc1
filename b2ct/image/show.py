"""A definition as it is after `extends`, and where each of its values comes from."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from b2ct.document import dump, redact
from b2ct.document.tree import Mark, Node
from b2ct.image.definitions import Loaded
from b2ct.image.model import Definition


def text(loaded: Loaded, *, sources: bool = False) -> str:
    """The merged definition as YAML that can be built itself; with `sources`, file:line beside it.

    Only what the files say: what they leave out has the defaults of docs/image-yaml.md.
    """
    files = ", ".join(_short(file, loaded.sources[-1]) for file in loaded.sources)
    head = f"# {loaded.name}: {files}\n"
    tree = _in_order(loaded.tree)
    if not sources:
        return head + dump.text(tree)
    return head + dump.text(tree, lambda mark: place(mark, loaded.sources[-1]))


def _in_order(root: Node) -> Node:
    """The keys of the top level in the order of the model, not in that of the files."""
    entries = root.value if isinstance(root.value, Mapping) else {}
    keys = [key for key in Definition.model_fields if key in entries]
    return replace(root, value=MappingProxyType({key: entries[key] for key in keys}))


def origins(loaded: Loaded) -> dict[str, str]:
    """Path of each value, such as `packages[3]`, and the file:line where it stands."""
    return {
        redact.dotted(path): f"{node.mark.file}:{node.mark.line}"
        for path, node in _leaves(loaded.tree, ())
    }


def as_json(loaded: Loaded) -> dict[str, Any]:
    """The whole definition with its defaults, for programs."""
    return {
        "name": loaded.name,
        "sources": [str(file) for file in loaded.sources],
        "definition": loaded.definition.model_dump(mode="json"),
    }


def place(mark: Mark, beside: Path) -> str:
    """`parts/apt.yaml:12`, relative to the folder of `beside` where it is below it."""
    return f"{_short(mark.file, beside)}:{mark.line}" if mark.file else ""


def _short(file: Path, beside: Path) -> str:
    path = os.path.relpath(file, beside.parent)
    return str(file) if path.startswith("..") else path


def _leaves(node: Node, path: redact.Path) -> Iterator[tuple[redact.Path, Node]]:
    if isinstance(node.value, Mapping):
        for key, entry in node.value.items():
            yield from _leaves(entry.value, (*path, key))
    elif isinstance(node.value, tuple):
        for index, item in enumerate(node.value):
            yield from _leaves(item, (*path, index))
    else:
        yield path, node
