"""What the page says, before it is a page; and the picture."""

from __future__ import annotations

from dataclasses import replace

import pytest

from b2ct.validate.report import history
from b2ct.validate.report.picture import draw
from b2ct.validate.report.view import View, view
from b2ct.validate.results import Outcome, Report, Result
from tests.validate.report.reports import broken, failed, healthy, with_result


def of(report: Report, *formers: Report) -> View:
    return view(report, list(map(history.condense, formers)), history.condense(report))


def test_a_healthy_site_is_in_order() -> None:
    found = of(healthy())
    assert (found.verdict, found.state, found.troubles) == ("The site is in order", "good", ())
    assert found.passed == healthy().count(Outcome.PASSED)


def test_a_finding_on_two_nodes_is_told_once() -> None:
    found = of(broken(), healthy())
    assert [(t.about.name, [w.node for w in t.where]) for t in found.troubles] == [
        ("oned-runs", ["one"]),
        ("clock-is-right", ["one", "hv01"]),
        ("no-updates-wait", ["hv01"]),
    ]
    assert [node.name for node in found.lost] == ["hv02"]
    assert found.verdict == "3 things are wrong, and 1 will hurt later"
    assert found.troubles[1].remedies == (
        ("ssh root@10.10.0.10 chronyc makestep", ("one",)),
        ("ssh root@10.10.0.11 chronyc makestep", ("hv01",)),
    )
    assert all(where.new for trouble in found.troubles for where in trouble.where)


@pytest.mark.parametrize(
    ("changes", "verdict", "state"),
    [
        ([("hv01", "no-updates-wait")], "The site works; one thing will hurt later", "warning"),
        ([("hv01", "clock-is-right")], "One thing is wrong", "bad"),
        ([("", "pairs-reach-each-other")], "One thing is wrong", "bad"),
    ],
)
def test_the_verdict(changes: list[tuple[str, str]], verdict: str, state: str) -> None:
    report = healthy()
    for node, check in changes:
        report = with_result(report, node, failed(check, "it is not so"))
    assert (of(report).verdict, of(report).state) == (verdict, state)


def test_an_interrupted_run_is_no_clean_one() -> None:
    found = of(replace(healthy(), interrupted=True))
    assert found.state == "warning"
    assert "interrupted" in found.verdict


def test_nothing_checked_is_not_in_order() -> None:
    assert of(replace(healthy(), nodes=(), site_wide=())).verdict == "Nothing was checked"


def test_bad_rows_come_first() -> None:
    report = with_result(healthy(), "one", Result("oned-runs", Outcome.SKIPPED, "none here"))
    report = with_result(report, "one", failed("no-updates-wait", "some wait"))
    section = next(s for s in of(report).sections if s.title == "one")
    assert [row.about.name for row in section.rows] == [
        "no-updates-wait", "clock-is-right", "oned-runs",
    ]  # fmt: skip


@pytest.mark.parametrize("hypervisors", [0, 1, 2, 7])
def test_nothing_in_the_picture_overlaps_or_leaves_it(hypervisors: int) -> None:
    picture = draw(healthy(hypervisors))
    assert len(picture.boxes) == hypervisors + 1
    for at, box in enumerate(picture.boxes):
        assert 0 <= box.x <= picture.width - picture.box_width
        assert 0 <= box.y <= picture.height - picture.box_height
        for other in picture.boxes[:at]:
            apart = (
                abs(box.x - other.x) >= picture.box_width
                or abs(box.y - other.y) >= picture.box_height
            )
            assert apart, (box, other)
        for bus in picture.buses:
            assert not box.y <= bus.y <= box.y + picture.box_height
    if hypervisors:
        assert [bus.name for bus in picture.buses] == ["service", "private"]
        assert len(picture.plugs) == 1 + 2 * hypervisors
        assert len({plug.x for plug in picture.plugs if plug.bottom == picture.boxes[-1].y}) >= 2


@pytest.mark.parametrize(
    ("hypervisors", "wide"), [(8, False), (12, False), (39, False), (200, True)]
)
def test_many_nodes_are_tiles_and_titles_name_their_networks(hypervisors: int, wide: bool) -> None:
    picture = draw(broken(hypervisors))
    assert [group.title for group in picture.groups] == [
        "control on service: 1 node",
        f"hypervisor on service, private: {hypervisors} nodes",
    ]
    assert sum(len(group.marks) for group in picture.groups) == hypervisors + 1
    assert (picture.boxes, picture.wide) == ((), wide)


def test_a_name_too_long_for_a_box_is_not_cut() -> None:
    """rack1-node01 and rack1-node02 would look the same."""
    report = healthy(2)
    nodes = (replace(node, name=f"rack1-of-the-cellar-{node.name}") for node in report.nodes)
    picture = draw(replace(report, nodes=tuple(nodes)))
    assert [mark.name for mark in picture.groups[1].marks] == [
        "rack1-of-the-cellar-hv01",
        "rack1-of-the-cellar-hv02",
    ]
