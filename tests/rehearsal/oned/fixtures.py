"""Fixtures with the double, for a conftest.py to import."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from b2ct.rehearsal.oned import Clock, OnedDouble


@pytest.fixture
def oned() -> Iterator[OnedDouble]:
    """A new cloud whose time runs 50 times as fast as real time."""
    with OnedDouble() as one:
        yield one


@pytest.fixture
def oned_still() -> Iterator[OnedDouble]:
    """A new cloud whose time stands still until `tick`."""
    with OnedDouble(clock=Clock()) as one:
        yield one
