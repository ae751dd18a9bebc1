"""What is made once in a test run, for all workers of pytest-xdist."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def once(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Any]
) -> tuple[Path, Any]:
    """What `make` made in a folder, and its result (JSON): once for all workers of pytest-xdist.

    Treat both as read-only.
    """
    base = factory.getbasetemp()
    # Workers have folders of their own inside the session's.
    place = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, note = place / name, place / f"{name}.json"
    with (place / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not note.exists():
            # It is shared: the clock of the test that asks first must not be in it.
            with pytest.MonkeyPatch.context() as clock:
                clock.delenv("SOURCE_DATE_EPOCH", raising=False)
                note.write_text(json.dumps(make(folder)))
    return folder, json.loads(note.read_text())
