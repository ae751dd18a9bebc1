"""What a practice package is, whatever format it is written in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

SUFFIX = "+practice"
"""At the end of every version: nobody can take such a package for the real one."""
WARNING = "This is a practice package made by b2ct: it does nothing."


@dataclass(frozen=True)
class Item:
    """A file, a folder or a link of a package. Paths are absolute and below no link."""

    path: str
    kind: Literal["file", "folder", "link"] = "file"
    data: bytes = b""
    target: str = ""
    """Of a link."""
    mode: int = 0o644
    config: bool = False
    """The administrator's changes to it survive an update."""
    owner: str = "root"


@dataclass(frozen=True)
class PracticePackage:
    """A package of one of the two formats."""

    name: str
    summary: str
    version: str = f"1.0{SUFFIX}"
    items: tuple[Item, ...] = ()
    requires: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    scripts: Mapping[str, str] = field(default_factory=dict)
    """Kind (`pre`, `post`, `posttrans` of RPM; `postinst` of dpkg) -> shell text."""
    license: str = "Apache-2.0"


def text(path: str, content: str, mode: int = 0o644, *, config: bool = False) -> Item:
    """A text file."""
    return Item(path, data=content.encode(), mode=mode, config=config)


def config(path: str, content: str) -> Item:
    """A configuration file."""
    return text(path, content, config=True)


def script(path: str, body: str) -> Item:
    """A shell script that may be run."""
    return text(path, f"#!/bin/sh\n# {WARNING}\n{body}", 0o755)


def stub(path: str, *, code: int = 1) -> Item:
    """A program that says that it is none, and ends with `code`."""
    name = path.rpartition("/")[2]
    return script(path, f'echo "{name}: a practice package is installed, not the real one" >&2\n'
                  f"exit {code}\n")  # fmt: skip


def folder(path: str, mode: int = 0o755, owner: str = "root") -> Item:
    """A folder that the package owns."""
    return Item(path, "folder", mode=mode, owner=owner)


def link(path: str, target: str) -> Item:
    """A symbolic link."""
    return Item(path, "link", target=target, mode=0o777)


def unit(name: str, wanted_by: str = "multi-user.target") -> Item:
    """A systemd service that does nothing."""
    body = (
        f"[Unit]\nDescription={name} (practice)\n\n[Service]\nType=oneshot\nExecStart=/bin/true\n"
    )
    return text(f"/usr/lib/systemd/system/{name}", f"{body}\n[Install]\nWantedBy={wanted_by}\n")


def placeholder(name: str) -> PracticePackage:
    """A package of that name with nothing but a note in it."""
    note = text(f"/usr/share/b2ct-practice/{name}", f"{name}: {WARNING}\n")
    return PracticePackage(name, f"Stands for {name}", items=(note,))


def known(packages: Iterable[PracticePackage]) -> set[str]:
    """All names that the packages can be asked for by."""
    return {name.split()[0] for package in packages for name in (package.name, *package.provides)}
