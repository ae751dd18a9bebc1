"""Progress is drawn on a terminal, on standard error, and nowhere else."""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from pathlib import Path

import click
import pexpect
import pytest
from hypothesis import given
from hypothesis import strategies as st

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


@given(st.text())
def test_plain_text_moves_nothing_on_a_terminal(text: str) -> None:
    told = console.plain(text)
    for character in told:
        kind = unicodedata.category(character)
        assert character in "\n\t" or kind not in ("Cc", "Cs", "Zl", "Zp"), ascii(character)
        assert unicodedata.bidirectional(character) not in BIDIRECTIONAL
    # What there is to see stays, and JSON reads the rest as it was.
    if text.isprintable():
        assert told == text or any(unicodedata.bidirectional(c) in BIDIRECTIONAL for c in text)
    quoted = json.dumps(text, ensure_ascii=False)
    assert json.loads(console.plain(quoted)) == text


BIDIRECTIONAL = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def test_whatever_is_printed_is_plain_and_drawing_is_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with console.plain_output():
        print("a\x1b[2Jb")
        click.echo("c\x9b1m\udc9bd")
        click.echo("e\re", err=True)
        sys.stdout.writelines(["f\x07\n"])
        console.undisguised(sys.stderr).write("\x1b[1m")
    print("\x1b")
    assert capsys.readouterr() == (
        "a\\u001b[2Jb\nc\\u009b1m\\udc9bd\nf\\u0007\n\x1b\n", "e\\u000de\n\x1b[1m",
    )  # fmt: skip


def test_a_label_is_no_markup_and_no_command() -> None:
    code = (
        "from b2ct.core.console import byte_progress\n"
        "with byte_progress('[red]x\\x1b]0;pwned\\x07', 3) as advance: advance(3)"
    )
    child = pexpect.spawn(sys.executable, ["-c", code], encoding="utf-8", timeout=60)
    child.expect_exact("[red]x\\u001b]0;pwned\\u0007")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_a_file_that_others_wrote_commands_no_terminal(tmp_path: Path) -> None:
    """The whole program on a terminal, and the message quotes what a file says."""
    hostile = tmp_path / "site\x1b[2J.yaml"
    hostile.write_text('"\\e]0;pwned\\a\\r\\nb2ct: all is well": 1\n')
    child = pexpect.spawn(
        sys.executable, ["-m", "b2ct.cli.main", "check", str(hostile)], encoding="utf-8", timeout=60
    )
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 2
    assert "\\u001b]0;pwned\\u0007" in child.before
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", child.before)
    assert not re.search(r"^b2ct: all is well", child.before, re.MULTILINE)
