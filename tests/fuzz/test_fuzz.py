"""Whatever bytes come, a parser reads them or refuses them in its own words: a share for each run.

`python -m tests.fuzz --minutes 60` goes on where this ends.
"""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fuzz.mutation import mutated
from tests.fuzz.targets import TARGETS, Target

EXAMPLES = 100


def tried(target: Target, examples: int) -> None:
    """Feed a parser with so many inputs. Raises what it should not have raised."""

    @settings(
        max_examples=examples, deadline=None, print_blob=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(mutated(target.seeds()))
    def run(data: bytes) -> None:
        with contextlib.suppress(*target.refuses):
            target.run(data)

    run()


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_parser_reads_or_refuses_what_is_nearly_right(target: Target) -> None:
    tried(target, EXAMPLES)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_what_is_right_is_read(target: Target) -> None:
    """Else the parser would refuse at its first look, and nothing behind that would be tried."""
    for seed in target.seeds():
        target.run(seed)
