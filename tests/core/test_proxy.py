"""What goes through a proxy and what does not; B2CT's own downloads, through a real squid."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.utils import get_auth_from_url

from b2ct.core import fetch, proxy
from b2ct.core.errors import B2ctError
from b2ct.core.proxy import Inside, Proxy
from tests import proxies, web
from tests.proxies import OUTSIDE, PASSWORD, Institute, needs_proxy, no_environment

__all__ = ["no_environment"]  # a fixture

QUICK = fetch.Patience(connect=5, read=10, attempts=1, pause=0)
DESY = Inside(("desy.de", "131.169.0.9"), (IPv4Network("131.169.0.0/16"),))


@pytest.mark.parametrize(
    ("url", "inside"),
    [
        ("http://mirror.desy.de/el9/", True),
        ("http://DESY.de:8080/", True),
        ("http://desy.de./", True),
        ("http://notdesy.de/", False),
        ("http://desy.de.example.org/", False),
        ("http://131.169.4.5/", True),
        ("http://131.170.4.5/", False),
        ("http://10.9.8.7/", True),
        ("http://172.16.0.1/", True),
        ("http://172.32.0.1/", False),
        ("http://127.0.0.1:2633/RPC2", True),
        ("http://169.254.16.9:5030/", True),
        ("http://localhost/", True),
        ("http://hv01:8000/", True),
        ("http://[::1]/", True),
        ("http://[2001:db8::1]/", False),
        ("https://user:word@mirror.desy.de/", True),
        ("https://mirror.desy.de@example.org/", False),
        ("file:///srv/mirror", True),
    ],
)
def test_inside(url: str, inside: bool) -> None:
    assert DESY.has(url) is inside
    assert Proxy("http://proxy.desy.de:3128", DESY).takes(url) is not inside


def test_hosts_that_are_known_stand_in_no_proxy_by_their_address() -> None:
    words = DESY.words(["http://10.1.2.3/x", "http://mirror.desy.de/y", "https://example.org/"])
    assert {"10.1.2.3", "mirror.desy.de", "desy.de", "localhost", "127.0.0.1"} <= set(words)
    assert "example.org" not in words


@pytest.mark.parametrize(
    "url",
    [
        "http://proxy.example.org", "https://proxy.example.org:3128", "proxy.example.org:3128",
        "http://me:pw@proxy.example.org:3128", "http://proxy.example.org:0", "http://:3128",
        "http://proxy.example.org:65536", "http://proxy.example.org:3128/path", "socks5://p:1",
        "http://proxy.example.org:3128\n", "http://-x:3128", "http://a b:3128", "",
    ],
)  # fmt: skip
def test_addresses_that_programs_read_differently_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        proxy.checked(url)
    with pytest.raises(B2ctError, match="--proxy") as caught:
        proxy.asked_for(url, Inside())
    assert "pw" not in caught.value.message


@given(st.text(min_size=1), st.text(min_size=1))
def test_any_user_and_password_survive_the_url(user: str, password: str) -> None:
    try:
        (user + password).encode()
    except UnicodeEncodeError:  # a lone surrogate is no text
        return
    url = proxy.with_user("http://proxy.example.org:3128", user, password)
    assert get_auth_from_url(url) == (user, password)
    assert url.endswith("@proxy.example.org:3128")
    assert set(url) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%:/@.-_~")


def test_the_environment_of_others_overrules_both_spellings() -> None:
    told = Proxy("http://p.example.org:3128", DESY, "me", lambda: "p@ss").environment()
    assert told["http_proxy"] == told["HTTPS_PROXY"] == "http://me:p%40ss@p.example.org:3128"
    assert "desy.de" in told["no_proxy"].split(",")
    assert told["all_proxy"] == told["ALL_PROXY"] == ""
    none = Proxy("").environment()
    assert none["http_proxy"] == none["HTTPS_PROXY"] == ""
    assert none["no_proxy"] == "*"


def test_nobody_said_anything() -> None:
    assert proxy.chosen() is None
    assert proxy.environment(["http://example.org/"]) == {}
    assert not proxy.stays_inside("http://127.0.0.1/")


def test_it_holds_for_a_while_and_shows_no_password() -> None:
    with proxy.through(Proxy("http://p.example.org:3128", DESY, "me", lambda: "secretive")):
        assert proxy.stays_inside("http://hv01:2633/RPC2")
        assert not proxy.stays_inside("http://example.org/")
        assert "secretive" not in repr(proxy.chosen())
        with proxy.through(None):
            assert proxy.chosen() is None
    assert proxy.chosen() is None


@pytest.fixture(scope="module")
def squid() -> Iterator[Institute]:
    with proxies.institute() as running:
        yield running


@pytest.fixture
def server() -> Iterator[web.Web]:
    with web.serve() as running:
        yield running


def outer(url: str) -> str:
    """The same server as it is called outside."""
    return url.replace("127.0.0.1", OUTSIDE)


@needs_proxy
@pytest.mark.usefixtures("no_environment")
class TestSquid:
    def test_downloads_go_through_it(
        self, squid: Institute, server: web.Web, tmp_path: Path
    ) -> None:
        url = outer(server.put("/f.iso", b"installer"))
        with proxy.through(squid.chosen()):
            fetch.download(url, tmp_path / "f.iso", patience=QUICK)
            assert fetch.get_bytes(url, patience=QUICK) == b"installer"
        assert (tmp_path / "f.iso").read_bytes() == b"installer"
        assert squid.asked().count(f"GET {url}") == 2
        assert all("Via" in one.headers for one in server.asked)

    def test_what_is_inside_is_asked_directly(self, squid: Institute, server: web.Web) -> None:
        url = server.put("/inside", b"here")
        with proxy.through(squid.chosen()):
            assert fetch.get_bytes(url, patience=QUICK) == b"here"
        assert [one.headers.get("Via") for one in server.asked] == [None]
        assert url not in " ".join(squid.asked())

    def test_a_redirection_to_the_inside_leaves_it(self, squid: Institute, server: web.Web) -> None:
        inside = server.put("/inside", b"here")
        with web.serve() as other, proxy.through(squid.chosen()):
            url = outer(other.put("/moved", b"", redirect=inside))
            assert fetch.get_bytes(url, patience=QUICK) == b"here"
        assert [one.headers.get("Via") for one in server.asked] == [None]

    def test_what_was_said_overrules_the_environment(
        self, squid: Institute, server: web.Web, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        url = server.put("/f", b"x")
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{web.closed_port()}")
        with proxy.through(squid.chosen()):
            assert fetch.get_bytes(outer(url), patience=QUICK) == b"x"
        with proxy.through(Proxy("")):
            assert fetch.get_bytes(url, patience=QUICK) == b"x"
        with pytest.raises(fetch.UnreachableError, match="proxy"):
            fetch.get_bytes(url, patience=QUICK)

    def test_a_wrong_password_is_one_line_without_it(
        self, squid: Institute, server: web.Web
    ) -> None:
        before = squid.refused()
        with proxy.through(squid.chosen("wrongword")), pytest.raises(B2ctError) as caught:
            fetch.get_bytes(outer(server.put("/f", b"x")), patience=QUICK)
        assert "407" in caught.value.message
        assert "site.yaml" in caught.value.hint
        told = " ".join(caught.value.lines())
        assert "wrongword" not in told
        assert PASSWORD not in told
        assert squid.refused() == before + 1

    def test_https_goes_through_a_tunnel(self, squid: Institute) -> None:
        """The tunnel is opened with the password; behind it is nobody who speaks TLS."""
        with web.serve() as plain, proxy.through(squid.chosen()), pytest.raises(B2ctError):
            fetch.get_bytes(outer(plain.base).replace("http:", "https:"), patience=QUICK)
        port = plain.base.rpartition(":")[2]
        assert f"CONNECT {OUTSIDE}:{port}" in squid.asked()
