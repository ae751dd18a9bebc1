"""The state of APT mirrors: which answers, and what it has."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from b2ct.core.errors import B2ctError
from b2ct.core.fetch import UnreachableError
from b2ct.image.model import Definition
from b2ct.image.rootfs import aptstate
from b2ct.image.rootfs.bootstrap import no_mirror
from tests.web import serve

INDEX = b"Origin: Example\nLabel: Ours\nCodename: bookworm\nDate: Sat, 01 Feb 2025 10:00:00 UTC\n"
DATE = 1738404000


def definition(**repositories: Any) -> Definition:
    return Definition.model_validate(
        {
            "title": "t",
            "system": {
                "distribution": "debian",
                "release": "12",
                "suite": "bookworm",
                "packaging": "apt",
            },
            "repositories": repositories,
            "boot": {"kernel": "linux-image-amd64"},
        }
    )


def test_the_identity_is_that_of_the_signed_index(tmp_path: Path) -> None:
    with serve() as web:
        for suite in ("bookworm", "updates"):
            web.put(f"/d/dists/{suite}/InRelease", INDEX + suite.encode())
        ours = {"url": f"{web.base}/d", "suites": ["bookworm", "updates"], "base": True}
        state = aptstate.ask(definition(ours=ours), tmp_path, offline=False)
    assert state.identity == {
        f"ours {suite}": hashlib.sha256(INDEX + suite.encode()).hexdigest()
        for suite in ("bookworm", "updates")
    }
    assert state.date == DATE


def test_offline_it_is_what_it_was(tmp_path: Path) -> None:
    with serve() as web:
        web.put("/dists/bookworm/InRelease", INDEX)
        ours = {"url": web.base}
        online = aptstate.ask(definition(ours=ours), tmp_path, offline=False)
    assert aptstate.ask(definition(ours=ours), tmp_path, offline=True) == online


def test_offline_without_a_memory_is_refused(tmp_path: Path) -> None:
    ours = {"url": "http://deb.example.org/debian"}
    with pytest.raises(UnreachableError) as caught:
        aptstate.ask(definition(ours=ours), tmp_path, offline=True)
    assert "deb.example.org" in caught.value.message
    assert "without --offline" in caught.value.hint


def test_the_first_mirror_that_has_all_suites_is_taken(tmp_path: Path) -> None:
    with serve() as web:
        web.put("/half/dists/a/InRelease", INDEX)
        for suite in "ab":
            web.put(f"/whole/dists/{suite}/InRelease", INDEX)
        mirrors = [f"{web.base}/half", f"{web.base}/whole"]
        ours = {"url": "http://127.0.0.1:9/debian", "mirrors": mirrors, "suites": ["a", "b"]}
        state = aptstate.ask(definition(ours=ours), tmp_path, offline=False)
        assert state.urls == {"ours": f"{web.base}/whole"}


def test_without_any_the_repository_and_the_reasons_are_named(tmp_path: Path) -> None:
    ours = {"url": "http://127.0.0.1:9/one", "mirrors": ["http://127.0.0.1:9/two"]}
    with pytest.raises(UnreachableError) as caught:
        aptstate.ask(definition(ours=ours), tmp_path, offline=False)
    for part in ("repository ours", "/one", "/two"):
        assert part in caught.value.message
    assert "mirrors" in caught.value.hint


def test_an_old_repository_has_its_signature_apart(tmp_path: Path) -> None:
    with serve() as web:
        web.put("/dists/bookworm/Release", INDEX)
        state = aptstate.ask(definition(ours={"url": web.base}), tmp_path, offline=False)
    assert state.identity == {"ours bookworm": hashlib.sha256(INDEX).hexdigest()}


def test_a_folder_of_this_machine_needs_no_network(tmp_path: Path) -> None:
    (tmp_path / "repo/dists/bookworm").mkdir(parents=True)
    (tmp_path / "repo/dists/bookworm/InRelease").write_bytes(INDEX)
    ours = {"url": (tmp_path / "repo").as_uri()}
    state = aptstate.ask(definition(ours=ours), tmp_path, offline=True)
    assert state.date == DATE
    with pytest.raises(UnreachableError, match="has no InRelease"):
        aptstate.ask(definition(ours={"url": tmp_path.as_uri()}), tmp_path / "cache", offline=False)


@pytest.mark.parametrize(
    ("suite", "expected"),
    [("bookworm", "http://x/y/dists/bookworm"), ("./", "http://x/y/."), ("el/", "http://x/y/el")],
)
def test_where_an_index_is(suite: str, expected: str) -> None:
    assert aptstate.folder_of("http://x/y/", suite) == expected


def test_no_suite_is_refused(tmp_path: Path) -> None:
    wrong = definition(ours={"url": "http://x/"})
    without = wrong.model_copy(update={"system": wrong.system.model_copy(update={"suite": None})})
    with pytest.raises(B2ctError, match="names no APT suite"):
        aptstate.ask(without, tmp_path, offline=True)


@pytest.mark.parametrize(
    ("index", "pin"),
    [
        (INDEX, "release o=Example, l=Ours, n=bookworm"),
        (b"Codename: bookworm\n", 'origin "127.0.0.1"'),
        (b"", 'origin "127.0.0.1"'),
    ],
)
def test_a_repository_is_told_from_others_on_its_host(
    tmp_path: Path, index: bytes, pin: str
) -> None:
    with serve() as web:
        web.put("/dists/bookworm/InRelease", index)
        wanted = definition(ours={"url": web.base})
        aptstate.ask(wanted, tmp_path, offline=False)
        assert aptstate.pins("ours", wanted, web.base, tmp_path) == [pin]


def test_who_cannot_reach_cerns_packages_is_told_of_the_practice_ones() -> None:
    assert "`b2ct practice packages`" in no_mirror("http://cvmrepo.s3.cern.ch/cvmrepo/apt")
    assert "practice" not in no_mirror("http://deb.debian.org/debian")
