from __future__ import annotations

import pytest

from b2ct.core import findings
from b2ct.core.errors import EXIT_VERDICT, VerdictError
from b2ct.core.findings import Finding, Verdict, judged

GOOD = judged(True, "answers", "in 3 ms", "never shown", of="http://squid:3128")
BAD = judged(False, "CONNECT", "is not refused", "deny it", of="http://squid:3128")
LOOSE = Finding("quota", Verdict.SKIPPED, "not tried")


def test_what_is_right_needs_no_remedy() -> None:
    assert (GOOD.verdict, GOOD.remedy, GOOD.failed) == (Verdict.OK, "", False)
    assert (BAD.verdict, BAD.remedy, BAD.failed) == (Verdict.FAILED, "deny it", True)


def test_the_table_groups_and_shows_the_remedy_below() -> None:
    assert findings.table([LOOSE, GOOD, BAD]).splitlines() == [
        "-        quota    not tried",
        "http://squid:3128",
        "  ok       answers  in 3 ms",
        "  FAILED   CONNECT  is not refused",
        "                    -> deny it",
    ]
    assert findings.table([]) == ""


def test_for_programs() -> None:
    (row,) = findings.as_data([BAD])
    assert row == {
        "subject": "CONNECT", "verdict": "failed", "text": "is not refused", "remedy": "deny it",
        "of": "http://squid:3128",
    }  # fmt: skip


def test_only_what_failed_ends_with_a_verdict() -> None:
    findings.enforce([GOOD, LOOSE, Finding("age", Verdict.WARNING, "old", "look")])
    with pytest.raises(VerdictError, match="2 of 3 checks failed: CONNECT") as caught:
        findings.enforce([GOOD, BAD, BAD])
    assert caught.value.hint == "deny it"
    assert caught.value.exit_code == EXIT_VERDICT
