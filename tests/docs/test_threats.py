"""docs/threats.md names tests that are there, for every protection that it claims."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "threats.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


def rows() -> list[list[str]]:
    """The cells of all rows of tables with a column of proofs."""
    found: list[list[str]] = []
    proofs = False
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and cells[-1] == "proven by":
            proofs = True
        elif not line.startswith("|"):
            proofs = False
        elif proofs and not cells[-1].startswith("---"):
            found.append(cells)
    return found


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_a_named_test_exists(file: str, test: str) -> None:
    assert re.search(rf"^def {test}\(", (ROOT / file).read_text(), re.MULTILINE)


def test_every_protection_has_its_proof() -> None:
    assert len(rows()) > 30
    for *_, proof in rows():
        assert re.fullmatch(r"`tests/[\w/]+\.py::\w+`(, `tests/[\w/]+\.py::\w+`)*", proof), proof


@pytest.mark.parametrize("name", re.findall(r"`((?:tests|script|benchmarks)/[\w/]+\.?\w*)`", PAGE))
def test_files_that_are_named_exist(name: str) -> None:
    assert (ROOT / name).exists()


@pytest.mark.parametrize("page", ["docs/threats.md", "docs/security.md"])
def test_the_report_page_leads_to_it(page: str) -> None:
    assert f"({page})" in (ROOT / "SECURITY.md").read_text()
