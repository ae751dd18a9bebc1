"""docs/proven.md is its table, and what the table names is there."""

from __future__ import annotations

import pytest

from tests.docs import proven


def test_the_page_is_the_tables() -> None:
    assert proven.PAGE.read_text() == proven.text(), "python -m tests.docs.proven"


@pytest.mark.parametrize("row", proven.rows(), ids=lambda row: str(row["part"]))
def test_each_row_says_everything_and_names_tests_that_are_there(row: dict[str, object]) -> None:
    assert tuple(row) == proven.KEYS
    assert all(row.values())
    for name in proven.tests_of(row):
        path = proven.DOCS.parent / name
        found = [path] if path.is_file() else [*path.rglob("test_*.py")]
        assert any("def test_" in file.read_text() for file in found), name


def test_every_folder_of_tests_proves_something_of_the_table() -> None:
    """A new part of B2CT has to say what is proven of it."""
    named = {name.split("/")[1] for row in proven.rows() for name in proven.tests_of(row)}
    named = {name for name in named if not name.endswith(".py")}  # some stand beside the folders
    helpers = {"docs", "firmware"}  # the pages themselves; what media's tests boot with
    folders = {
        path.name
        for path in (proven.DOCS.parent / "tests").iterdir()
        if path.is_dir() and any(path.rglob("test_*.py"))
    }
    assert folders - helpers == named
