"""Progress is drawn on a terminal, on standard error, and nowhere else."""

from __future__ import annotations

import sys

import pexpect
import pytest

from b2ct.core import console


def test_notes_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    console.note("a line")
    assert capsys.readouterr() == ("", "a line\n")


def test_nothing_is_drawn_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    with console.byte_progress("x", 10) as advance:
        advance(10)
    assert capsys.readouterr() == ("", "")


def test_a_bar_is_drawn_on_a_terminal() -> None:
    code = (
        "from b2ct.core.console import byte_progress\n"
        "with byte_progress('copying', 3000000) as advance: advance(3000000)"
    )
    child = pexpect.spawn(sys.executable, ["-c", code], encoding="utf-8", timeout=60)
    child.expect(r"copying.*3\.0/3\.0 MB")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
