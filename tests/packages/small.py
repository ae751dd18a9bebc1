"""A small tree that stands for the real one, whose packing takes long."""

from __future__ import annotations

from pathlib import Path

from packages import tree


def make(folder: Path) -> Path:
    """A file, a program, a link, and a name that a spec would misread."""
    tree.put(folder / "usr/lib/b2ct/lib/a b%d.txt", "text\n")
    tree.put(folder / "usr/lib/b2ct/bin/b2ct", "#!/bin/sh\n")
    tree.link(folder / "usr/bin/b2ct", "../lib/b2ct/bin/b2ct")
    return folder
