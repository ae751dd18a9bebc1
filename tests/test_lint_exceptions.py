"""Where a rule of ruff about security is set aside, the reason stands beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "b2ct"
EXCEPTION = re.compile(r"# noqa: (?P<rules>[A-Z0-9, ]+?)(?P<reason> - .{5,})?$")


def exceptions() -> Iterator[tuple[str, re.Match[str]]]:
    """Each line with a rule of bandit's that is set aside: where it is, and what it says."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = EXCEPTION.search(line)
            if found and re.search(r"\bS\d", found["rules"]):
                yield f"{path.relative_to(PACKAGE.parent)}:{number}", found


def test_every_exception_of_a_security_rule_has_a_reason() -> None:
    found = dict(exceptions())
    assert len(found) > 10
    assert not [where for where, said in found.items() if not said["reason"]]
