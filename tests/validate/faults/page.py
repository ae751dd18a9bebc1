"""docs/faults.md, from the table: python -m tests.validate.faults.page > docs/faults.md"""

from __future__ import annotations

from collections.abc import Iterator

from b2ct.validate.check import Check
from b2ct.validate.collect import collect
from tests.validate.faults.excused import EXCUSED
from tests.validate.faults.fault import HEAL, Fault
from tests.validate.faults.table import FAULTS

_HEAD = """\
<!-- Made by `python -m tests.validate.faults.page`: edit its table.py, not this page. -->
# Faults, and what finds them

`tests/validate/faults/` makes each of these on a practice site (`b2ct practice site`: a control
node and two hypervisors, each with its own systemd, sshd, firewalld, chronyd, squid, MariaDB or
libvirtd) and then runs **all** checks of `b2ct validate` on all nodes. The test passes only if the
checks in the third column fail, no other check fails, and each gives a remedy that names this very
site. Without a fault no check fails.

The last column says who mends the node again. *remedy*: the test pastes the command that `b2ct
validate` printed into a shell, and looks again: the checks pass. *hands*: the printed remedy begins
with `by hand:`, as no command mends it, and the test takes its own fault back.
"""


def text() -> str:
    """The page."""
    checks = {check.name: check for check in collect(())}
    return "\n".join([_HEAD, *_table(), "", *_dressed(), "", *_rest(checks), ""])


def _table() -> Iterator[str]:
    yield f"{len(FAULTS)} faults:"
    yield ""
    yield "| fault | on | found by | taken back by |"
    yield "| --- | --- | --- | --- |"
    for number, fault in enumerate(FAULTS, start=1):
        found = ", ".join(f"`{check}`{_where(fault, node)}" for node, check in fault.findings)
        mark = "" if not fault.dressed else f" [^{number}]"
        back = "*remedy*" if fault.undo == HEAL else fault.not_here or "*hands*"
        yield f"| {fault.what}{mark} | {fault.on} | {found} | {back} |"


def _where(fault: Fault, node: str) -> str:
    return "" if node == fault.on else f" ({node})"


def _dressed() -> Iterator[str]:
    """What is not real about a fault."""
    for number, fault in enumerate(FAULTS, start=1):
        if fault.dressed:
            yield f"[^{number}]: Not real here: {fault.dressed}."


def _rest(checks: dict[str, Check]) -> Iterator[str]:
    """What no fault proves."""
    yield f"## Checks that no fault of this table makes fail ({len(EXCUSED)} of {len(checks)})"
    yield ""
    yield "A test refuses a check that is neither here nor above."
    yield ""
    yield "| check | why none can be made on a practice site | what proves it |"
    yield "| --- | --- | --- |"
    for name, (why, file) in EXCUSED.items():
        yield f"| `{name}` | {why} | `{file}` |"


if __name__ == "__main__":
    print(text(), end="")
