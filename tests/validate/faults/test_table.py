"""The table of faults is sound, and the page that is made of it is up to date."""

from __future__ import annotations

from pathlib import Path

from b2ct.validate.collect import collect
from b2ct.validate.runner import ANSWERS
from tests.validate.faults import page
from tests.validate.faults.fault import SITE, Fault, as_command, overlaps
from tests.validate.faults.table import FAULTS, ROUNDS

PAGE = Path(__file__).parents[3] / "docs" / "faults.md"


def test_there_are_enough_of_them() -> None:
    assert len(FAULTS) >= 40
    assert len({fault.what for fault in FAULTS}) == len(FAULTS)


def test_every_finding_is_a_check() -> None:
    known = {check.name for check in collect(())} | {ANSWERS.name}
    assert {check for fault in FAULTS for _, check in fault.findings} <= known


def test_faults_of_one_round_can_be_told_apart() -> None:
    assert [overlaps(faults) for faults in ROUNDS] == [[]] * len(ROUNDS)
    twice = Fault("again", "one", ":", FAULTS[0].finds)
    assert overlaps([FAULTS[0], twice]) != []


def test_a_finding_says_where() -> None:
    fault = Fault("x", "one", ":", ("a", "b@hv1", "c@site"))
    assert fault.findings == (("one", "a"), ("hv1", "b"), (SITE, "c"))


def test_a_remedy_becomes_the_command_that_a_node_gets() -> None:
    assert as_command("ssh root@10.0.0.1 'a; b \"c d\"'") == 'a; b "c d"'
    assert as_command("systemctl start x; journalctl -u x") == "systemctl start x; journalctl -u x"


def test_the_page_is_made_of_the_table() -> None:
    assert PAGE.read_text() == page.text(), "python -m tests.validate.faults.page > docs/faults.md"
