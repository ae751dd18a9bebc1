"""A file that extends others: all of them, merged into one tree in which each value knows its file.

The files are laid over each other in the order in which they are named, each only once: first
what a file extends, from left to right, then the file itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from b2ct.core.errors import InvalidFileError, Problem
from b2ct.document import anchor, problems, redact, source, tree
from b2ct.document.kind import Kind
from b2ct.document.merge import merge
from b2ct.document.tree import Mark, Node

KEY = "extends"
MAX_FILES = 64
"""Files that one file may lead to."""


class NoParentError(Exception):
    """What is extended cannot be found; `hint` is the remedy."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


Find = Callable[[str, Path], Path]
"""From what `extends` says and the file that says it to the file that is meant.

Raises NoParentError.
"""


@dataclass(frozen=True)
class Merged:
    """The merged tree, the files in the order in which they were laid, and what is wrong.

    The tree is None if a file has no text that can be read.
    """

    root: Node | None
    sources: tuple[Path, ...]
    problems: tuple[Problem, ...]


@dataclass
class _Reading:
    kind: Kind[Any]
    find: Find
    root: Node | None = None
    sources: dict[Path, None] = field(default_factory=dict)
    open: list[Path] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    broken: bool = False


def read(kind: Kind[Any], file: Path, find: Find) -> Merged:
    """Read a file and all that it extends. Raises InvalidFileError if it cannot be read itself."""
    reading = _Reading(kind, find)
    _lay(reading, file, source.read(file, kind))
    root = None if reading.broken else reading.root
    return Merged(root, tuple(reading.sources), tuple(reading.problems))


def _lay(reading: _Reading, file: Path, text: str) -> None:
    root, faults = tree.parse(text, file)
    reading.problems += [problems.of_fault(file, fault) for fault in faults]
    reading.broken |= root is None and bool(faults)
    reading.open.append(file.resolve())
    if root is not None and isinstance(root.value, Mapping) and KEY in root.value:
        for mark, name in _parents(reading, root.value[KEY].value):
            _parent(reading, file, mark, name)
        rest = {key: entry for key, entry in root.value.items() if key != KEY}
        root = replace(root, value=MappingProxyType(rest))
    reading.open.pop()
    if root is not None:
        root = anchor.anchored(root, reading.kind.model, file.absolute().parent)
    reading.root, not_there = merge(reading.root, root)
    reading.problems += [problems.of_fault(file, fault) for fault in not_there]
    reading.sources[file] = None


def _parents(reading: _Reading, node: Node) -> list[tuple[Mark, str]]:
    found = []
    for item in node.value if isinstance(node.value, tuple) else (node,):
        if isinstance(item.value, str) and item.value.strip():
            found.append((item.mark, item.value))
        elif item.value is not None or item is not node:
            message = f"{KEY}: expected a name or the path of a file, or a list of these"
            _tell(reading, item.mark, message)
    return found


def _parent(reading: _Reading, file: Path, mark: Mark, name: str) -> None:
    try:
        parent = reading.find(name, file)
    except NoParentError as err:
        _tell(reading, mark, f"{KEY}: {redact.quoted(name)}: {err}", err.hint)
        return
    real = parent.resolve()
    if real in reading.open:
        circle = [*reading.open[reading.open.index(real) :], real]
        names = " -> ".join(path.name for path in circle)
        _tell(reading, mark, f"{KEY}: {redact.quoted(name)}: it extends itself: {names}")
        return
    if real in {path.resolve() for path in reading.sources}:
        return
    if len(reading.sources) + len(reading.open) >= MAX_FILES:
        _tell(reading, mark, f"{KEY}: more than {MAX_FILES} files")
        return
    try:
        text = source.read(parent, reading.kind)
    except InvalidFileError as err:
        problem = err.problems[0]
        where = f"{problem.file}:{problem.line}" if problem.line else str(problem.file)
        message = f"{KEY}: {redact.quoted(name)}: {where}: {problem.message}"
        _tell(reading, mark, message, problem.hint)
        return
    _lay(reading, parent, text)


def _tell(reading: _Reading, mark: Mark, message: str, hint: str = "") -> None:
    """A parent is missing: what follows from that is not worth telling."""
    reading.broken = True
    reading.problems.append(problems.of_fault(mark.file or Path(), tree.Fault(mark, message, hint)))
