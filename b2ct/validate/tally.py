"""How many things are wrong: the page and the terminal count the same, in the same words."""

from __future__ import annotations

from dataclasses import dataclass

from b2ct.validate.results import Outcome, Report


@dataclass(frozen=True)
class Tally:
    """Things, not checks: one finding on forty nodes is one, and so are all nodes not reached."""

    errors: int
    warnings: int


def lost(report: Report) -> frozenset[str]:
    """Names of the nodes that were not reached: what could not be checked there is no finding."""
    return frozenset(node.name for node in report.nodes if node.unreachable)


def of(report: Report) -> Tally:
    """Count."""
    severity = {about.name: about.severity for about in report.checks}
    away = lost(report)
    found = {
        (result.check, result.message, result.outcome is Outcome.NOT_RUN)
        for node, result in report.failures()
        if node not in away
    }
    warnings = sum(severity.get(check) == "warning" for check, _, _ in found)
    return Tally(len(found) - warnings + bool(away), warnings)


def verdict(report: Report) -> str:
    """One line for a person."""
    found = of(report)
    if report.interrupted:
        return "The run was interrupted: what it had found until then"
    if found.errors:
        wrong = "One thing is wrong" if found.errors == 1 else f"{found.errors} things are wrong"
        return wrong + (f", and {found.warnings} will hurt later" if found.warnings else "")
    if found.warnings == 1:
        return "The site works; one thing will hurt later"
    if found.warnings:
        return f"The site works; {found.warnings} things will hurt later"
    if not report.count(Outcome.PASSED):
        return "Nothing was checked"
    return "The site is in order"
