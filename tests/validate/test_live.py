from __future__ import annotations

import io

import pytest
from rich.console import Console

from b2ct.validate.live import Board, Lines, listener, table
from b2ct.validate.results import Outcome, Result
from b2ct.validate.runner import Silent

BAD = Result("a", Outcome.FAILED)
GOOD = Result("a", Outcome.PASSED)


def drawn(board: Board, height: int = 40) -> list[str]:
    console = Console(width=80, file=io.StringIO(), color_system=None)
    with console.capture() as capture:
        console.print(table(board, height))
    return [line.rstrip() for line in capture.get().splitlines() if line.strip()]


def busy(nodes: int = 3) -> Board:
    board = Board()
    board.begin({**{f"hv{n}": 4 for n in range(nodes)}, "": 2})
    board.running("hv0", "oned-runs")
    board.ended("hv1", BAD)
    board.ended("hv1", GOOD)
    board.done("hv2", "it is off")
    return board


def test_a_row_a_node_says_what_it_does() -> None:
    lines = drawn(busy())
    assert lines[0].split() == ["node", "checks", "wrong", "now"]
    assert lines[1].split() == ["hv0", "." * 20, "0/4", "oned-runs"]
    assert lines[2].split() == ["hv1", "#" * 10 + "." * 10, "2/4", "1", "waits"]
    assert lines[3].endswith("unreachable: it is off")
    assert lines[4].split()[:2] == ["the", "site"]
    assert lines[5].strip() == "2 of 14 checks, 1 wrong; 1 of 4 done; Ctrl-C stops"


def test_a_terminal_that_is_too_low_shows_those_at_work() -> None:
    board = busy(nodes=60)
    lines = drawn(board, height=10)
    assert len(lines) <= 10
    assert any(line.startswith("hv0 ") for line in lines)
    assert any(line.startswith("hv1 ") for line in lines)  # something is wrong there
    assert not any(line.startswith("hv2 ") for line in lines)
    assert any("and 56 more" in line for line in lines)


def test_a_check_that_takes_long_says_how_long() -> None:
    board = busy()
    board.rows["hv0"].began -= 75
    assert board.rows["hv0"].state.startswith("oned-runs (75 s)")
    board.done("hv0", "")
    assert board.rows["hv0"].state == "ok"


def test_markup_in_what_a_node_says_is_text() -> None:
    board = busy()
    board.done("hv0", "[bold]x[/nonsense]")
    assert any("unreachable: [bold]x[/nonsense]" in line for line in drawn(board))


def test_in_a_log_there_is_a_line_a_node() -> None:
    said = list[str]()
    lines = Lines(said.append)
    lines.begin({"hv1": 2, "": 1})
    lines.running("hv1", "a")
    lines.ended("hv1", GOOD)
    lines.ended("hv1", BAD)
    lines.done("hv1", "")
    lines.ended("", GOOD)
    lines.done("", "")
    assert said == [
        "asking 1 node", "hv1: 2 of 2 checks, 1 wrong", "the site: 1 of 1 checks, ok",
    ]  # fmt: skip


def test_the_view_fits_where_it_goes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    with listener(quiet=True) as quiet:
        assert type(quiet) is Silent
    with listener() as lines:
        assert isinstance(lines, Lines)
    out = io.StringIO()
    with listener(console=Console(file=out, force_terminal=True, width=80)) as live:
        live.begin({"hv1": 1})
        live.done("hv1", "")
    assert "hv1" in out.getvalue()
    assert capsys.readouterr().out == ""
