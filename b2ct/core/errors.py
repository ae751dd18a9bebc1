"""One error type, with a message and the remedy. A traceback is reserved for defects of ours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

EXIT_VERDICT = 1
"""The command ran and the answer is no: a boot failed, a tool is missing."""
EXIT_REFUSED = 2
"""The input, the target or the machine does not allow it; nothing was written."""
EXIT_INTERRUPTED = 130
"""Ctrl-C or SIGTERM; nothing was left half done."""


class B2ctError(Exception):
    """A refusal that the user can act on.

    `message` is one line that names the value and what was expected; `hint` is the remedy.
    """

    exit_code = EXIT_REFUSED

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def lines(self) -> list[str]:
        """The error as it is shown: one line, and the remedy below it."""
        return [self.message, *([f"hint: {self.hint}"] if self.hint else [])]


class VerdictError(B2ctError):
    """The command did its work and the verdict is no."""

    exit_code = EXIT_VERDICT


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a file, at a 1-based line and column (0: the file as a whole)."""

    file: Path
    line: int
    column: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        """`file:line:column: message (hint)`: the form that editors jump to."""
        where = f"{self.file}:{self.line}:{self.column}" if self.line else str(self.file)
        return f"{where}: {self.message}" + (f" (hint: {self.hint})" if self.hint else "")


class InvalidFileError(B2ctError):
    """A file that a person wrote has problems; all of them are told at once."""

    def __init__(self, problems: list[Problem]) -> None:
        if not problems:
            raise ValueError("an InvalidFileError needs at least one problem")
        super().__init__(str(problems[0]))
        self.problems = tuple(problems)

    def lines(self) -> list[str]:
        """A line a problem, in the order of the file."""
        return [str(problem) for problem in self.problems]
