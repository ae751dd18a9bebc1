"""Where and as whom: the order of OpenNebula's commands, and files that others may read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.one.endpoint import Endpoint, SiteAccess, checked_url, find


def put(path: Path, text: str = "me:secret\n", mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


SITE = SiteAccess("http://192.0.2.10:2633/RPC2", lambda: "sitepw", "192.0.2.10")


class Places:
    """Every place that counts, the first first; each can be taken away."""

    def __init__(self, folder: Path) -> None:
        self.home, self.system = folder / "home", folder / "system"
        self.option = put(folder / "option", "option:pw")
        put(self.home / ".one/one_auth", "home:pw\n")
        put(self.system / "one_auth", "system:pw")
        put(self.home / ".one/one_endpoint", "http://home:2633/RPC2\n")
        put(self.system / "one_endpoint", "http://system:2633/RPC2")
        self.env = {
            "HOME": str(self.home),
            "ONE_AUTH": str(put(folder / "env", "env:pw")),
            "ONE_XMLRPC": "http://env:2633/RPC2",
        }

    def find(self, **options: object) -> Endpoint:
        return find(environ=self.env, system=self.system, **options)  # type: ignore[arg-type]


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path)


def test_the_order_is_that_of_opennebula(places: Places) -> None:
    found = [places.find(url="http://option:2633/RPC2", auth_file=places.option, site=SITE)]
    found.append(places.find(site=SITE))
    del places.env["ONE_XMLRPC"], places.env["ONE_AUTH"]
    found.append(places.find(site=SITE))
    for name in ("one_auth", "one_endpoint"):
        (places.home / ".one" / name).unlink()
    found.append(places.find(site=SITE))
    for name in ("one_auth", "one_endpoint"):
        (places.system / name).unlink()
    found.append(places.find(site=SITE))
    assert [(one.host, one.user) for one in found] == [
        ("option", "option"), ("env", "env"), ("home", "home"), ("system", "system"),
        ("192.0.2.10", "oneadmin"),
    ]  # fmt: skip
    assert found[-1].auth == "oneadmin:sitepw"
    assert [one.url_from for one in found][1:3] == [
        "ONE_XMLRPC", str(places.home / ".one/one_endpoint")
    ]  # fmt: skip


def test_the_address_of_last_resort_is_named_as_such(places: Places) -> None:
    places.env = {"HOME": str(places.home)}
    (places.home / ".one/one_endpoint").unlink()
    (places.system / "one_endpoint").unlink()
    found = places.find()
    assert (found.url, found.url_from) == ("http://localhost:2633/RPC2", "OpenNebula's default")


def test_empty_variables_do_not_count(places: Places) -> None:
    places.env |= {"ONE_AUTH": "", "ONE_XMLRPC": ""}
    assert places.find().user == "home"


@pytest.mark.parametrize("who", ["ONE_AUTH", "the option --auth"])
def test_a_named_file_that_is_missing_is_not_passed_over(places: Places, who: str) -> None:
    places.env["ONE_AUTH"] = "/nonexistent"
    option = Path("/nonexistent") if who != "ONE_AUTH" else None
    with pytest.raises(B2ctError, match=f"{who} names /nonexistent, which is no file"):
        places.find(auth_file=option)


def test_no_credentials(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path)}
    with pytest.raises(B2ctError, match="no credentials") as caught:
        find(environ=env, system=tmp_path / "none")
    assert "one_auth" in caught.value.hint
    generated = SiteAccess("http://192.0.2.10:2633/RPC2", lambda: None, "192.0.2.10")
    with pytest.raises(B2ctError) as caught:
        find(environ=env, system=tmp_path / "none", site=generated)
    assert "ssh root@192.0.2.10 cat /var/lib/one/.one/one_auth" in caught.value.hint


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o666, 0o606, 0o620, 0o602])
def test_a_file_that_others_may_read_or_change_is_refused(places: Places, mode: int) -> None:
    places.option.chmod(mode)
    with pytest.raises(B2ctError, match=rf"others may (read|change) it \(mode 0{mode:o}\)") as err:
        places.find(auth_file=places.option)
    assert f"chmod 600 {places.option}" in err.value.hint


def test_a_file_that_the_group_may_read_is_warned_of(places: Places) -> None:
    places.option.chmod(0o640)
    said: list[str] = []
    assert places.find(auth_file=places.option, notice=said.append).user == "option"
    assert said == [f"warning: the group of {places.option} may read it: chmod 600 {places.option}"]


@pytest.mark.parametrize(
    "text",
    ["", "\n", "nocolon", ":pw", "me:", "a:b\nc:d", "a:b\x00", "\xff\xfe", "x" * 5000, "a:\x1b[0m"],
)
def test_a_file_that_holds_no_credentials(places: Places, text: str) -> None:
    places.option.write_bytes(text.encode("latin-1"))
    with pytest.raises(B2ctError) as caught:
        places.find(auth_file=places.option)
    assert caught.value.hint
    assert not text.strip() or text not in caught.value.message


def test_a_password_may_hold_colons(places: Places) -> None:
    put(places.option, "me:a:b c\n\n")
    found = places.find(auth_file=places.option)
    assert (found.user, found.auth) == ("me", "me:a:b c")


def test_nothing_shows_the_password(places: Places) -> None:
    found = places.find()
    assert "pw" not in repr(found)
    assert "pw" not in str(found)
    assert found.secrets == ("env:pw", "pw")


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("http://a:2633/RPC2", "http://a:2633/RPC2"), ("http://a:2633", "http://a:2633/RPC2"),
        ("http://a:2633/", "http://a:2633/RPC2"), ("https://a/one/rpc", "https://a/one/rpc"),
        (" http://[2001:db8::1]:2633/RPC2\n", "http://[2001:db8::1]:2633/RPC2"),
    ],
)  # fmt: skip
def test_addresses(url: str, whole: str) -> None:
    assert checked_url(url) == whole


@pytest.mark.parametrize(
    "url",
    ["", "frontend", "frontend:2634", "ftp://a/RPC2", "http://", "http://a:b:c/", "http://a:99999/",
     "http://me:secretpw@a/RPC2", "http://[::1/RPC2", "http://a b/RPC2", "http://a/\x1b"],
)  # fmt: skip
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(B2ctError) as caught:
        checked_url(url, "ONE_XMLRPC")
    assert caught.value.message.startswith("ONE_XMLRPC: ")
    assert "secretpw" not in " ".join(caught.value.lines())


def test_a_missing_ca_file(places: Places) -> None:
    with pytest.raises(B2ctError, match="CA certificates"):
        places.find(ca_file=Path("/nonexistent.pem"))


@pytest.mark.parametrize(("url", "clear"), [("http://a/", True), ("https://a/", False),
                                            ("http://localhost:2633/RPC2", False)])  # fmt: skip
def test_a_password_in_the_clear(url: str, clear: bool) -> None:
    assert Endpoint(url, "a:b").in_clear is clear


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read(places: Places) -> None:
    places.option.chmod(0)
    with pytest.raises(B2ctError, match="cannot read"):
        places.find(auth_file=places.option)
