"""Many small questions in one command: a line `@@name` before the answer to each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testinfra.host import Host

_MARK = "@@"


def command(questions: Mapping[str, str]) -> str:
    """The shell command that asks everything. A question that fails has an empty answer."""
    # The empty line: what answers without an end of line must not swallow the next mark.
    asked = (
        f"echo; echo '{_MARK}{name}'; {{ {text}; }} 2>/dev/null" for name, text in questions.items()
    )
    return "; ".join((*asked, "true"))


def parse(text: str) -> dict[str, str]:
    """Name -> answer, without blanks around it."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith(_MARK):
            lines = found.setdefault(line.removeprefix(_MARK), [])
        else:
            lines.append(line)
    return {name: "\n".join(answer).strip() for name, answer in found.items()}


def ask(host: Host, questions: Mapping[str, str]) -> dict[str, str]:
    """The answers; those that did not come are empty."""
    said = parse(host.run(command(questions)).stdout)
    return {name: said.get(name, "") for name in questions}
