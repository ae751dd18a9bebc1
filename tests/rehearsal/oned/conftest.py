"""The double's own tests use its fixtures."""

from __future__ import annotations

from tests.rehearsal.oned.fixtures import oned, oned_still

__all__ = ["oned", "oned_still"]
