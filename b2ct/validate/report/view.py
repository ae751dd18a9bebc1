"""What the page shows, computed: the template only writes it down."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from b2ct.validate import tally
from b2ct.validate.report.history import Changes, Former, compare
from b2ct.validate.report.picture import Picture, draw, judged
from b2ct.validate.results import About, NodeReport, Outcome, Report, Result


@dataclass(frozen=True)
class Where:
    """A place where something is wrong."""

    node: str
    """Empty: the site as a whole."""
    remedy: str
    evidence: tuple[str, ...]
    new: bool
    since: str
    """Start of the first run that found it, if not this one."""


@dataclass(frozen=True)
class Trouble:
    """The same finding on one node or several."""

    about: About
    message: str
    not_run: bool
    where: tuple[Where, ...]

    @property
    def remedies(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Each different remedy with the nodes that it is for."""
        found: dict[str, list[str]] = {}
        for place in self.where:
            if place.remedy:
                found.setdefault(place.remedy, []).append(place.node)
        return tuple((remedy, tuple(nodes)) for remedy, nodes in found.items())

    @property
    def anchor(self) -> str:
        """Where the page has it."""
        return slug("trouble", self.where[0].node, self.about.name)


@dataclass(frozen=True)
class Row:
    """A check in the section of a node."""

    result: Result
    about: About


@dataclass(frozen=True)
class Section:
    """A node, or the site as a whole."""

    title: str
    detail: str
    state: str
    said: str
    unreachable: str
    rows: tuple[Row, ...]
    """Bad ones first."""
    anchor: str


@dataclass(frozen=True)
class View:
    """The page."""

    report: Report
    verdict: str
    state: str
    """`good`, `warning` or `bad`."""
    lost: tuple[NodeReport, ...]
    troubles: tuple[Trouble, ...]
    mended: tuple[tuple[str, About], ...]
    sections: tuple[Section, ...]
    picture: Picture
    formers: tuple[Former, ...]
    """This run first."""
    passed: int
    skipped: int


def slug(*words: str) -> str:
    """An identifier in the page, of letters, digits and hyphens."""
    return "-".join(re.sub(r"[^A-Za-z0-9]+", "-", word) for word in words if word) or "site"


def view(report: Report, formers: Sequence[Former], current: Former) -> View:
    """All that the page of a report shows. `formers` begins with the newest."""
    changes = compare(report, formers)
    abouts = {about.name: about for about in report.checks}
    troubles = _troubles(report, abouts, changes)
    lost = tuple(node for node in report.nodes if node.unreachable)
    counted = tally.of(report)
    nothing = not report.count(Outcome.PASSED) or report.interrupted
    return View(
        report=report,
        verdict=tally.verdict(report),
        state="bad" if counted.errors else "warning" if counted.warnings or nothing else "good",
        lost=lost,
        troubles=troubles,
        mended=tuple((node, abouts[check]) for node, check in changes.mended),
        sections=_sections(report, abouts),
        picture=draw(report),
        formers=(current, *formers),
        passed=report.count(Outcome.PASSED),
        skipped=report.count(Outcome.SKIPPED),
    )


def _troubles(report: Report, abouts: dict[str, About], changes: Changes) -> tuple[Trouble, ...]:
    """What is wrong, each finding once however many nodes have it. Nodes that were not reached are
    not among them: they are one trouble together, whatever could not be checked there."""
    lost = tally.lost(report)
    groups: dict[tuple[str, str, bool], list[Where]] = {}
    for node, result in report.failures():
        if node in lost:
            continue
        key = (node, result.check)
        groups.setdefault(
            (result.check, result.message, result.outcome is Outcome.NOT_RUN), []
        ).append(
            Where(
                node, result.remedy, result.evidence, key in changes.new, changes.since.get(key, "")
            )
        )
    return tuple(
        Trouble(abouts[check], message, not_run, tuple(where))
        for (check, message, not_run), where in groups.items()
    )


def _sections(report: Report, abouts: dict[str, About]) -> tuple[Section, ...]:
    found = []
    if report.site_wide:
        bad = sum(r.outcome in (Outcome.FAILED, Outcome.NOT_RUN) for r in report.site_wide)
        passed = sum(r.outcome is Outcome.PASSED for r in report.site_wide)
        said = f"{bad} wrong" if bad else f"{passed} passed" if passed else "not looked at"
        state = "bad" if bad else "good" if passed else "lost"
        rows = _rows(report.site_wide, abouts)
        found.append(Section("The site as a whole", "", state, said, "", rows, "site"))
    for node in report.nodes:
        state, said = judged(report, node)
        detail = ", ".join(filter(None, (node.role, node.address, *node.networks)))
        rows = _rows(node.results, abouts)
        anchor = slug("node", node.name)
        found.append(Section(node.name, detail, state, said, node.unreachable, rows, anchor))
    return tuple(found)


_ORDER = (Outcome.FAILED, Outcome.NOT_RUN, Outcome.PASSED, Outcome.SKIPPED)


def _rows(results: Sequence[Result], abouts: dict[str, About]) -> tuple[Row, ...]:
    rows = [Row(result, abouts[result.check]) for result in results]
    return tuple(sorted(rows, key=lambda row: _ORDER.index(row.result.outcome)))
