"""Timing of whole processes: alternating runs, medians, peak memory. Shared by the benchmarks."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """One run: wall and processor time in seconds, peak resident memory in MiB."""

    wall: float
    cpu: float
    peak: float


@dataclass(frozen=True)
class Way:
    """One way to do the job: its name, a command, and what to do before and after each run."""

    name: str
    command: Sequence[str | Path]
    prepare: Callable[[], None] = lambda: None
    cleanup: Callable[[], None] = lambda: None


_NOT_PASSED_ON = ("PYTHONDONTWRITEBYTECODE",)


def once(command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> Run:
    """Run a command to its end and measure the whole process, its children included.

    Python keeps its bytecode, as it does where B2CT is installed. Raises RuntimeError with the
    output of a command that fails.
    """
    around = {name: text for name, text in os.environ.items() if name not in _NOT_PASSED_ON}
    start = time.perf_counter()
    process = subprocess.Popen(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**around, **(env or {})},
    )
    assert process.stdout
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[0]}: exit code {process.returncode}: {output[-2000:]!r}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def alternate(ways: Sequence[Way], rounds: int) -> dict[str, list[Run]]:
    """Every way once a round, so that a change of the machine's mood meets them all alike."""
    runs: dict[str, list[Run]] = {way.name: [] for way in ways}
    for number in range(rounds):
        for way in ways:
            print(f"\rround {number + 1}/{rounds}: {way.name:<50}", end="", file=sys.stderr)
            way.prepare()
            try:
                runs[way.name].append(once(way.command))
            finally:
                way.cleanup()
    print(f"\r{'':<70}\r", end="", file=sys.stderr)
    return runs


def table(runs: Mapping[str, Sequence[Run]], base: str) -> list[str]:
    """A line a way: medians, the best wall time, and the ratio of medians to that of `base`."""
    unit = statistics.median(run.wall for run in runs[base])
    lines = [f"{'':<34}{'wall s':>8}{'best':>8}{'cpu s':>8}{'peak MiB':>10}{'ratio':>8}"]
    for name, found in runs.items():
        wall = statistics.median(run.wall for run in found)
        cpu = statistics.median(run.cpu for run in found)
        best = min(run.wall for run in found)
        peak = max(run.peak for run in found)
        lines.append(f"{name:<34}{wall:8.2f}{best:8.2f}{cpu:8.2f}{peak:10.1f}{wall / unit:8.2f}")
    return lines


def slower(runs: Mapping[str, Sequence[Run]], names: Sequence[str]) -> str:
    """The name of the way with the highest median wall time."""
    return max(names, key=lambda name: statistics.median(run.wall for run in runs[name]))
