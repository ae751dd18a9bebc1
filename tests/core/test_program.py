"""A line that is pasted after `sudo` finds this very program."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from b2ct.core import program


def test_where_sudo_would_not_look_the_whole_path_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "SECURE_PATH", "/nonexistent")
    words = shlex.split(program.as_root())
    assert words[0] == "sudo"
    done = subprocess.run(
        [*words[1:], "--version"], capture_output=True, text=True, check=True, env={}, timeout=60
    )
    assert done.stdout.startswith("b2ct")


def test_where_sudo_looks_the_name_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = tmp_path / "b2ct"
    there.write_text("#!/bin/sh\n")
    there.chmod(0o755)
    monkeypatch.setattr(program, "SECURE_PATH", str(tmp_path))
    assert program.as_root() == "sudo b2ct"
