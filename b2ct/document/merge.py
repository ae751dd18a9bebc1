"""One tree over another: mappings merge key by key, lists add up, anything else replaces.

In a list `-NAME` takes the entry NAME out (of entries with keys, the one that has NAME as a value)
and `-*` takes out all that came before it; in a mapping the key `-NAME`, without a value, takes
out the key NAME. What is already in a list is not added again. A key without a value changes
nothing. Every value keeps the mark of the file that it came from. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from b2ct.document import redact
from b2ct.document.finding import did_you_mean
from b2ct.document.redact import Path
from b2ct.document.tree import Entry, Fault, Mark, Node

EVERYTHING = "-*"


def merge(base: Node | None, over: Node | None) -> tuple[Node | None, list[Fault]]:
    """`over` on top of `base` (None: nothing), and what it takes out that is not there."""
    if over is None or over.value is None:
        return base or over, []
    faults: list[Fault] = []
    return _merged(base, over, (), faults), faults


def _merged(base: Node | None, over: Node, path: Path, faults: list[Fault]) -> Node:
    below = base.value if base is not None else None
    if isinstance(over.value, Mapping):
        entries = below if isinstance(below, Mapping) else {}
        return _mapping(entries, over.mark, over.value, path, faults)
    if isinstance(over.value, tuple):
        return _sequence(below if isinstance(below, tuple) else (), over, path, faults)
    return over


def _mapping(
    base: Mapping[str, Entry],
    mark: Mark,
    over: Mapping[str, Entry],
    path: Path,
    faults: list[Fault],
) -> Node:
    entries = dict(base)
    for key, entry in over.items():
        if is_removal(key) and entry.value.value is None:
            if key == EVERYTHING:
                entries.clear()
            elif entries.pop(key[1:], None) is None:
                faults.append(_not_there(entry.mark, path, key[1:], entries))
            continue
        old = entries.get(key)
        if entry.value.value is None:
            entries.setdefault(key, entry)
            continue
        value = _merged(old.value if old else None, entry.value, (*path, key), faults)
        entries[key] = Entry(entry.mark, value)
    size = 1 + sum(1 + entry.value.size for entry in entries.values())
    return Node(mark, MappingProxyType(entries), size)


def _sequence(base: tuple[Node, ...], over: Node, path: Path, faults: list[Fault]) -> Node:
    items = list(base)
    # The plain values, so that looking up stays linear for texts.
    there = {_frozen(item) for item in items}
    for item in over.value if isinstance(over.value, tuple) else ():
        name = item.typed or item.value
        if isinstance(name, str) and is_removal(name):
            kept = [] if name == EVERYTHING else [i for i in items if not _is_meant(i, name[1:])]
            if len(kept) == len(items) and name != EVERYTHING:
                faults.append(_not_there(item.mark, path, name[1:], _names(items)))
            items, there = kept, {_frozen(i) for i in kept}
            continue
        value = _merged(None, item, path, faults)
        if (plain := _frozen(value)) not in there:
            there.add(plain)
            items.append(value)
    return Node(over.mark, tuple(items), 1 + sum(item.size for item in items))


def is_removal(text: str) -> bool:
    """Whether it takes something out instead of being something."""
    return len(text) > 1 and text.startswith("-")


def _is_meant(item: Node, name: str) -> bool:
    if isinstance(item.value, Mapping):
        return any(_is_meant(entry.value, name) for entry in item.value.values())
    return name in (item.value, item.typed)


def _names(items: list[Node]) -> Iterator[str]:
    for item in items:
        if isinstance(item.value, str):
            yield item.typed or item.value
        elif isinstance(item.value, Mapping):
            yield from _names([entry.value for entry in item.value.values()])


def _frozen(node: Node) -> Any:
    """The plain value in a form that can be compared and hashed."""
    if isinstance(node.value, Mapping):
        return frozenset((key, _frozen(entry.value)) for key, entry in node.value.items())
    if isinstance(node.value, tuple):
        return tuple(_frozen(item) for item in node.value)
    return node.value


def _not_there(mark: Mark, path: Path, name: str, there: Any) -> Fault:
    where = f"{redact.dotted(path)}: " if path else ""
    message = f"{where}{redact.shown(path, '-' + name)}: there is no {redact.shown(path, name)}"
    hint = did_you_mean(name, there)
    return Fault(
        mark,
        f"{message} to take out",
        hint.replace("did you mean ", "did you mean -") or "remove this, or look with --sources",
    )
