"""Practice sites for tests: whether one can stand here, and one that is removed again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from b2ct.core.errors import B2ctError
from b2ct.rehearsal.site import lifecycle as practice
from b2ct.rehearsal.site import state
from b2ct.rehearsal.site.lifecycle import Practice


def _missing() -> str:
    try:
        state.need_namespaces()
    except B2ctError as error:
        return error.message
    return ""


_WHY = _missing()
needs_namespaces = pytest.mark.skipif(bool(_WHY), reason=_WHY or "-")


@contextmanager
def standing(kind: str, *, hypervisors: int, dirac: bool = False) -> Iterator[Practice]:
    """A site of this process's own; it goes with the block, and with this process."""
    name = f"{kind}-{os.getpid()}"
    try:
        yield practice.up(name, hypervisors=hypervisors, dirac=dirac, keeper=os.getpid())
    finally:
        practice.down(name)


def wait(reached: Callable[[], object], seconds: float = 60) -> None:
    """Until it is so."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.05)
