"""Who is told how a registration goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from b2ct.site.workers import MIB

Advance = Callable[[int], object]
Bar = Callable[[str, int], AbstractContextManager[Advance]]


@contextmanager
def _no_bar(_label: str, _total: int) -> Iterator[Advance]:
    yield lambda _count: None


@dataclass(frozen=True)
class Listener:
    """Who is told how it goes."""

    note: Callable[[str], object] = lambda _text: None
    bar: Bar = _no_bar
    state: Callable[[str, str, float], object] = lambda _what, _state, _seconds: None
    """Told an object, its state and the seconds waited, at each look."""
    pause: float = 2.0
    """Seconds before a lost SSH connection is made again."""


def size(count: int) -> str:
    """`384 KiB` or `1200 MiB`, of bytes."""
    return f"{count // MIB} MiB" if count >= 10 * MIB else f"{-(-count // 1024)} KiB"
