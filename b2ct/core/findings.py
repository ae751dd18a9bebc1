"""Something was looked at, and this is the verdict: one type, one table, one JSON, one exit code.

`validate` has more to say of each (when, how long, by which commands): b2ct.validate.results.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from b2ct.core.errors import VerdictError


class Verdict(StrEnum):
    """How a look ended."""

    OK = "ok"
    WARNING = "warning"
    """It works, and somebody should know."""
    FAILED = "failed"
    SKIPPED = "skipped"
    """It was not looked at; the text says why."""


_MARKS = {
    Verdict.OK: "ok",
    Verdict.WARNING: "warning",
    Verdict.FAILED: "FAILED",
    Verdict.SKIPPED: "-",
}
_WIDE = max(map(len, _MARKS.values()))


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    verdict: Verdict
    text: str
    """What was found, on one line."""
    remedy: str = ""
    """What helps; empty: nothing is to be done."""
    of: str = ""
    """What the subject belongs to, such as a squid's address; empty: there is only one."""

    @property
    def failed(self) -> bool:
        """It is not as it should be."""
        return self.verdict is Verdict.FAILED

    def lines(self, wide: int) -> Iterator[str]:
        """As it is shown; subjects are `wide` characters wide."""
        yield f"{_MARKS[self.verdict]:<{_WIDE}}  {self.subject:<{wide}}  {self.text}".rstrip()
        if self.remedy:
            yield f"{'':<{_WIDE}}  {'':<{wide}}  -> {self.remedy}"


def judged(good: bool, subject: str, text: str, remedy: str = "", of: str = "") -> Finding:
    """A finding of what is right or wrong, and nothing between; the remedy is for the latter."""
    verdict = Verdict.OK if good else Verdict.FAILED
    return Finding(subject, verdict, text, "" if good else remedy, of)


def table(findings: Sequence[Finding]) -> str:
    """All of them, under the name of what they belong to."""
    wide = max((len(one.subject) for one in findings), default=0)
    rows: list[str] = []
    last = ""
    for one in findings:
        if one.of != last:
            rows.append(one.of)
            last = one.of
        rows += [f"  {line}" if one.of else line for line in one.lines(wide)]
    return "\n".join(rows)


def as_data(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """For programs: `of`, `subject`, `verdict`, `text` and `remedy` of each."""
    return [asdict(one) for one in findings]


def enforce(findings: Sequence[Finding]) -> None:
    """Raise VerdictError, exit code 1, when something failed; the hint is the first remedy."""
    failed = [one for one in findings if one.failed]
    if failed:
        raise VerdictError(
            f"{len(failed)} of {len(findings)} checks failed: "
            + ", ".join(dict.fromkeys(one.subject for one in failed)),
            hint=next((one.remedy for one in failed if one.remedy), ""),
        )
