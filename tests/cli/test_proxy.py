"""`--proxy` and `proxy:` of site.yaml as a user meets them: option, then site, then environment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import proxies, web
from tests.cli.program import assert_refused, b2ct
from tests.cli.test_check_packages import NEEDED
from tests.proxies import PASSWORD, Folder, Institute, needs_proxy, no_environment
from tests.supply.test_packages import repository

__all__ = ["no_environment"]  # a fixture
pytestmark = [needs_proxy, pytest.mark.usefixtures("no_environment")]
SITE = """\
release: {{version: el9, mirror: '{url}', repositories: {{epel: '{url}'}}}}
opennebula: {{mirror: '{url}'}}
packages: {{all: [tmux]}}
nodes: [{{name: one, role: control}}]
"""
WITH = SITE + "proxy: {{url: '{proxy}', user: b2ct}}\nsecrets: {{proxy_password: {secret}}}\n"


@pytest.fixture(scope="module")
def squid() -> Iterator[Institute]:
    with proxies.institute() as running:
        yield running


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Folder]:
    repository(tmp_path / "repo", NEEDED)
    with proxies.serving(tmp_path / "repo") as running:
        yield running


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("home", "here"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    (tmp_path / "here/password").write_text(PASSWORD)
    (tmp_path / "here/password").chmod(0o600)
    return tmp_path / "here"


def write(here: Path, url: str, proxy: str = "", secret: str = "{file: password}") -> None:
    text = WITH if proxy else SITE
    (here / "site.yaml").write_text(text.format(url=url, proxy=proxy, secret=secret))


LOOK = ("check", "--packages")


def test_the_proxy_of_the_site_is_used(here: Path, mirror: Folder, squid: Institute) -> None:
    write(here, mirror.outside + "/", squid.url)
    done = b2ct(*LOOK, cwd=here)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "could not be read" not in done.stdout
    assert f"{squid.url} as b2ct" in done.stdout
    assert mirror.asked
    assert all(by_proxy for _, by_proxy in mirror.asked)
    assert PASSWORD not in done.stdout + done.stderr


def test_it_is_not_asked_for_what_is_inside(here: Path, mirror: Folder, squid: Institute) -> None:
    """Nor is its password looked up: the file that has it is not there."""
    (here / "password").unlink()
    before = squid.asked()
    write(here, mirror.inside + "/", squid.url)
    done = b2ct(*LOOK, cwd=here)
    assert done.returncode == 0, done.stdout + done.stderr
    assert mirror.asked
    assert not any(by_proxy for _, by_proxy in mirror.asked)
    assert squid.asked() == before


def test_the_option_comes_before_the_site_and_the_site_before_the_environment(
    here: Path, mirror: Folder, squid: Institute, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = f"http://127.0.0.1:{web.closed_port()}"
    with proxies.institute(user="") as other:
        write(here, mirror.outside + "/", dead)
        done = b2ct(*LOOK, "--proxy", other.url, cwd=here)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "could not be read" not in done.stdout
        assert other.asked()
        monkeypatch.setenv("http_proxy", other.url)
        asked = len(other.asked())
        assert "could not be read" in b2ct(*LOOK, cwd=here).stdout  # the site's is dead
        assert "could not be read" in b2ct(*LOOK, "--proxy", "none", cwd=here).stdout
        assert len(other.asked()) == asked
        write(here, mirror.outside + "/")
        assert "could not be read" not in b2ct(*LOOK, cwd=here).stdout
        assert len(other.asked()) > asked


@pytest.mark.parametrize("bad", ["proxy.example.org", "http://me:pw@127.0.0.1:3128", "yes"])
def test_an_option_that_is_no_proxy(here: Path, bad: str) -> None:
    write(here, "http://127.0.0.1:9/")
    for verb in (LOOK, ("iso", "--role", "control"), ("usb", "image"), ("image", "build", "x")):
        assert_refused(b2ct(*verb, "--proxy", bad, cwd=here), "--proxy", "HOST:PORT", "none")


def test_a_password_goes_nowhere_before_a_yes(
    here: Path, mirror: Folder, squid: Institute, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable could be any of the user's, and the proxy is one that site.yaml names."""
    monkeypatch.setenv("OF_THE_INSTITUTE", PASSWORD)
    write(here, mirror.outside + "/", squid.url, "{env: OF_THE_INSTITUTE}")
    refused = squid.refused()
    done = b2ct(*LOOK, cwd=here)
    assert_refused(done, "secrets.proxy_password sends", "OF_THE_INSTITUTE", "--trust-site")
    assert mirror.asked == []
    assert squid.refused() == refused
    done = b2ct(*LOOK, "--trust-site", cwd=here)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "could not be read" not in done.stdout
    assert mirror.asked


def test_a_password_beyond_ascii_is_refused(here: Path, mirror: Folder, squid: Institute) -> None:
    (here / "password").write_text("pässword")
    write(here, mirror.outside + "/", squid.url)
    done = b2ct(*LOOK, cwd=here)
    assert_refused(done, "beyond ASCII")
    assert mirror.asked == []
