"""The table of faults is sound, and the page that is made of it is up to date."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.validate.advice import GIVEN
from b2ct.validate.collect import collect
from b2ct.validate.runner import ANSWERS
from tests.validate.faults import page
from tests.validate.faults.excused import EXCUSED
from tests.validate.faults.fault import SITE, Fault, not_to_paste, overlaps
from tests.validate.faults.table import FAULTS, ROUNDS

PAGE = Path(__file__).parents[3] / "docs" / "faults.md"


def test_there_are_enough_of_them() -> None:
    assert len(FAULTS) >= 40
    assert len({fault.what for fault in FAULTS}) == len(FAULTS)


def test_every_finding_is_a_check() -> None:
    known = {check.name for check in collect(())} | {ANSWERS.name}
    assert {check for fault in FAULTS for _, check in fault.findings} <= known


def test_every_check_is_found_by_a_fault_or_has_a_row_that_says_why_not() -> None:
    checks = {check.name for check in collect(())}
    found = {check for fault in FAULTS for _, check in fault.findings} & checks
    assert sorted(checks - found) == sorted(EXCUSED)


@pytest.mark.parametrize("check", EXCUSED)
def test_what_is_excused_has_a_test_elsewhere(check: str) -> None:
    file = PAGE.parents[1] / EXCUSED[check][1]
    # A test of a VM's stages names the stage, not the check.
    words = {check, f"test_{check.replace('-', '_')}"}
    assert "trial" in file.parts or any(word in file.read_text() for word in words), check


def test_faults_of_one_round_can_be_told_apart() -> None:
    assert [overlaps(faults) for faults in ROUNDS] == [[]] * len(ROUNDS)
    twice = Fault("again", "one", ":", FAULTS[0].finds)
    assert overlaps([FAULTS[0], twice]) != []


def test_a_finding_says_where() -> None:
    fault = Fault("x", "one", ":", ("a", "b@hv1", "c@site"))
    assert fault.findings == (("one", "a"), ("hv1", "b"), (SITE, "c"))


@pytest.mark.parametrize(
    "remedy", ["", "ssh root@10.0.0.1 vi 'x", "nmcli connection up DEVICE", "in the report: x",
               "ssh root@{address} true", "by hand: look at {node}", "b2ct drain --undo {version}"],
)  # fmt: skip
def test_a_remedy_with_something_left_to_fill_in_is_none(remedy: str) -> None:
    assert not_to_paste(remedy)
    assert not not_to_paste("ssh root@10.0.0.1 'a; b \"c d\"'")
    assert not not_to_paste("by hand: switch on VT-x in the firmware")


def test_no_check_leaves_something_to_fill_in() -> None:
    bad = {}
    for check in collect(()):
        text = check.remedy
        for name in ("node", "address", "control", "domain", "user"):
            text = text.replace(f"{{{name}}}", "x")
        if not text.startswith(GIVEN) and (wrong := not_to_paste(text)):
            bad[check.name] = wrong
    assert bad == {}


def test_the_page_is_made_of_the_table() -> None:
    assert PAGE.read_text() == page.text(), "python -m tests.validate.faults.page > docs/faults.md"
