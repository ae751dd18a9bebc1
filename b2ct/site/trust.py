"""What a site.yaml reaches for beyond its own folder: shown and asked for before it happens.

A site.yaml that somebody sends is a program: its secrets may be what a command prints, or the
first line of any file. What lies beside it came with it, and needs no question.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from b2ct.core.consent import Question
from b2ct.site.model import Secret, Site

OPTION = "--trust-site"
LARGEST = 2**20
"""Bytes of a program in the site's folder that count for its hash."""


@dataclass(frozen=True)
class Origin:
    """The file that a site was read from, with the very text that was read."""

    path: Path
    text: str


def named_secrets(site: Site) -> Iterator[tuple[str, Secret]]:
    """Every secret that the site refers to, by its name in site.yaml."""
    for name in type(site.secrets).model_fields:
        secret = getattr(site.secrets, name)
        if secret is not None:
            yield f"secrets.{name}", secret


def reaches(site: Site, folder: Path, *, leaving: bool = False) -> list[str]:
    """All that the site reaches for beyond `folder`, that of site.yaml, in words.

    With `leaving` its secrets go to a server that only site.yaml names: then variables of the
    environment count, too.
    """
    found = []
    for name, secret in named_secrets(site):
        if secret.command is not None:
            found.append(f"{name} runs the command: {shlex.join(secret.command)}")
        elif secret.file is not None and not inside(folder, secret.file):
            found.append(f"{name} reads the file: {secret.file}")
        elif secret.env is not None and leaving:
            found.append(f"{name} sends the environment variable: {secret.env}")
    found += [f"{name} reads the file: {path}" for name, path in own_files_outside(site, folder)]
    return found


def own_files_outside(site: Site, folder: Path) -> list[tuple[str, Path]]:
    """Files for VMs that are not in the site's folder, by the key that names them."""
    named = [
        *((f"workers.{n}.scripts", path) for n, w in site.workers.items() for path in w.scripts),
        *((f"workers.{n}.user_data", w.user_data) for n, w in site.workers.items()),
        *((f"cvmfs.keys.{domain}", path) for domain, path in site.cvmfs.keys.items()),
    ]  # fmt: skip
    return [(name, path) for name, path in named if path and not inside(folder, path)]


def inside(folder: Path, path: Path) -> bool:
    """Whether a file belongs to the site: below its folder, links followed.

    In the home folder (a download, say) hidden files are the user's own; a folder above it is
    everybody's.
    """
    folder = folder.resolve()
    try:
        below = (folder / path.expanduser()).resolve().relative_to(folder)
        home = Path.home().resolve()
    except (OSError, RuntimeError, ValueError):
        return False
    if folder == home:
        return not below.parts[:1] or not below.parts[0].startswith(".")
    return not home.is_relative_to(folder)


def question(site: Site, origin: Origin | None, folder: Path, told: list[str]) -> Question:
    """What is asked before the site reaches for what `told` says."""
    name = str(origin.path.resolve()) if origin else str(folder)
    more = f" (and {len(told) - 1} more)" if len(told) > 1 else ""
    return Question(
        "site",
        (name, origin.text if origin else "", *told, *_programs(site, folder)),
        (f"{name} reaches beyond its folder:", *(f"  {line}" for line in told)),
        "Do you trust this file with that, until it changes?",
        f"{told[0]}{more}: {origin.path if origin else 'the site'} is not trusted with that",
        OPTION,
    )


def _programs(site: Site, folder: Path) -> Iterator[str]:
    """The hashes of the programs in the site's folder that its commands run or are given."""
    for _, secret in named_secrets(site):
        for word in secret.command or ():
            with suppress(OSError, ValueError, RuntimeError):
                path = folder / Path(word).expanduser()
                if path.is_file() and inside(folder, Path(word)):
                    with path.open("rb") as file:
                        yield hashlib.sha256(file.read(LARGEST)).hexdigest()
