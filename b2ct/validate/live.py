"""What is seen while the checks run: a row a node, what it does now, and what failed so far."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from b2ct.core.console import note, plain, redrawn, undisguised
from b2ct.validate.results import Outcome, Result
from b2ct.validate.runner import Listener, Silent

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

AROUND = 5
"""Lines of the terminal that are not rows of nodes."""
BAR = 20


@dataclass
class Row:
    """A node, as far as it has come."""

    name: str
    total: int
    ended: int = 0
    bad: int = 0
    running: str = ""
    began: float = 0.0
    unreachable: str = ""
    over: bool = False

    @property
    def state(self) -> str:
        """What it does now, in words."""
        if self.unreachable:
            return f"unreachable: {self.unreachable}"
        if self.over:
            return f"{self.bad} wrong" if self.bad else "ok"
        if not self.running:
            return "waits"
        seconds = time.monotonic() - self.began
        return f"{self.running} ({seconds:.0f} s)" if seconds >= 2 else self.running


class Board:
    """A Listener that keeps the rows; drawn by `table`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.rows: dict[str, Row] = {}

    def begin(self, totals: Mapping[str, int]) -> None:
        """A row for each node."""
        with self._lock:
            self.rows = {name: Row(name or "the site", total) for name, total in totals.items()}

    def running(self, node: str, check: str) -> None:
        """It runs this one now."""
        with self._lock:
            row = self.rows[node]
            row.running, row.began = check, time.monotonic()

    def ended(self, node: str, result: Result) -> None:
        """One more of the node."""
        with self._lock:
            row = self.rows[node]
            row.ended += 1
            row.running = ""
            row.bad += result.outcome in (Outcome.FAILED, Outcome.NOT_RUN)

    def done(self, node: str, unreachable: str) -> None:
        """The node is through."""
        with self._lock:
            row = self.rows[node]
            row.unreachable, row.over, row.running = unreachable, True, ""

    def chosen(self, room: int) -> tuple[list[Row], int]:
        """The rows that fit: all, or those at work, then the bad ones; and how many are not shown.

        Rows are copied: others go on writing.
        """
        with self._lock:
            rows = [Row(**vars(row)) for row in self.rows.values()]
        if len(rows) <= room:
            return rows, 0
        order = sorted(rows, key=lambda row: (row.over, not row.running, -row.bad))
        kept = {id(row) for row in order[: max(room, 1)]}
        shown = [row for row in rows if id(row) in kept]
        return shown, len(rows) - len(shown)

    def counts(self) -> str:
        """One line over all nodes."""
        with self._lock:
            rows = list(self.rows.values())
            ended, total = sum(row.ended for row in rows), sum(row.total for row in rows)
            bad = sum(row.bad for row in rows)
            over = sum(row.over for row in rows)
        return f"{ended} of {total} checks, {bad} wrong; {over} of {len(rows)} done; Ctrl-C stops"


def table(board: Board, height: int) -> Table:
    """The board as it is now, at most so many lines high."""
    from rich.table import Table
    from rich.text import Text

    rows, hidden = board.chosen(max(height - AROUND, 3))
    drawn = Table(box=None, pad_edge=False, caption_justify="left", caption=board.counts())
    drawn.add_column("node", no_wrap=True)
    drawn.add_column("checks", no_wrap=True)
    drawn.add_column("wrong", justify="right", no_wrap=True)
    drawn.add_column("now", no_wrap=True, overflow="ellipsis")
    for row in rows:
        style = "red" if row.unreachable or row.bad else "green" if row.over else ""
        filled = round(BAR * row.ended / row.total) if row.total else BAR
        bar = f"{'#' * filled}{'.' * (BAR - filled)} {row.ended}/{row.total}"
        wrong = str(row.bad) if row.bad else ""
        drawn.add_row(*(Text(plain(cell), style) for cell in (row.name, bar, wrong, row.state)))
    if hidden:
        drawn.add_row(Text(f"and {hidden} more", "dim"))
    return drawn


class Lines(Silent):
    """Where nobody watches (a log, CI): one line when a node is through."""

    def __init__(self, tell: Callable[[str], object] = note) -> None:
        self._board = Board()
        self._tell = tell

    def begin(self, totals: Mapping[str, int]) -> None:
        """Who is asked."""
        self._board.begin(totals)
        nodes = sum(bool(name) for name in totals)
        self._tell(f"asking {nodes} node{'s' if nodes != 1 else ''}")

    def ended(self, node: str, result: Result) -> None:
        """Counted."""
        self._board.ended(node, result)

    def done(self, node: str, unreachable: str) -> None:
        """The line."""
        self._board.done(node, unreachable)
        row = self._board.rows[node]
        self._tell(f"{row.name}: {row.ended} of {row.total} checks, {row.state}")


@contextmanager
def listener(*, quiet: bool = False, console: Console | None = None) -> Iterator[Listener]:
    """The view that fits where stderr goes: a live table, lines, or nothing."""
    if quiet:
        yield Silent()
        return
    if console is None and not redrawn(sys.stderr):
        yield Lines()
        return
    from rich.console import Console as RichConsole
    from rich.live import Live

    board = Board()
    console = console or RichConsole(file=undisguised(sys.stderr))
    with Live(
        get_renderable=lambda: table(board, console.size.height),
        console=console,
        refresh_per_second=5,
        transient=True,
        redirect_stdout=False,
    ):
        yield board
