"""What the terminal shows at the end: the failures first, each with its remedy."""

from __future__ import annotations

from collections.abc import Iterator

from b2ct.core.errors import EXIT_INTERRUPTED, EXIT_REFUSED, EXIT_VERDICT
from b2ct.validate import tally
from b2ct.validate.results import About, NodeReport, Outcome, Report, Result

SHOWN = 4
"""Nodes with the same failure that are shown one by one; the report has all."""


def failed(report: Report) -> bool:
    """Whether anything is wrong, or could not be looked at."""
    return bool(report.failures()) or report.interrupted


def nothing_ran(report: Report) -> bool:
    """Whether not one node could be asked."""
    return bool(report.nodes) and all(
        node.unreachable and not any(r.outcome is Outcome.PASSED for r in node.results)
        for node in report.nodes
    )


def exit_code(report: Report) -> int:
    """What `b2ct validate` ends with."""
    if report.interrupted:
        return EXIT_INTERRUPTED
    if nothing_ran(report):
        return EXIT_REFUSED
    return EXIT_VERDICT if failed(report) else 0


def lines(report: Report) -> Iterator[str]:
    """The report as lines: what is wrong, then the nodes, then the count."""
    yield from _failures(report)
    yield from _nodes(report)
    yield ""
    yield tally.verdict(report)
    yield counts(report)


def counts(report: Report) -> str:
    """One line: how many checks ended how."""
    words = {
        Outcome.PASSED: "passed",
        Outcome.FAILED: "failed",
        Outcome.NOT_RUN: "could not run",
        Outcome.SKIPPED: "not applicable",
    }
    found = [f"{n} {word}" for outcome, word in words.items() if (n := report.count(outcome))]
    nodes = f"{len(report.nodes)} node{'s' if len(report.nodes) != 1 else ''}"
    text = f"{report.site or 'site'}: {', '.join(found) or 'nothing ran'} on {nodes}"
    end = "; interrupted: this is not all" if report.interrupted else ""
    return f"{text} in {report.seconds:.1f} s{end}"


def _failures(report: Report) -> Iterator[str]:
    """One paragraph for each check that failed, with the nodes where it did."""
    about = {one.name: one for one in report.checks}
    bad, away = report.failures(), tally.lost(report)
    found = [row for row in bad if row[0] not in away]
    for check in dict.fromkeys(result.check for _, result in found):
        rows = [row for row in found if row[1].check == check]
        yield from _paragraph(rows, about.get(check))
    yield from _not_reached([row for row in bad if row[0] in away], report)
    if bad:
        yield ""


def _paragraph(rows: list[tuple[str, Result]], about: About | None) -> Iterator[str]:
    first = rows[0][1]
    warning = about is not None and about.severity == "warning"
    state = "not run" if first.outcome is Outcome.NOT_RUN else "warning" if warning else "FAILED"
    yield f"{state:7}  {first.check}" + (f": {about.why}" if about and about.why else "")
    groups: dict[tuple[str, str], list[str]] = {}
    for name, result in rows:
        groups.setdefault((result.message, result.remedy), []).append(name or "the site")
    for (message, remedy), names in list(groups.items())[:SHOWN]:
        yield f"         {_names(names)}: {message}"
        for number, line in enumerate(remedy.splitlines()):
            yield f"         {'  ' if number else '->'} {line}"
    if len(groups) > SHOWN:
        rest = [name for names in list(groups.values())[SHOWN:] for name in names]
        yield f"         likewise {_names(rest)}"


def _not_reached(rows: list[tuple[str, Result]], report: Report) -> Iterator[str]:
    """The nodes that were not reached, or were lost: one group, after what is wrong elsewhere."""
    first = dict(reversed(rows))
    if not first:
        return
    away = [node.name for node in report.nodes if node.unreachable]
    yield f"not run  {len(rows)} checks of {_names(away)}"
    groups: dict[tuple[str, str], list[str]] = {}
    for node in report.nodes:
        if node.unreachable:
            groups.setdefault((node.unreachable, first[node.name].remedy), []).append(node.name)
    for (why, remedy), names in list(groups.items())[:SHOWN]:
        yield f"         {_names(names)}: {why}"
        yield f"         -> {remedy}"
    rest = [name for names in list(groups.values())[SHOWN:] for name in names]
    if rest:
        yield f"         likewise {_names(rest)}"


def _names(names: list[str]) -> str:
    names = list(dict.fromkeys(names))
    return ", ".join(names[:SHOWN]) + (
        f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    )


def _nodes(report: Report) -> Iterator[str]:
    wide = max((len(node.name) for node in report.nodes), default=8)
    for node in report.nodes:
        yield f"  {node.name:{wide}}  {node.role:10}  {_state(node.results, node)}"
    if report.site_wide:
        yield f"  {'the site':{wide}}  {'':10}  {_state(report.site_wide)}"


def _state(results: tuple[Result, ...], node: NodeReport | None = None) -> str:
    passed = sum(one.outcome is Outcome.PASSED for one in results)
    skipped = sum(one.outcome is Outcome.SKIPPED for one in results)
    bad = len(results) - passed - skipped
    if node is not None and node.unreachable:
        return f"UNREACHABLE, {passed} passed" if passed else "UNREACHABLE"
    if not passed and not bad:
        return "not looked at" + (f", {skipped} not applicable" if skipped else "")
    return f"{'ok' if not bad else f'{bad} WRONG'}, {passed} passed" + (
        f", {skipped} not applicable" if skipped else ""
    )
