"""A lock of one package, which has one file and needs nothing: it stands for all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.supply import program

SMALL = "iniconfig"


def lock(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make `folder` hold such a lock and an empty cache, and have B2CT use both."""
    logical = program.LOCK.read_text().replace("\\\n", " ")
    (line,) = [line for line in logical.splitlines() if line.startswith(f"{SMALL}==")]
    path = folder / "control.lock"
    path.write_text(f"{line}\n")
    monkeypatch.setattr(program, "LOCK", path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    return folder
