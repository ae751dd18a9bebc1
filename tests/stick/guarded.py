"""Runs `b2ct` in a process of its own, under the tests' guard; see `safety`.

STICK_ALLOWED names the loop devices that may be written. STICK_SIGNAL=LABEL:BYTES:NUMBER sends
this process a signal when that phase has come that far: a real Ctrl-C at a known moment.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from b2ct.cli import usb_stick
from b2ct.cli.main import main
from tests.stick import safety


def _signalling(wanted: str, limit: int, number: int) -> object:
    @contextmanager
    def progress(label: str, _total: int | None) -> Iterator[Callable[[int], None]]:
        seen = 0

        def advance(count: int) -> None:
            nonlocal seen
            seen += count
            if label == wanted and seen >= limit:
                os.kill(os.getpid(), number)

        yield advance

    return progress


if __name__ == "__main__":
    safety.install()
    for name in os.environ.get("STICK_ALLOWED", "").split():
        safety.ALLOWED.add(Path(name).stat().st_rdev)
    if plan := os.environ.get("STICK_SIGNAL"):
        label, size, number = plan.split(":")
        usb_stick.__dict__["byte_progress"] = _signalling(label, int(size), int(number))
    main()
