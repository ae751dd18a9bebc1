"""What the user sees: progress and notes on stderr, so that stdout stays data.

Much of it quotes what machines, servers and files say. A terminal obeys control characters: they
could erase a line of ours, write one in our name, or do worse. So all that a verb prints goes
through `plain_output`. Who draws on a terminal (rich) asks for the stream `undisguised`, and makes
each foreign text `plain` before.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

_COMMANDS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters, those that turn the direction of writing, and what no encoding can say."""


def plain(text: str) -> str:
    """The text with control characters as `\\u001b`, which JSON reads, too; lines and tabs stay."""
    return _COMMANDS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class _Plain:
    """A text stream whose texts are made plain; in all else it is the stream below."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        self.stream.write(plain(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        self.stream.writelines(plain(line) for line in lines)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def plain_output() -> Iterator[None]:
    """Whatever is printed meanwhile, on stdout and stderr, is plain."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast("TextIO", _Plain(stream)) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def undisguised(stream: TextIO) -> TextIO:
    """The stream itself, for those who draw."""
    return stream.stream if isinstance(stream, _Plain) else stream


def note(text: str) -> None:
    """A line for the person at the terminal."""
    print(plain(text), file=sys.stderr, flush=True)


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
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(file=undisguised(sys.stderr)),
    ) as progress:
        task = progress.add_task(plain(label), total=total)

        def advance(count: int) -> None:
            progress.advance(task, count)

        yield advance
