"""What changed since the runs before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from b2ct.validate.report import history
from b2ct.validate.results import Outcome, Report
from tests.validate.report.reports import broken, failed, healthy, passed, with_result

WRONG = failed("oned-runs", "oned does not run")


def at(day: int, *, bad: bool) -> Report:
    report = healthy(started=f"2026-11-{day:02}T08:00:00Z")
    return with_result(report, "one", WRONG) if bad else report


def kept(folder: Path, *reports: Report) -> None:
    for report in reports:
        history.store(folder, report)


def test_a_run_comes_back_as_it_was(tmp_path: Path) -> None:
    kept(tmp_path, broken())
    (former,) = history.load(tmp_path, "2027")
    assert former == history.condense(broken())
    assert former.letter("one", "oned-runs") == "f"
    assert former.letter("hv02", "clock-is-right") == "n"
    assert former.letter("", "pairs-reach-each-other") == "p"
    assert former.letter("hv01", "oned-runs") == "-"
    assert former.letter("nobody", "oned-runs") == "-"
    assert former.bad == broken().count(Outcome.FAILED) + broken().count(Outcome.NOT_RUN)


def test_new_mended_and_since_when(tmp_path: Path) -> None:
    kept(tmp_path, at(1, bad=True), at(2, bad=False), at(3, bad=True), at(4, bad=True))
    formers = history.load(tmp_path, "2026-11-05T08:00:00Z")
    key = ("one", "oned-runs")
    still = history.compare(at(5, bad=True), formers)
    assert still.since == {key: "2026-11-03T08:00:00Z"}
    assert (still.new, still.mended) == (frozenset(), ())
    assert history.compare(at(5, bad=False), formers).mended == (key,)
    again = history.compare(at(3, bad=True), history.load(tmp_path, "2026-11-03T08:00:00Z"))
    assert again.new == {key}


def test_a_run_that_did_not_have_the_check_says_nothing(tmp_path: Path) -> None:
    only = at(2, bad=True)
    only = replace(only, nodes=(replace(only.nodes[0], results=(passed("clock-is-right"),)),))
    kept(tmp_path, at(1, bad=True), only)
    changes = history.compare(at(3, bad=True), history.load(tmp_path, "2027"))
    assert changes.since == {("one", "oned-runs"): "2026-11-01T08:00:00Z"}


def test_the_first_run_has_no_news() -> None:
    changes = history.compare(broken(), ())
    assert (changes.new, changes.mended, changes.since) == (frozenset(), (), {})


def test_what_is_damaged_is_passed_over(tmp_path: Path) -> None:
    kept(tmp_path, at(1, bad=False))
    (tmp_path / "2026-11-02T080000Z.json").write_text("{")
    (tmp_path / "2026-11-03T080000Z.json").write_text('{"nodes": 3}')
    (tmp_path / "other.json").write_text("[]")
    assert [former.started for former in history.load(tmp_path, "2027")] == ["2026-11-01T08:00:00Z"]


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    for number in range(history.KEEP + 5):
        kept(tmp_path, healthy(started=f"2026-11-20T08:{number // 60:02}:{number % 60:02}Z"))
    formers = history.load(tmp_path, "2027")
    assert len(formers) == history.KEEP
    assert formers[-1].started == "2026-11-20T08:00:05Z"
