"""Ctrl-C while something has to be cleaned up: the first one stops, further ones wait."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

PATIENCE = 3
"""Signals after the first that are only answered; the next one ends whatever runs."""


@contextmanager
def gentle(notice: Callable[[str], object]) -> Iterator[None]:
    """While the block lasts the first SIGINT or SIGTERM raises KeyboardInterrupt, once.

    So a check that started a VM removes it, also for somebody impatient.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    seen = 0

    def handle(_signal: int, _frame: FrameType | None) -> None:
        nonlocal seen
        seen += 1
        if seen == 1 or seen > PATIENCE + 1:
            raise KeyboardInterrupt
        notice("stopping: what was started is being removed first")

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
