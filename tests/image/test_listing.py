from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from b2ct.image import definitions, listing


def test_a_row_each(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("extends: nobody\n")
    (tmp_path / "mine.yaml").write_text("extends: el6-worker\ntitle: Mine\n")
    rows = {row.name: row for row in listing.rows(folders=[tmp_path])}
    assert {"debian-12-worker", "mine", "broken"} <= set(rows)
    assert rows["mine"].title == "Mine"
    assert rows["mine"].distribution == "centos 6"
    assert rows["mine"].historical(date(2026, 1, 1))
    assert not rows["mine"].historical(date(2020, 11, 30))
    assert "there is no such definition" in rows["broken"].problem
    assert not rows["broken"].historical(date(2026, 1, 1))


def test_what_the_host_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.yaml").write_text(
        "extends: debian-12-worker\nrepositories: {debian: {keys: ['-*', {file: /no/key.gpg}]}}\n"
    )
    definition = definitions.load("mine", folders=[tmp_path]).definition
    monkeypatch.setattr(listing, "find_tool", lambda name: None if name == "mmdebstrap" else name)
    lacks = listing.lacks(definition)
    assert [lack for lack in lacks if not lack.startswith("/usr/share/keyrings")] == [
        "mmdebstrap", "/no/key.gpg",
    ]  # fmt: skip
