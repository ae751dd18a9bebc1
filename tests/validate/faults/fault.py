"""What a fault is, and how a round of them is carried out on a practice site."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from b2ct.validate.practice import inside
from b2ct.validate.results import Report, Result

SITE = "site"
"""Stands for the site as a whole, where a node's name could stand."""
HEAL = "by its remedy"
"""As `undo`: the command of the remedy that the report gives is carried out as it is."""


@dataclass(frozen=True)
class Fault:
    """A row of the table."""

    what: str
    """In words, as it is in docs/faults.md."""
    on: str
    """The node: `one`, `hv1` or `hv2`."""
    do: str
    """A shell command, run as root on the node past sshd. $NET is the site's network, `10.77.9`."""
    finds: tuple[str, ...]
    """The checks that must fail, and no other: NAME for this node, NAME@NODE, NAME@site."""
    undo: str = HEAL
    dressed: str = ""
    """What is not real about it; empty: nothing."""
    remedy: str = ""
    """What the remedy of the first check must contain."""
    then: str = ""
    """A shell command after `undo`: what takes its time is waited for."""

    @property
    def findings(self) -> tuple[tuple[str, str], ...]:
        """(node or SITE, check)."""
        rows = (name.partition("@")[::2] for name in self.finds)
        return tuple((node or self.on, check) for check, node in rows)


def found(report: Report) -> dict[tuple[str, str], Result]:
    """(node or SITE, check) -> what failed or could not run."""
    return {(node or SITE, result.check): result for node, result in report.failures()}


def overlaps(faults: Iterable[Fault]) -> list[str]:
    """Findings that two faults of one round claim: they could not be told apart."""
    seen: dict[tuple[str, str], Fault] = {}
    twice = []
    for fault in faults:
        for finding in fault.findings:
            if finding in seen:
                twice.append(f"{finding}: {seen[finding].what}; {fault.what}")
            seen[finding] = fault
    return twice


@dataclass(frozen=True)
class Round:
    """Faults that are there together, and do not touch each other."""

    site: str
    """Name of the practice site."""
    network: str
    faults: Sequence[Fault]

    def inject(self) -> None:
        """Raises CommandError where a fault cannot be made."""
        for fault in self.faults:
            self._on(fault.on, fault.do)

    def wrong(self, report: Report) -> Iterator[str]:
        """What differs from the table, in words."""
        failed = found(report)
        expected = {finding: f for f in self.faults for finding in f.findings}
        for finding, fault in expected.items():
            if finding not in failed:
                yield f"{fault.what}: {finding[1]} on {finding[0]} did not find it"
        for finding, result in failed.items():
            if finding not in expected:
                begins = self.faults[0].what
                yield (
                    f"{finding[1]} on {finding[0]} failed: {result.message} (its round begins with:"
                    f" {begins})"
                )
            elif not result.remedy or "{" in result.remedy:
                yield f"{finding[1]} on {finding[0]} has no remedy: {result.remedy!r}"
        for fault in self.faults:
            first = failed.get(fault.findings[0])
            if first and fault.remedy not in first.remedy:
                yield f"{fault.what}: the remedy is {first.remedy!r}, without {fault.remedy!r}"

    def undo(self, report: Report) -> None:
        """Take all back, the last first. Raises CommandError where that fails."""
        failed = found(report)
        for fault in reversed(self.faults):
            if fault.undo != HEAL:
                self._on(fault.on, fault.undo)
            elif fault.findings[0] in failed:
                node = fault.findings[0][0]
                command = as_command(failed[fault.findings[0]].remedy)
                self._on(fault.on if node == SITE else node, command)
        for fault in self.faults:
            if fault.then:
                self._on(fault.on, fault.then)

    def _on(self, node: str, command: str) -> None:
        inside.on(self.site, node, f"NET={self.network}\n{command}", timeout=60)


def as_command(remedy: str) -> str:
    """The command of a remedy, as the node's shell gets it from `ssh root@ADDRESS COMMAND`."""
    words = shlex.split(remedy) if remedy.startswith("ssh ") else []
    return " ".join(words[2:]) if words else remedy
