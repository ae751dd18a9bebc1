"""A testinfra host that answers by the beginning of a command, where no real one is needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Said:
    """As testinfra's CommandResult."""

    rc: int
    stdout: str
    stderr: str = ""


class Fake:
    """Answers what was put into it; everything else is empty, with exit code `code`."""

    def __init__(self, answers: Mapping[str, str], code: int = 1) -> None:
        self._answers = answers
        self._code = code
        self.backend: Any = self

    def run(self, command: str, *_args: str) -> Said:
        for part, text in self._answers.items():
            if part in command:
                return Said(0, text)
        return Said(self._code, "")
