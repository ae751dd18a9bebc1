"""A file to its model, or everything that is wrong with it, each with its line and column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from b2ct.core.errors import InvalidFileError, Problem
from b2ct.document import explain, problems, redact, shape, source, tree
from b2ct.document.finding import Finding
from b2ct.document.kind import Kind, M
from b2ct.document.problems import MAX_PROBLEMS
from b2ct.document.tree import Node


def load(kind: Kind[M], path: Path) -> M:
    """Read a file of this kind.

    Raises InvalidFileError with all problems, also when the file cannot be read.
    """
    return load_text(kind, source.read(path, kind), path)


def load_text(kind: Kind[M], text: str, name: Path | str = "") -> M:
    """The same from text; `name` is the file that the problems name."""
    file = Path(name or kind.usual_name)
    root, faults = tree.parse(text)
    found = [problems.of_fault(file, fault) for fault in faults]
    if root is None and faults:
        raise InvalidFileError(found)
    return from_tree(kind, root, file, found)


def from_tree(kind: Kind[M], root: Node | None, file: Path, found: Iterable[Problem] = ()) -> M:
    """The document that a tree describes; `found` are the problems that were met on the way.

    Raises InvalidFileError with these and its own.
    """
    document, findings = validate(kind, root)
    told = [*found, *(problems.of_finding(file, root, finding) for finding in findings)]
    if told or document is None:
        raise InvalidFileError(problems.in_order(file, told))
    return document


def validate(kind: Kind[M], root: Node | None) -> tuple[M | None, list[Finding]]:
    """The document that a tree describes and what is wrong with it.

    With findings it is incomplete, or None. The parts are cross-checked even if single values
    are wrong, as long as these values cannot be what the cross-checks stumble over.
    """
    data = _plain(root, kind.model)
    errors: list[Finding] = []
    document: M | None
    try:
        document = kind.model.model_validate({} if data is None else data)
    except ValidationError as err:
        details = err.errors(include_url=False, include_input=False)
        errors = explain.findings(details[: 10 * MAX_PROBLEMS], root, kind.model)
        document = _without(kind, data, [finding.path for finding in errors])
        if document is None:
            return None, errors
    return document, [*errors, *kind.crosscheck(document)]


def _plain(node: Node | None, annotation: Any) -> Any:
    """The values alone, as pydantic takes them; keys without a value are left out.

    Where names are free and their values are parts of the model (`networks`), a name without a
    value is a part with everything left out.
    """
    if node is None or not isinstance(node.value, (tuple, Mapping)):
        return None if node is None else node.value
    entry = shape.entry_type(annotation)
    if isinstance(node.value, tuple):
        return [_plain(item, entry) for item in node.value]
    known = shape.fields(annotation, node)
    values: dict[str, Any] = {}
    for key, item in node.value.items():
        below = known[key].annotation if key in known else entry
        value = _plain(item.value, below)
        if value is None and entry is not None and shape.is_part(entry):
            value = {}
        if value is not None or (known and key not in known):
            values[key] = value
    return values


def _without(kind: Kind[M], data: Any, paths: Iterable[redact.Path]) -> M | None:
    """The document as if the wrong values were left out; None if that changes its meaning."""
    for path in sorted(paths, key=lambda path: [str(part) for part in path], reverse=True):
        if not kind.bears_without(path):
            return None
        above = data
        for part in path[:-1]:
            try:
                above = above[part]
            except (KeyError, IndexError, TypeError):
                return None
        if isinstance(above, dict):
            above.pop(path[-1], None)
        else:
            return None
    try:
        return kind.model.model_validate(data)
    except ValidationError:
        return None
