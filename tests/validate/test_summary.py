from __future__ import annotations

from dataclasses import replace

from b2ct.validate import summary
from b2ct.validate.results import NOT_LOOKED_AT, About, NodeReport, Outcome, Report, Result

ABOUT = (About("a", "g", "p", "it matters", "error"), About("w", "g", "p", "later", "warning"))
GOOD = Result("a", Outcome.PASSED)


def node(name: str, *results: Result, unreachable: str = "") -> NodeReport:
    return NodeReport(name, "hypervisor", "10.0.0.2", results, unreachable)


def report(*nodes: NodeReport, **more: object) -> Report:
    values: dict[str, object] = {
        "site": "testing", "started": "2026-01-02T03:04:05Z", "seconds": 3.46, "version": "1",
        "checks": ABOUT, "nodes": nodes, "site_wide": (), **more,
    }  # fmt: skip
    return Report(**values)  # type: ignore[arg-type]


def bad(check: str, message: str = "it is off", remedy: str = "mend it") -> Result:
    return Result(check, Outcome.FAILED, message, remedy)


def test_errors_stand_before_warnings_and_nodes_that_say_the_same_together() -> None:
    said = report(node("hv1", bad("w", "old"), bad("a")), node("hv2", bad("a")), node("hv3", GOOD))
    assert list(summary.lines(said)) == [
        "FAILED   a: it matters",
        "         hv1, hv2: it is off",
        "         -> mend it",
        "warning  w: later",
        "         hv1: old",
        "         -> mend it",
        "",
        "  hv1  hypervisor  2 WRONG, 0 passed",
        "  hv2  hypervisor  1 WRONG, 0 passed",
        "  hv3  hypervisor  ok, 1 passed",
        "",
        "One thing is wrong, and 1 will hurt later",
        "testing: 1 passed, 3 failed on 3 nodes in 3.5 s",
    ]
    assert summary.failed(said)


def test_of_many_nodes_some_are_shown() -> None:
    said = report(*(node(f"hv{n}", bad("a", f"{n} % full")) for n in range(9)))
    lines = list(summary.lines(said))
    assert "         hv3: 3 % full" in lines
    assert "         likewise hv4, hv5, hv6, hv7 and 1 more" in lines
    same = report(*(node(f"hv{n}", bad("a")) for n in range(9)))
    assert "         hv0, hv1, hv2, hv3 and 5 more: it is off" in list(summary.lines(same))


def test_nodes_that_were_not_reached_are_one_group_after_what_is_wrong_elsewhere() -> None:
    lost = Result("a", Outcome.NOT_RUN, f"{NOT_LOOKED_AT}gone", "by hand: go there")
    away = [node(f"hv{n}", GOOD, lost, lost, unreachable="gone") for n in range(1, 8)]
    said = report(*away, node("hv9", bad("w")))
    lines = list(summary.lines(said))
    assert lines[0] == "warning  w: later"
    assert lines[3:6] == [
        "not run  14 checks of hv1, hv2, hv3, hv4 and 3 more",
        "         hv1, hv2, hv3, hv4 and 3 more: gone",
        "         -> by hand: go there",
    ]
    assert "One thing is wrong, and 1 will hurt later" in lines
    assert "  hv1  hypervisor  UNREACHABLE, 1 passed" in lines
    assert not summary.nothing_ran(said)


def test_when_there_is_nothing_to_say() -> None:
    said = report(node("hv1", GOOD, Result("a", Outcome.SKIPPED)))
    assert list(summary.lines(said)) == [
        "  hv1  hypervisor  ok, 1 passed, 1 not applicable",
        "",
        "The site is in order",
        "testing: 1 passed, 1 not applicable on 1 node in 3.5 s",
    ]
    assert not summary.failed(said)
    assert summary.failed(replace(said, interrupted=True))
    assert "interrupted: this is not all" in summary.counts(replace(said, interrupted=True))


def test_what_was_not_looked_at_is_not_said_to_be_ok() -> None:
    said = report(node("hv1", Result("a", Outcome.SKIPPED)), node("hv2"))
    lines = list(summary.lines(said))
    assert lines[0] == "  hv1  hypervisor  not looked at, 1 not applicable"
    assert lines[1] == "  hv2  hypervisor  not looked at"
    assert lines[3] == "Nothing was checked"


def test_nothing_ran_when_nobody_answered() -> None:
    away = node("hv1", bad("answers-ssh"), unreachable="off")
    assert summary.nothing_ran(report(away, away))
    assert not summary.nothing_ran(report(away, node("hv2", GOOD)))
