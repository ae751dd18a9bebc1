"""Checks of a node that takes its time: benchmarks/validate.py --alone compares one with many.

Each waits as a node waits for its disks and services, and costs this machine, which is all of the
nodes at once, next to no work.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from b2ct.validate.check import check

if TYPE_CHECKING:
    from testinfra.host import Host

SECONDS, CHECKS = 0.4, 25


def _waiting(number: int) -> Callable[..., object]:
    def wait(host: Host) -> None:
        assert host.run(f"sleep {SECONDS}; echo {number}").stdout.strip() == str(number)

    wait.__name__ = f"test_wait_{number}"
    marked = check(
        proves="the node answers in its own time",
        why="the benchmark needs something to wait for",
        remedy="ssh {user}@{address}",
    )
    return marked(wait)


globals().update({f"test_wait_{number}": _waiting(number) for number in range(CHECKS)})
