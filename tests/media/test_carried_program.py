"""B2CT itself on the media of a control node: ISO, key, and a key made from that ISO."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from b2ct.core.errors import B2ctError
from b2ct.media.key.build import KeyMade, make_key
from b2ct.media.key.request import KeyRequest
from b2ct.media.make import IsoMade, IsoRequest, make_iso
from b2ct.site.catalogue import Role
from b2ct.site.model import Site
from b2ct.supply import program
from tests.media.key import tools
from tests.supply.small import lock

PATH = "b2ct/b2ct-py3.11.tar"
PracticeIso = Callable[[str], Path]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    return lock(tmp_path, monkeypatch)


def iso(source: Path, out: Path, *roles: Role, **more: Any) -> IsoMade:
    wishes = {"program": True, **more}
    return make_iso(IsoRequest(site=Site(), roles=roles, output=out, **wishes), source)


def key(source: Path, out: Path, *roles: Role, **more: Any) -> KeyMade:
    wishes = {"program": True, **more}
    return make_key(KeyRequest(site=Site(), roles=roles, output=out, **wishes), source)


def test_an_iso_carries_it_and_a_key_made_of_that_iso_too(
    folder: Path, practice_iso: PracticeIso
) -> None:
    expected = program.obtain("3.11")
    made = iso(practice_iso("el9"), folder / "c.iso", Role.CONTROL)
    assert made.medium.carries == expected.summary
    assert f"  carries   {expected.summary}" in made.as_text()
    assert tools.iso_file(folder / "c.iso", PATH, folder) == expected.tar
    adopted = key(folder / "c.iso", folder / "c.img")
    assert tools.read(folder / "c.img", PATH) == expected.tar
    assert adopted.plan.size < 2 * (folder / "c.iso").stat().st_size


@pytest.mark.parametrize("role", [Role.CONTROL, Role.SINGLE])
def test_a_key_carries_it_with_its_sum(folder: Path, practice_iso: PracticeIso, role: Role) -> None:
    made = key(practice_iso("el9"), folder / "k.img", role)
    tar = program.obtain("3.11").tar
    assert tools.read(folder / "k.img", PATH) == tar
    sums = tools.read(folder / "k.img", "ks/SHA256SUMS").decode()
    assert f"{hashlib.sha256(tar).hexdigest()}  {PATH}\n" in sums
    assert made.as_json()["carries"] == made.prepared.carries


def test_el10_has_it_for_its_own_python(folder: Path, practice_iso: PracticeIso) -> None:
    iso(practice_iso("el10"), folder / "c.iso", Role.CONTROL)
    assert tools.iso_file(folder / "c.iso", "b2ct/b2ct-py3.12.tar", folder)


@pytest.mark.parametrize(
    "case",
    [
        ("el9", Role.HYPERVISOR, {}, ""),
        ("el9", Role.CONTROL, {"program": False}, "no B2CT, as asked"),
        ("el7", Role.CONTROL, {}, "no B2CT: el7 packages no Python that runs it"),
        ("el9", Role.CONTROL, {"dry_run": True}, "34 MiB"),
    ],
)
def test_else_nothing_is_fetched_and_the_reason_is_told(
    folder: Path, practice_iso: PracticeIso, case: tuple[str, Role, dict[str, bool], str]
) -> None:
    layout, role, more, said = case
    assert said in iso(practice_iso(layout), folder / "x.iso", role, **more).medium.carries
    assert said in key(practice_iso(layout), folder / "x.img", role, **more).prepared.carries
    assert not (folder / "cache/b2ct/program").exists()


def test_offline_without_it_nothing_is_written(folder: Path, practice_iso: PracticeIso) -> None:
    for make in (iso, key):
        with pytest.raises(B2ctError, match="has not been fetched yet") as refused:
            make(practice_iso("el9"), folder / "x", Role.CONTROL, offline=True)
        assert "--without-b2ct" in refused.value.hint
        assert not (folder / "x").exists()
