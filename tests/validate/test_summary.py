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


def test_a_node_that_was_lost_is_one_line() -> None:
    lost = Result("a", Outcome.NOT_RUN, f"{NOT_LOOKED_AT}gone", "ssh")
    said = report(node("hv1", GOOD, lost, lost, unreachable="gone"))
    lines = list(summary.lines(said))
    assert lines[0] == "not run  2 further checks of hv1: gone"
    assert "  hv1  hypervisor  UNREACHABLE, 1 passed" in lines
    assert not summary.nothing_ran(said)


def test_when_there_is_nothing_to_say() -> None:
    said = report(node("hv1", GOOD, Result("a", Outcome.SKIPPED)))
    assert list(summary.lines(said)) == [
        "  hv1  hypervisor  ok, 1 passed, 1 not applicable",
        "",
        "testing: 1 passed, 1 not applicable on 1 node in 3.5 s",
    ]
    assert not summary.failed(said)
    assert summary.failed(replace(said, interrupted=True))
    assert "interrupted: this is not all" in summary.counts(replace(said, interrupted=True))


def test_nothing_ran_when_nobody_answered() -> None:
    away = node("hv1", bad("answers-ssh"), unreachable="off")
    assert summary.nothing_ran(report(away, away))
    assert not summary.nothing_ran(report(away, node("hv2", GOOD)))
