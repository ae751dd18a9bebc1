"""What a DIRAC server is given: the password only where it belongs, and nothing before refusals."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.dirac.handover import Wishes, make
from b2ct.dirac.seat import Seat
from b2ct.site.chosen import ChosenSite
from b2ct.site.load import load_text
from tests.dirac import ground

OFFLINE = Wishes(offline=True)


def chosen(folder: Path, text: str = ground.SITE) -> ChosenSite:
    return ChosenSite(ground.site(folder, text), folder)


def test_who_only_looks_needs_no_password(tmp_path: Path) -> None:
    site = ChosenSite(load_text(ground.SITE), tmp_path)  # its password's file is not there
    made = make(site, OFFLINE)
    assert list(made.shown) == ["resources.cfg"]
    assert made.as_json()["written"] == []


def test_the_password_is_in_what_is_written_and_not_in_what_is_shown(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    made = make(chosen(tmp_path), Wishes(offline=True, output=folder))
    assert "cloud.auth" not in made.shown
    assert ground.PASSWORD.replace("%", "%%") in (folder / "cloud.auth").read_text()
    assert (folder / "cloud.auth").stat().st_mode & 0o777 == 0o600
    assert made.as_text() == ""
    assert ground.PASSWORD not in repr(made)


def test_a_file_that_is_there_is_refused_before_the_password_is_looked_up(tmp_path: Path) -> None:
    site = ChosenSite(load_text(ground.SITE), tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "STEPS.txt").touch()
    with pytest.raises(B2ctError, match="exists already"):
        make(site, Wishes(offline=True, output=tmp_path / "out"))


def test_diracs_own_driver_goes_through_the_gateway(tmp_path: Path) -> None:
    with pytest.raises(B2ctError, match="without the gateway"):
        make(chosen(tmp_path), Wishes(offline=True, stock=True, legacy=True))
    text = f"{ground.SITE}gateway: {{clients: [192.0.2.0/24]}}\n"
    made = make(chosen(tmp_path, text), Wishes(offline=True, stock=True))
    assert "OpenNebula_6_0_NodeDriver" in made.as_text()


def test_a_seat_that_needs_no_site(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ONE_AUTH", "ONE_XMLRPC"):
        monkeypatch.delenv(name, raising=False)
    assert not Seat(url="http://x").complete
    assert not Seat(auth=Path("a")).complete
    assert Seat(url="http://x", cloud_auth=Path("a")).complete
    monkeypatch.setenv("ONE_AUTH", "/a")
    monkeypatch.setenv("ONE_XMLRPC", "http://x")
    assert Seat().complete
