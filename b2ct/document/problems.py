"""Findings and faults as problems at a line and column of their file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from b2ct.core.errors import Problem
from b2ct.document import redact
from b2ct.document.finding import Finding
from b2ct.document.tree import Fault, Mark, Node

MAX_PROBLEMS = 100
"""Problems that are told at once; nobody reads more."""


def of_fault(file: Path, fault: Fault) -> Problem:
    """A fault of the text, which is in `file` unless its mark says another."""
    return _at(file, fault.mark, fault.message, fault.hint)


def of_finding(file: Path, root: Node | None, finding: Finding) -> Problem:
    """A finding with its place, the value that stands there, and the line of the other place."""
    mark, value = place(root, finding.path, is_key=finding.is_key)
    message = finding.message
    if value is not None and not finding.is_key:
        message = f"{redact.shown(finding.path, value)}: {message}"
    path = finding.path[:-1] if finding.unknown else finding.path
    if path:
        message = f"{redact.dotted(path)}: {message}"
    if finding.other is not None:
        other, _ = place(root, finding.other)
        away = f"{other.file}:{other.line}" if other.file != mark.file else f"line {other.line}"
        message += f" ({away})"
    return _at(file, mark, message, finding.hint)


def place(root: Node | None, path: redact.Path, *, is_key: bool = False) -> tuple[Mark, str | None]:
    """Where a path is in the file and the text there; of what is left out, where it would be."""
    if root is None:
        return Mark(1, 1), None
    node, mark = root, root.mark
    for part in path:
        if isinstance(part, str) and isinstance(node.value, Mapping) and part in node.value:
            entry = node.value[part]
            node = entry.value
            empty = node.value is None
            mark = entry.mark if empty or (is_key and part is path[-1]) else node.mark
        elif isinstance(part, int) and isinstance(node.value, tuple) and part < len(node.value):
            node = node.value[part]
            mark = node.mark
        else:
            return mark, None
    return mark, node.typed or (node.value if isinstance(node.value, str) else None)


def in_order(file: Path, problems: list[Problem]) -> list[Problem]:
    """In the order of the file, the same said once, and no more than somebody reads.

    Where there are several files, each keeps its problems together, `file` first.
    """
    files = list(dict.fromkeys([file, *(problem.file for problem in problems)]))
    unique = sorted(dict.fromkeys(problems), key=lambda p: (files.index(p.file), p.line, p.column))
    if len(unique) > MAX_PROBLEMS:
        more = len(unique) - MAX_PROBLEMS
        unique = unique[:MAX_PROBLEMS]
        unique.append(Problem(file, 0, 0, f"and {more} more problems", "mend these first"))
    return unique


def _at(file: Path, mark: Mark, message: str, hint: str) -> Problem:
    return Problem(mark.file or file, mark.line, mark.column, message, hint)
