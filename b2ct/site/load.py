"""site.yaml to a `Site`, or everything that is wrong with it, each with its line and column."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from b2ct.core.errors import InvalidFileError, Problem
from b2ct.site import crosscheck, explain, redact, shape, tree
from b2ct.site.finding import Finding
from b2ct.site.model import Site
from b2ct.site.tree import Mark, Node

MAX_BYTES = 2**20
"""A site.yaml of a thousand machines has a quarter of this."""
MAX_PROBLEMS = 100
"""Problems that are told at once; nobody reads more."""


def load(path: Path) -> Site:
    """Read a site.yaml.

    An empty file is a valid site: all is then asked at the console. Raises InvalidFileError with
    all problems, also when the file cannot be read.
    """
    return load_text(_read(path), path)


def load_text(text: str, name: Path | str = "site.yaml") -> Site:
    """The same from text; `name` is the file that the problems name."""
    file = Path(name)
    root, faults = tree.parse(text)
    problems = [_at(file, fault.mark, fault.message, fault.hint) for fault in faults]
    if root is None and faults:
        raise InvalidFileError(problems)
    site, found = validate(root)
    problems += [_problem(file, root, finding) for finding in found]
    if problems:
        raise InvalidFileError(_in_order(file, problems))
    return site


def validate(root: Node | None) -> tuple[Site, list[Finding]]:
    """The site that a tree describes and what is wrong with it; with findings it is incomplete.

    The parts are cross-checked even if single values are wrong, as long as these values cannot
    be what the cross-checks stumble over.
    """
    data = _plain(root, Site)
    errors: list[Finding] = []
    try:
        site = Site.model_validate({} if data is None else data)
    except ValidationError as err:
        details = err.errors(include_url=False, include_input=False)
        errors = explain.findings(details[: 10 * MAX_PROBLEMS], root)
        rest = _without(data, [finding.path for finding in errors])
        if rest is None:
            return Site(), errors
        site = rest
    return site, [*errors, *crosscheck.problems(site)]


def _read(path: Path) -> str:
    """The text of the file. Raises InvalidFileError for what is no text or far too large."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _refused(
            path, "there is no such file", "`b2ct init` writes one to start from"
        ) from None
    except IsADirectoryError:
        raise _refused(
            path, "a folder: expected a file", f"did you mean {path / 'site.yaml'}?"
        ) from None
    except OSError as err:
        reason = (err.strerror or "cannot be opened").lower()
        raise _refused(
            path, f"cannot be read: {reason}", "check its path and permissions"
        ) from None
    except ValueError:
        raise _refused(path, "not a path that this system knows", "") from None
    if len(raw) > MAX_BYTES:
        raise _refused(
            path,
            "larger than 1 MiB: this is no description of a site",
            "give the site.yaml itself, not an image or an archive",
        )
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise _refused(path, "UTF-16 text: expected UTF-8", "save it as UTF-8 in the editor")
    raw = raw.removeprefix(codecs.BOM_UTF8)
    try:
        return raw.decode()
    except UnicodeDecodeError as err:
        before = raw[: err.start].decode()
        mark = Mark(before.count("\n") + 1, len(before) - before.rfind("\n"))
        message = f"the byte 0x{raw[err.start]:02X} is not UTF-8 text"
        hint = "save the file as UTF-8 in the editor"
        raise InvalidFileError([_at(path, mark, message, hint)]) from None


def _refused(path: Path, message: str, hint: str) -> InvalidFileError:
    return InvalidFileError([Problem(path, 0, 0, message, hint)])


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


def _without(data: Any, paths: Iterable[redact.Path]) -> Site | None:
    """The site as if the wrong values were left out, or None if that would change its meaning."""
    for path in sorted(paths, key=lambda path: [str(part) for part in path], reverse=True):
        if not crosscheck.bears_without(path):
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
        return Site.model_validate(data)
    except ValidationError:
        return None


def _problem(file: Path, root: Node | None, finding: Finding) -> Problem:
    """A finding with its place, the value that stands there, and the line of the other place."""
    mark, value = _place(root, finding.path, is_key=finding.is_key)
    message = finding.message
    if isinstance(value, str) and not finding.is_key:
        message = f"{redact.shown(finding.path, value)}: {message}"
    path = finding.path[:-1] if finding.unknown else finding.path
    if path:
        message = f"{redact.dotted(path)}: {message}"
    if finding.other is not None:
        other, _ = _place(root, finding.other)
        message += f" (line {other.line})"
    return _at(file, mark, message, finding.hint)


def _place(
    root: Node | None, path: redact.Path, *, is_key: bool = False
) -> tuple[Mark, str | None]:
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
    return mark, node.value if isinstance(node.value, str) else None


def _at(file: Path, mark: Mark, message: str, hint: str) -> Problem:
    return Problem(file, mark.line, mark.column, message, hint)


def _in_order(file: Path, problems: list[Problem]) -> list[Problem]:
    """In the order of the file, the same said once, and no more than somebody reads."""
    unique = sorted(dict.fromkeys(problems), key=lambda p: (p.line, p.column))
    if len(unique) > MAX_PROBLEMS:
        more = len(unique) - MAX_PROBLEMS
        unique = unique[:MAX_PROBLEMS]
        unique.append(Problem(file, 0, 0, f"and {more} more problems", "mend these first"))
    return unique
