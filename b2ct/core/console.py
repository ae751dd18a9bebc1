"""What the user sees while waiting: progress and notes on stderr, so that stdout stays data."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO


def note(text: str) -> None:
    """A line for the person at the terminal."""
    print(text, file=sys.stderr, flush=True)


def redrawn(stream: TextIO) -> bool:
    """It goes to a terminal that can put a text in place of an older one; see terminfo(5)."""
    return stream.isatty() and os.environ.get("TERM", "").lower() not in {"dumb", "unknown"}


@contextmanager
def byte_progress(label: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A progress bar over bytes with rate and time left; yields `advance(count)`.

    On a terminal it is drawn by rich; elsewhere (logs, CI) nothing is drawn. `total` is None
    where the size is not known in advance.
    """
    if not sys.stderr.isatty():
        yield lambda _count: None
        return
    # rich costs a tenth of a second to import: only those who watch pay for it.
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as progress:
        task = progress.add_task(label, total=total)

        def advance(count: int) -> None:
            progress.advance(task, count)

        yield advance
