"""In which order tests run side by side: the longest first, so that all workers end together.

pytest-xdist gives each worker a row of the collected tests, and who is done takes from the others'
ends. A test of minutes that stands at an end is waited for by all. What shares something that takes
long to make (an image, the root of practice nodes) is a group and has one worker: others would only
wait for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

LONG: tuple[tuple[int, tuple[str, ...]], ...] = (
    (
        720,
        (
            "tests/validate/faults/test_faults.py",
            "tests/test_demo.py",
            "tests/rehearsal/site/test_dirac.py",
            "tests/rehearsal/site/test_lifecycle.py",
        ),
    ),
    (520, ("tests/image/test_worker.py", "tests/image/contents/test_tree.py")),
    (170, ("tests/docs/test_commands.py",)),
    (160, ("tests/media/test_remaster_boot.py", "tests/media/test_boot_practice.py")),
    (120, ("tests/media/key/test_boot.py",)),
    (60, ("tests/image/rootfs/test_apt.py", "tests/image/disk/test_boot.py")),
    (60, ("tests/kickstart/test_guest.py",)),
)
"""(seconds, roughly and on two cores, files), the longest first."""


@dataclass
class _Row:
    """What a worker begins with."""

    tests: list[int] = field(default_factory=list)
    seconds: int = 0


def spread(names: Sequence[str], workers: int) -> list[int]:
    """The tests' numbers, so that each of `workers` workers, which get rows of one length, begins
    with its share of the long ones. `names` are pytest's, in the order of collection.
    """
    if workers < 2:
        return [*range(len(names))]
    by_file: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        by_file.setdefault(name.partition("::")[0], []).append(number)
    rows = [_Row() for _ in range(workers)]
    for seconds, files in LONG:
        found = [number for file in files for number in by_file.pop(file, ())]
        if found:
            row = min(rows, key=lambda row: row.seconds)
            row.tests += found
            row.seconds += seconds
    rest = iter([number for found in by_file.values() for number in found])
    order: list[int] = []
    for number, row in enumerate(rows):
        end = (number + 1) * len(names) // workers
        order += row.tests
        order += islice(rest, max(0, end - len(order)))
    return [*order, *rest]
