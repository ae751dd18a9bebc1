"""images/NAME.yaml and what it extends, to a `Definition`; or everything that is wrong with it.

A definition is named, or given by its path: what holds a `/` or ends in `.yaml` is a path. Names
are looked up in the folders given, in `images` of the current folder, and among those that are
shipped. `extends:` takes the same; its paths are relative to the file that they stand in, and a
definition that extends one of its own name means the next one of that name.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from b2ct.core.data import data_folder
from b2ct.core.errors import B2ctError, InvalidFileError
from b2ct.document import anchor, extends, problems
from b2ct.document import load as document
from b2ct.document.extends import Merged, NoParentError
from b2ct.document.finding import Finding, did_you_mean, size
from b2ct.document.kind import Kind
from b2ct.document.redact import quoted
from b2ct.document.tree import Node
from b2ct.image import crosscheck
from b2ct.image.model import GIB, Definition

LARGEST = GIB
"""Bytes of one file that a definition brings: it is held in memory, and in an archive."""
_LONGEST_LINE = 1 << 20
PARTS = "parts"
"""The folder beside definitions that holds what they have in common."""
KIND = Kind(
    model=Definition,
    noun="a worker image",
    usual_name="NAME.yaml",
    if_missing="`b2ct image list` tells which there are",
    crosscheck=crosscheck.problems,
    bears_without=crosscheck.bears_without,
)


@dataclass(frozen=True)
class Loaded:
    """A definition, its name, and the files that it came from, its own last."""

    name: str
    definition: Definition
    sources: tuple[Path, ...]
    tree: Node = field(repr=False, compare=False)
    """The merged tree, in which every value knows its file and line."""


def load(name_or_path: str, *, folders: Sequence[Path] = ()) -> Loaded:
    """Read a definition and what it extends; local paths come out absolute.

    Raises B2ctError if there is no such definition or it is a part of others, and
    InvalidFileError with all problems, each at its file and line.
    """
    file = find(name_or_path, folders=folders)
    merged = _read(file, folders)
    if is_part(file):
        raise B2ctError(
            f"{file} is a part that definitions extend, not an image",
            hint="`b2ct image list` tells which can be built",
        )
    definition = _validated(file, merged)
    if merged.root is None:
        raise AssertionError("an empty definition is not valid")
    return Loaded(file.stem, definition, merged.sources, merged.root)


def check(file: Path, *, folders: Sequence[Path] = ()) -> Loaded | None:
    """The same for a file; of a part, which is None, only what it says is checked.

    Raises InvalidFileError with all problems.
    """
    if not is_part(file):
        return load(_as_path(file), folders=folders)
    merged = _read(file, folders)
    _, findings = document.validate(KIND, merged.root)
    findings = [*(one for one in findings if not one.missing), *_local_files(merged.root)]
    told = [*merged.problems, *(problems.of_finding(file, merged.root, one) for one in findings)]
    if told:
        raise InvalidFileError(problems.in_order(file, told))
    return None


def _as_path(file: Path) -> str:
    """A path that cannot be taken for a name."""
    return str(file) if file.suffix == ".yaml" or len(file.parts) > 1 else f"./{file}"


def _validated(file: Path, merged: Merged) -> Definition:
    missing = [
        problems.of_finding(file, merged.root, finding) for finding in _local_files(merged.root)
    ]
    if merged.root is None and merged.problems:
        raise InvalidFileError(problems.in_order(file, list(merged.problems)))
    return document.from_tree(KIND, merged.root, file, [*merged.problems, *missing])


def _local_files(root: Node | None) -> list[Finding]:
    """What is wrong with the files that a definition brings; a keyring of the host is another
    matter.
    """
    return [
        finding
        for path, node in anchor.paths(root)
        if not (path[-1] == "file" and Path(node.typed).is_absolute())
        and (finding := _of_file(path, Path(str(node.value))))
    ]


def _of_file(path: tuple[str | int, ...], file: Path) -> Finding | None:
    if not _is_file(file):
        return Finding(path, "there is no such file", f"looked for {file}")
    if (found := file.stat().st_size) > LARGEST:
        return Finding(
            path,
            f"{file} has {size(found)}, more than the {size(LARGEST)} that a file of a definition "
            "may have",
            "fetch it when the VM starts (`scripts` of a worker), or put it into CVMFS",
        )
    if path[0] == "scripts" and (line := _windows_line(file)):
        return Finding(
            path,
            f"line {line} of {file} ends as on Windows (CR LF), which no shell understands",
            f"sed -i 's/\\r$//' {shlex.quote(str(file))}",
        )
    return None


def _windows_line(script: Path) -> int:
    """The number of the first line that ends in CR LF; 0 where none does, or it is no text."""
    try:
        with script.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE), b""), 1):
                if line.endswith(b"\r\n"):
                    return number
    except OSError:
        pass  # building says so, with its remedy
    return 0


def _is_file(path: Path) -> bool:
    """Whether it is a file; no for what cannot be a path."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_part(file: Path) -> bool:
    """Whether a file is one that definitions have in common."""
    return file.absolute().parent.name == PARTS


def available(*, folders: Sequence[Path] = ()) -> Mapping[str, Path]:
    """The definitions that a name can mean, sorted by name."""
    found: dict[str, Path] = {}
    for folder in _folders(folders):
        for path in folder.glob("*.yaml"):
            found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def find(name_or_path: str, *, folders: Sequence[Path] = ()) -> Path:
    """The file of a definition. Raises B2ctError for a name that there is not."""
    if _is_path(name_or_path):
        return Path(name_or_path)
    known = available(folders=folders)
    if name_or_path not in known:
        raise B2ctError(
            f"{quoted(name_or_path)}: there is no such definition of an image",
            hint=_did_you_mean(name_or_path, known),
        )
    return known[name_or_path]


def _is_path(text: str) -> bool:
    return "/" in text or text.endswith(".yaml")


def _folders(folders: Sequence[Path]) -> tuple[Path, ...]:
    return (*folders, Path("images"), data_folder("images"))


def _read(file: Path, folders: Sequence[Path]) -> Merged:
    def parent(said: str, asking: Path) -> Path:
        return _beside(said, asking) if _is_path(said) else _named(said, asking, folders)

    return extends.read(KIND, file, parent)


def _beside(said: str, asking: Path) -> Path:
    path = asking.parent / said
    if not _is_file(path):
        hint = did_you_mean(path.name, _others(path.parent, asking))
        raise NoParentError("there is no such file", hint or f"paths are relative to {asking}")
    return path


def _others(folder: Path, asking: Path) -> list[str]:
    """The definitions of a folder besides the one that asks."""
    try:
        return sorted(path.name for path in folder.glob("*.yaml") if path != asking)
    except (OSError, ValueError):
        return []


def _named(said: str, asking: Path, folders: Sequence[Path]) -> Path:
    found = [path for f in _folders(folders) if _is_file(path := f / f"{said}.yaml")]
    # What extends its own name means the one that it stands before.
    others = [path for path in found if not path.samefile(asking)]
    if not others:
        if found:
            raise NoParentError("it extends itself", "no other folder has one of this name")
        known = available(folders=folders)
        raise NoParentError("there is no such definition", _did_you_mean(said, known))
    return others[0]


def _did_you_mean(name: str, known: Mapping[str, Path]) -> str:
    return did_you_mean(name, known) or (f"there are {', '.join(known)}" if known else "")
