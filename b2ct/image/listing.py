"""The definitions that there are, and whether this host can build them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.core.run import find_tool
from b2ct.image import definitions
from b2ct.image.model import Definition

TOOLS = {"apt": ("mmdebstrap", "apt-get"), "rpm": ("dnf", "rpm")}
"""Packaging -> the tools that bootstrap with it."""
ALWAYS = ("mke2fs", "qemu-img")


@dataclass(frozen=True)
class Row:
    """A definition in a few words."""

    name: str
    file: Path
    title: str = ""
    distribution: str = ""
    end_of_life: date | None = None
    size: int = 0
    """Virtual size in bytes."""
    lacks: tuple[str, ...] = ()
    """What this host lacks to build it."""
    problem: str = ""
    """Why the definition cannot be read; the rest is then empty."""

    def historical(self, today: date) -> bool:
        """Whether its updates have ended."""
        return self.end_of_life is not None and self.end_of_life < today


def rows(*, folders: Sequence[Path] = ()) -> list[Row]:
    """All definitions by name; one that is broken has its first problem."""
    return [
        _row(name, file, folders) for name, file in definitions.available(folders=folders).items()
    ]


def _row(name: str, file: Path, folders: Sequence[Path]) -> Row:
    try:
        definition = definitions.load(name, folders=folders).definition
    except B2ctError as err:
        return Row(name, file, problem=err.lines()[0])
    system = definition.system
    return Row(
        name,
        file,
        definition.title,
        f"{system.distribution} {system.release}",
        system.end_of_life,
        definition.disk.size,
        lacks(definition),
    )


def lacks(definition: Definition) -> tuple[str, ...]:
    """The tools and keyrings of this host without which a definition cannot be built here."""
    tools = (*TOOLS[definition.system.packaging], *ALWAYS)
    keyrings = dict.fromkeys(
        str(key.file)
        for repository in definition.repositories.values()
        for key in repository.keys
        if key.file is not None and not key.file.is_file()
    )
    return (*(tool for tool in tools if find_tool(tool) is None), *keyrings)
