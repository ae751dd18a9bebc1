"""Former runs, kept small: a letter for each check on each node."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from b2ct.core import files
from b2ct.validate.results import Outcome, Report

FOLDER = "history"
KEEP = 60
"""Runs; older ones are removed."""
LARGEST = 64 * 2**20
"""Bytes of such a file; 5,000 nodes have 1 MB."""

_LETTERS = {
    Outcome.PASSED: "p",
    Outcome.FAILED: "f",
    Outcome.NOT_RUN: "n",
    Outcome.SKIPPED: "s",
}
_BAD = "fn"
_ABSENT = "-"
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass(frozen=True)
class Former:
    """One run of before."""

    started: str
    seconds: float
    counts: dict[str, int]
    """Outcome -> how many."""
    nodes: tuple[str, ...]
    """Columns; the first is the site as a whole, with an empty name."""
    letters: dict[str, str]
    """Check -> a letter for each column; `-`: it was not among those that were to run."""

    def letter(self, node: str, check: str) -> str:
        """How a check ended on a node, `-` where it was not to run."""
        row = self.letters.get(check, "")
        try:
            return row[self.nodes.index(node)]
        except (ValueError, IndexError):
            return _ABSENT

    @property
    def bad(self) -> int:
        """How many failed or could not run."""
        return self.counts.get(Outcome.FAILED, 0) + self.counts.get(Outcome.NOT_RUN, 0)


def condense(report: Report) -> Former:
    """A report as one of the former runs."""
    nodes = ("", *(node.name for node in report.nodes))
    column = {name: at for at, name in enumerate(nodes)}
    rows: dict[str, list[str]] = {}
    for node, result in report.results():
        row = rows.setdefault(result.check, [_ABSENT] * len(nodes))
        row[column[node]] = _LETTERS[result.outcome]
    return Former(
        started=report.started,
        seconds=report.seconds,
        counts={outcome.value: report.count(outcome) for outcome in Outcome},
        nodes=nodes,
        letters={check: "".join(row) for check, row in rows.items()},
    )


def load(folder: Path, before: str) -> tuple[Former, ...]:
    """The runs kept in `folder` that began before that time, the newest first.

    A file that is none of ours, or damaged, is passed over: a history is no reason to fail.
    """
    read = (_read(path) for path in folder.glob("*.json"))
    found = [former for former in read if former and former.started < before]
    return tuple(sorted(found, key=lambda former: former.started, reverse=True))


def newest(folder: Path) -> Former | None:
    """The last run that is kept, whatever became of it; None where it cannot be read."""
    for path in sorted(folder.glob("????-??-??T*Z.json"), reverse=True):
        if former := _read(path):
            return former
    return None


def _read(path: Path) -> Former | None:
    """A file that is none of ours, or damaged, says nothing."""
    try:
        with path.open("rb") as file:
            values = json.loads(file.read(LARGEST))
        former = Former(**{**values, "nodes": tuple(values["nodes"])})
        return former if _STAMP.fullmatch(former.started) else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def store(folder: Path, report: Report) -> None:
    """Keep a run, and remove the oldest of too many. Raises B2ctError where that is refused."""
    former = condense(report)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise files.explain(err, f"write {folder}") from err
    name = former.started.replace(":", "")
    files.write(folder / f"{name}.json", json.dumps(asdict(former)) + "\n", mode=0o600)
    for old in sorted(folder.glob("????-??-??T*Z.json"), reverse=True)[KEEP:]:
        old.unlink(missing_ok=True)


@dataclass(frozen=True)
class Changes:
    """What is different from the runs before."""

    new: frozenset[tuple[str, str]]
    """(node, check) that are bad now and were good when they last ran."""
    mended: tuple[tuple[str, str], ...]
    """(node, check) that are good now and were bad when they last ran."""
    since: dict[tuple[str, str], str]
    """(node, check) that are bad now -> start of the first run of which that is true without a
    break; only of those that were bad before."""


def compare(report: Report, formers: Sequence[Former]) -> Changes:
    """Compare with the former runs, the newest first. A run that did not have a check says nothing
    about it."""
    new, mended, since = set(), [], {}
    for node, result in report.results():
        key = (node, result.check)
        known = [
            (former.started, letter)
            for former in formers
            if (letter := former.letter(*key)) != _ABSENT
        ]
        if not known:
            continue
        was_bad = known[0][1] in _BAD
        if result.outcome is Outcome.PASSED and was_bad:
            mended.append(key)
        elif result.outcome in (Outcome.FAILED, Outcome.NOT_RUN):
            if was_bad:
                since[key] = _first(known)
            else:
                new.add(key)
    return Changes(frozenset(new), tuple(mended), since)


def _first(known: Iterable[tuple[str, str]]) -> str:
    """The earliest start of the unbroken row of bad runs, which begins with the newest."""
    start = ""
    for started, letter in known:
        if letter not in _BAD:
            break
        start = started
    return start
