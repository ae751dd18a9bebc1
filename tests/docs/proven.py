"""docs/proven.md from its table: python -m tests.docs.proven"""

from __future__ import annotations

from pathlib import Path

import yaml

DOCS = Path(__file__).resolve().parents[2] / "docs"
TABLE, PAGE = DOCS / "proven.yaml", DOCS / "proven.md"
KEYS = ("part", "proven", "with", "tests", "missing")
_HEAD = """\
<!-- Made by `python -m tests.docs.proven`: edit proven.yaml, not this page. -->
# What has been proven, and what has not

Each row is a part of B2CT: what its tests see happen, on what it happens, and what nobody has seen
yet. A practice installer is a small image in the layout of a real one; a practice site is a few
real Linux systems on one computer; a double is a program that answers as the real one was recorded.
"""


def rows() -> list[dict[str, object]]:
    """The table."""
    found: list[dict[str, object]] = yaml.safe_load(TABLE.read_text())
    return found


def tests_of(row: dict[str, object]) -> list[str]:
    """The files and folders that prove a row."""
    named = row["tests"]
    assert isinstance(named, list)
    return named


def text() -> str:
    """The page."""
    lines = ["| part | what was seen | on what | tests | not seen yet |", "|---|---|---|---|---|"]
    for row in rows():
        tests = ", ".join(f"`{name}`" for name in tests_of(row))
        cells = (row["part"], row["proven"], row["with"], tests, row["missing"])
        lines.append("| " + " | ".join(str(cell).strip() for cell in cells) + " |")
    return "\n".join([_HEAD, *lines, ""])


if __name__ == "__main__":
    PAGE.write_text(text())
