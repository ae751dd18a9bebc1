"""`b2ct` as a user runs it, and what a refusal looks like."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

PracticeIso = Callable[[str], Path]


def b2ct(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the program in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "b2ct", *map(str, words)],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def assert_refused(done: subprocess.CompletedProcess[str], *expected: str) -> None:
    """Exit code 2, one line (and its hint) that says all of `expected`, and no traceback."""
    lines = [line for line in done.stderr.splitlines() if not line.startswith("note:")]
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert lines[0].startswith("b2ct: ")
    assert all(line.startswith("b2ct: hint: ") for line in lines[1:]), lines
    assert len(lines) <= 2, lines
    for text in expected:
        assert text in done.stderr
    assert done.stdout == ""


def left_over(folder: Path, *known: Path) -> list[str]:
    """What is in the folder besides what was known to be."""
    return [p.name for p in folder.iterdir() if p not in known]
