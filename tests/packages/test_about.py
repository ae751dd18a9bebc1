"""Versions of packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from packages import about


def test_a_later_commit_is_a_newer_package_and_says_its_python() -> None:
    older, newer = (about.About("3.11", epoch).revision for epoch in (1790000000, 1790000001))
    assert older == "20260921141320.py311"
    assert older < newer


def test_the_time_is_that_of_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert about.of("3.11").epoch > 1_700_000_000
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1790000000")
    assert about.of("3.11").day == "Mon, 21 Sep 2026 14:13:20 +0000"


@pytest.mark.parametrize("epoch", ["yesterday", ""])
def test_no_time_is_one_line_with_the_remedy(
    epoch: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(about, "ROOT", tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    with pytest.raises(B2ctError) as refused:
        about.of("3.11")
    assert "seconds" in refused.value.hint


def test_who_builds_it_answers_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBFULLNAME", "Ada")
    monkeypatch.setenv("DEBEMAIL", "ada@lab.example.org")
    assert about.maintainer() == "Ada <ada@lab.example.org>"
