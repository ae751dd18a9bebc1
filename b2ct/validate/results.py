"""What a validation found: frozen, and the same in memory, in JSON and in every report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

FORMAT = 1
"""Of the JSON; a reader refuses what is newer."""

NOT_LOOKED_AT = "not looked at: "
"""How the message of a check begins that was never started, for its node was lost before."""


class Outcome(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not-run"
    """It could not be carried out: the node did not answer, or the check itself broke."""
    SKIPPED = "skipped"
    """The site has nothing that it is about."""


@dataclass(frozen=True)
class About:
    """The metadata of a check, for readers of a report."""

    name: str
    group: str
    proves: str
    why: str
    severity: str
    """`error` or `warning`."""


@dataclass(frozen=True)
class Result:
    """A check on a node, or on the site."""

    check: str
    outcome: Outcome
    message: str = ""
    """One line; empty when it passed."""
    remedy: str = ""
    """With the values of this node filled in; only of what failed or was not run."""
    seconds: float = 0.0
    evidence: tuple[str, ...] = ()
    """The last commands that the check ran with what they answered, shortened, without secrets."""
    items: tuple[str, ...] = ()
    """Of a list, all; the message names the first ones only."""


@dataclass(frozen=True)
class NodeReport:
    """What was found on one machine."""

    name: str
    role: str
    address: str
    results: tuple[Result, ...]
    unreachable: str = ""
    """Why nothing could be run on it."""
    networks: tuple[str, ...] = ()
    """Names of the networks that it is on."""
    squid: bool = False


@dataclass(frozen=True)
class Report:
    """A whole run."""

    site: str
    started: str
    """UTC, ISO 8601 with seconds and Z."""
    seconds: float
    version: str
    """Of B2CT."""
    checks: tuple[About, ...]
    """Each that was to run, in their order."""
    nodes: tuple[NodeReport, ...]
    site_wide: tuple[Result, ...]
    networks: tuple[str, ...] = ()
    interrupted: bool = False

    def results(self) -> Iterator[tuple[str, Result]]:
        """Every result with the name of its node; of the site as a whole: an empty name."""
        yield from (("", result) for result in self.site_wide)
        for node in self.nodes:
            yield from ((node.name, result) for result in node.results)

    def failures(self) -> tuple[tuple[str, Result], ...]:
        """What failed or could not run: errors before warnings, else in order."""
        severity = {about.name: about.severity for about in self.checks}
        bad = [row for row in self.results() if row[1].outcome in (Outcome.FAILED, Outcome.NOT_RUN)]
        return tuple(sorted(bad, key=lambda row: severity.get(row[1].check) == "warning"))

    def count(self, outcome: Outcome) -> int:
        """How many checks ended so."""
        return sum(result.outcome is outcome for _, result in self.results())

    def as_json(self) -> dict[str, Any]:
        """For programs, and for `from_json`."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Report:
        """The opposite of as_json. Raises ValueError, KeyError or TypeError for something else."""
        if values.get("format") != FORMAT:
            raise ValueError(f"format {values.get('format')!r} is not {FORMAT}")
        values = {name: value for name, value in values.items() if name != "format"}
        return cls(
            **{
                **values,
                "checks": tuple(About(**about) for about in values["checks"]),
                "nodes": tuple(_node(node) for node in values["nodes"]),
                "site_wide": tuple(_result(result) for result in values["site_wide"]),
                "networks": tuple(values["networks"]),
            }
        )


def _node(values: dict[str, Any]) -> NodeReport:
    results = tuple(_result(result) for result in values["results"])
    return NodeReport(**{**values, "results": results, "networks": tuple(values["networks"])})


def _result(values: dict[str, Any]) -> Result:
    lists = {name: tuple(values.get(name, ())) for name in ("evidence", "items")}
    return Result(**{**values, **lists, "outcome": Outcome(values["outcome"])})
