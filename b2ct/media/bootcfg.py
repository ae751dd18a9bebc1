"""Boot loader menus of an installer, edited as text: a dialect each, isolinux and GRUB 2.

New entries go in front, each made from the installer's own install entry of the same file: the
same kernel, the same command word, the same arguments, and the kickstart behind them. What the
file already says stays, except what the default is and how long the menu waits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from b2ct.media import grub, isolinux
from b2ct.media.bootmenu import ARGUMENT, DROP, SOURCE, Menu, lines_of, without_ours

ISOLINUX, GRUB = "isolinux", "grub"
_EDITORS = {ISOLINUX: isolinux.edit, GRUB: grub.edit}
_TEMPLATES = {ISOLINUX: isolinux.template_of, GRUB: grub.template_of}
_TITLES = {ISOLINUX: isolinux.TITLE, GRUB: grub.TITLE}


def edit(kind: str, text: str, menu: Menu) -> str | None:
    """The file with the new entries; None when it has no install entry to make them from."""
    return _EDITORS[kind](without_ours(text), menu)


def titles(kind: str, text: str) -> list[str]:
    """The titles in a file, as they are written."""
    pattern = _TITLES[kind]
    # Line by line: over a whole text these patterns would begin anew at each of its blank lines.
    found = (re.match(pattern, line) for line in lines_of(text))
    return [title[1].strip().replace("^", "") for title in found if title]


@dataclass(frozen=True)
class InstallEntry:
    """How a menu starts its installer: the word that loads the kernel, and the plain arguments."""

    command: str
    arguments: tuple[str, ...]


def install_entry(kind: str, text: str) -> InstallEntry | None:
    """The file's own install entry, None where it has none.

    Its arguments come without what names the medium (initrd, stage 2, packages, kickstart, media
    check) and without those that need a loader's quoting.
    """
    found = _TEMPLATES[kind](lines_of(without_ours(text)))
    if found is None:
        return None
    kept = [
        token
        for token in found.arguments
        if ARGUMENT.fullmatch(token)
        and not (DROP.fullmatch(token) or SOURCE.fullmatch(token))
        and not token.startswith("initrd=")
    ]
    return InstallEntry(found.command, tuple(kept))
