"""Fixtures: other users of this host."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.image.rootfs.others import Other, another


@pytest.fixture
def other() -> Iterator[Other]:
    """An ordinary user, who may have user namespaces."""
    with another(ids=True) as found:
        yield found


@pytest.fixture
def nobody_special() -> Iterator[Other]:
    """An ordinary user without subordinate IDs."""
    with another(ids=False) as found:
        yield found
