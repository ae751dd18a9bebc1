"""The field on a double whose clock stands still."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from b2ct.rehearsal.oned import Clock, OnedDouble

from .field import Field


@pytest.fixture
def field() -> Iterator[Field]:
    with OnedDouble(clock=Clock()) as double:
        yield Field(double)
