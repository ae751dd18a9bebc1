"""Errors are lines with a remedy, and exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.core.errors import (
    EXIT_REFUSED,
    EXIT_VERDICT,
    B2ctError,
    InvalidFileError,
    Problem,
    VerdictError,
)


def test_the_hint_is_a_line_of_its_own() -> None:
    assert B2ctError("it is so").lines() == ["it is so"]
    assert B2ctError("it is so", hint="do this").lines() == ["it is so", "hint: do this"]
    assert str(B2ctError("it is so", hint="do this")) == "it is so"


def test_exit_codes() -> None:
    assert B2ctError("x").exit_code == EXIT_REFUSED == 2
    assert VerdictError("x").exit_code == EXIT_VERDICT == 1


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        (Problem(Path("a.yaml"), 3, 7, "no", "yes"), "a.yaml:3:7: no (hint: yes)"),
        (Problem(Path("a.yaml"), 3, 7, "no"), "a.yaml:3:7: no"),
        (Problem(Path("a.yaml"), 0, 0, "no"), "a.yaml: no"),
    ],
)
def test_a_problem_names_its_place(problem: Problem, line: str) -> None:
    assert str(problem) == line


def test_an_invalid_file_tells_all_its_problems() -> None:
    problems = [Problem(Path("a"), n, 1, "no") for n in (1, 2)]
    assert InvalidFileError(problems).lines() == ["a:1:1: no", "a:2:1: no"]
    with pytest.raises(ValueError, match="at least one"):
        InvalidFileError([])
