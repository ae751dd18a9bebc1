"""What dnf mirrors have now, asked over real HTTP."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from b2ct.core.errors import B2ctError
from b2ct.core.fetch import Patience, UnreachableError
from b2ct.image.model import Definition
from b2ct.image.rootfs import rpmstate
from tests.image import rehearsal
from tests.web import Web, closed_port, serve

INDEX = b"""<?xml version="1.0"?>
<repomd xmlns="http://linux.duke.edu/metadata/repo"><revision>1700000000</revision>
<data type="primary"><timestamp>1700000500</timestamp></data></repomd>
"""


@pytest.fixture
def web() -> Iterator[Web]:
    with serve() as server:
        yield server


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpmstate, "_PATIENCE", Patience(attempts=1, pause=0))


def definition(url: str, *mirrors: str) -> Definition:
    row: dict[str, Any] = {"url": url, "mirrors": mirrors, "base": True}
    return Definition.model_validate(rehearsal.el({"base": row}))


def test_the_identity_is_the_index_and_the_date_its_newest(web: Web, tmp_path: Path) -> None:
    web.put("/9/x86_64/repodata/repomd.xml", INDEX)
    state = rpmstate.ask(definition(f"{web.base}/$releasever/$basearch/"), tmp_path, offline=False)
    assert state.identity == {"base": hashlib.sha256(INDEX).hexdigest()}
    assert state.date == 1700000500
    assert state.urls == {"base": f"{web.base}/$releasever/$basearch/"}


def test_the_first_mirror_that_answers_is_taken(web: Web, tmp_path: Path) -> None:
    web.put("/good/repodata/repomd.xml", INDEX)
    dead = f"http://127.0.0.1:{closed_port()}/"
    chosen = definition(dead, f"{web.base}/gone", f"{web.base}/good")
    assert rpmstate.ask(chosen, tmp_path, offline=False).urls["base"] == f"{web.base}/good"


def test_no_mirror_at_all(tmp_path: Path) -> None:
    dead = f"http://127.0.0.1:{closed_port()}/"
    with pytest.raises(UnreachableError, match="repository base: no mirror answers"):
        rpmstate.ask(definition(dead), tmp_path, offline=False)
    assert list(tmp_path.iterdir()) == []


def test_offline_it_is_what_it_was_the_last_time(web: Web, tmp_path: Path) -> None:
    chosen = definition(web.base)
    with pytest.raises(UnreachableError, match="offline"):
        rpmstate.ask(chosen, tmp_path, offline=True)
    web.put("/repodata/repomd.xml", INDEX)
    state = rpmstate.ask(chosen, tmp_path, offline=False)
    asked = len(web.asked)
    assert rpmstate.ask(chosen, tmp_path, offline=True) == state
    assert len(web.asked) == asked


def test_a_page_that_is_no_index_is_refused(web: Web, tmp_path: Path) -> None:
    web.put("/repodata/repomd.xml", "<html>log in to the network first</html>")
    with pytest.raises(B2ctError, match="is no repository index"):
        rpmstate.ask(definition(web.base), tmp_path, offline=False)


def test_a_folder_of_this_machine(tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    (folder / "repodata").mkdir(parents=True)
    (folder / "repodata/repomd.xml").write_bytes(INDEX)
    state = rpmstate.ask(definition(folder.as_uri()), tmp_path / "cache", offline=True)
    assert state.date == 1700000500
