"""The order of the tests: each runs once, the long ones first, and their files exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.order import LONG, spread

ROOT = Path(__file__).resolve().parents[1]
FILES = [name for _, names in LONG for name in names]


def test_the_long_ones_are_there() -> None:
    assert len(set(FILES)) == len(FILES)
    assert [name for name in FILES if not (ROOT / name).is_file()] == []
    assert [seconds for seconds, _ in LONG] == sorted((s for s, _ in LONG), reverse=True)


@pytest.mark.parametrize("short", [0, 1, 7, 400])
@pytest.mark.parametrize("workers", [1, 2, 3, 16])
def test_each_runs_once_and_files_stay_together(workers: int, short: int) -> None:
    names = [f"tests/a{n // 5}.py::test_{n}" for n in range(short)]
    names[short // 2 : short // 2] = [f"{name}::test_{n}" for name in FILES for n in range(3)]
    order = spread(names, workers)
    assert sorted(order) == list(range(len(names)))
    if workers == 1:
        assert order == sorted(order)


def test_each_worker_begins_with_its_share() -> None:
    names = [f"tests/a{n}.py::test" for n in range(100)] + [f"{name}::test" for name in FILES]
    order = [names[number].partition("::")[0] for number in spread(names, 2)]
    half = len(names) // 2
    assert order[0] == LONG[0][1][0]
    assert order[half] == LONG[1][1][0]
    firsts = [name for name in order[:20] + order[half : half + 20] if name in FILES]
    assert sorted(firsts) == sorted(FILES)
