"""The tree of a Debian worker, unpacked, for tests that look into it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def worker_tree() -> Path:
    """A built tree: B2CT_WORKER_TREE names one, for instance an unpacked configuration layer."""
    named = os.environ.get("B2CT_WORKER_TREE")
    if not named:
        pytest.skip("B2CT_WORKER_TREE names no built tree of a worker")
    if os.geteuid() != 0:
        pytest.skip("chroot into a built tree needs root")
    return Path(named)
