"""The checks against a real squid with the configuration that we render, and broken ones."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.site.model import Site
from b2ct.squid import check as checks
from b2ct.squid.ask import Answer, Proxy, ask, proxy
from b2ct.squid.check import Row, State
from b2ct.squid.manifest import parse
from tests.cli.program import assert_refused, b2ct
from tests.kickstart.concerns.network import free_port
from tests.kickstart.concerns.test_squid import conf
from tests.squids import Proxy as Running
from tests.squids import needs_squid, origin, running

NOW = int(time.time())
REPOSITORIES = ("belle.cern.ch", "grid.cern.ch")
MANAGER = "http_access allow clients manager\n"


def head(name: str, *, published: int = NOW - 7200, revision: int = 41) -> bytes:
    """As stratum-1s have it, signature and all."""
    text = (
        f"C{'0a' * 20}\nB118784\nRd41d8cd98f00b204e9800998ecf8427e\nD240\nS{revision}\nGno\nAno\n"
        f"N{name}\nX{'1b' * 20}\nH{'2c' * 20}\nT{published}\n--\n{'3d' * 20}\n"
    )
    return text.encode() + b"\x00\xff binary signature"


def objects(*names: str, **more: int) -> dict[str, bytes]:
    return {f"/cvmfs/{name}/.cvmfspublished": head(name, **more) for name in names}


def site(*servers: str, **parts: object) -> Site:
    cvmfs = {"repositories": REPOSITORIES, "stratum1": servers}
    return Site.model_validate({"cvmfs": cvmfs, **parts})


def judged(squid: Running, described: Site, outsider: str = "") -> dict[str, Row]:
    place = Proxy("127.0.0.1", squid.port)
    rows = checks.check(place, checks.targets(described), ask, NOW, outsider=outsider)
    assert len({row.subject for row in rows}) == len(rows)
    return {row.subject: row for row in rows}


@dataclass
class Place:
    """A stratum-1 with both repositories, and the configuration of a squid before it."""

    folder: Path
    server: str
    text: str

    def url(self) -> str:
        return f"http://{self.server}"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with origin(objects(*REPOSITORIES)) as (port, _):
        server = f"s1.example.org:{port}"
        yield Place(tmp_path, server, conf(tmp_path, cvmfs={"stratum1": [f"http://{server}"]}))


@needs_squid
def test_our_own_squid_passes_every_check(place: Place) -> None:
    with running(place.text) as squid:
        rows = judged(squid, site(place.url()), outsider="127.0.0.9")
    skipped = {name for name, row in rows.items() if row.state is State.SKIP}
    assert skipped == {"all clients"}
    assert {row.state for name, row in rows.items() if name not in skipped} == {State.OK}
    assert rows[f"belle.cern.ch at {place.server}"].text == "revision 41, published 2 h ago"
    assert rows["cache"].text == "2 of 2 second fetches came from the cache"
    assert rows["other clients"].text == "127.0.0.9 is refused"


@needs_squid
@pytest.mark.parametrize(
    ("old", "new", "subject", "text"),
    [
        ("http_access deny tunnels\n", "http_access allow tunnels\n", "CONNECT", "is not refused"),
        (
            "http_access deny all", "http_access allow all",
            "other servers", "not refused (503 ERR_DNS_FAIL)",
        ),
        ("http_access deny !clients\n", "", "other clients", "127.0.0.9 is served (200)"),
        (
            "http_access allow servers", "cache deny all\nhttp_access allow servers",
            "cache", "0 of 2 second fetches",
        ),
    ],
)  # fmt: skip
def test_each_fault_of_a_configuration_is_found(
    old: str, new: str, subject: str, text: str, place: Place
) -> None:
    assert old in place.text
    with running(place.text.replace(old, new)) as squid:
        rows = judged(squid, site(place.url()), outsider="127.0.0.9")
    row = rows[subject]
    assert (row.state, text in row.text) == (State.FAIL, True), row
    assert row.remedy
    assert [r for r in rows.values() if r.state is State.FAIL] == [row]


@needs_squid
def test_servers_that_cannot_be_had(place: Place) -> None:
    """One that squid does not admit, one whose name nobody knows, one that does not listen."""
    closed, unknown = f"s1.example.org:{free_port('127.0.0.1')}", "b2ct-s1.invalid:8000"
    foreign = "foreign.example.org:8000"
    text = conf(
        place.folder / "more",
        cvmfs={"stratum1": [f"http://{name}" for name in (place.server, closed, unknown)]},
    )
    urls = [f"http://{name}" for name in (place.server, closed, unknown, foreign)]
    with running(f"{text}connect_timeout 3 seconds\ndns_timeout 3 seconds\n") as squid:
        rows = judged(squid, site(*urls))
    told = {name: rows[f"belle.cern.ch at {name}"] for name in (closed, unknown, foreign)}
    assert told[closed].text == "squid cannot reach it"
    assert "TCP port" in told[closed].remedy
    assert told[unknown].text == "squid cannot resolve b2ct-s1.invalid"
    assert told[foreign].text == "squid refuses it"
    assert f"add http://{foreign} to `cvmfs.stratum1`" in told[foreign].remedy
    assert {row.state for row in told.values()} == {State.FAIL}
    assert rows[f"belle.cern.ch at {place.server}"].state is State.OK


@needs_squid
def test_repositories_that_are_missing_old_or_something_else(tmp_path: Path) -> None:
    here = objects("grid.cern.ch")
    old = objects("grid.cern.ch", published=NOW - 5 * 86400, revision=30)
    old["/cvmfs/belle.cern.ch/.cvmfspublished"] = b"<html>Welcome</html>"
    with origin(here) as (one, _), origin(old) as (two, _):
        servers = [f"http://s1.example.org:{port}" for port in (one, two)]
        with running(conf(tmp_path, cvmfs={"stratum1": servers})) as squid:
            rows = judged(squid, site(*servers))
    assert rows[f"belle.cern.ch at s1.example.org:{one}"].state is State.SKIP
    other = rows[f"belle.cern.ch at s1.example.org:{two}"]
    assert (other.state, "not with this CVMFS repository" in other.text) == (State.FAIL, True)
    assert rows["belle.cern.ch"].text == "no stratum-1 gives it through this squid"
    behind = rows[f"grid.cern.ch at s1.example.org:{two}"]
    assert (behind.state, "4 d behind others" in behind.text) == (State.WARN, True)


@needs_squid
def test_a_machine_that_is_no_client_is_told_so(place: Place) -> None:
    text = place.text.replace("acl clients src 127.0.0.1/32", "acl clients src 192.0.2.1/32")
    with running(text.replace("acl clients src 10.", "acl clients src 192.")) as squid:
        rows = judged(squid, site(place.url()))
    assert rows["clients"].text == "refuses every request of this machine"
    assert "squid.clients" in rows["clients"].remedy


@needs_squid
def test_counters_of_all_clients_where_the_manager_answers(place: Place) -> None:
    text = place.text.replace("http_access deny tunnels", f"{MANAGER}http_access deny tunnels")
    with running(text) as squid:
        judged(squid, site(place.url()))
        row = judged(squid, site(place.url()))["all clients"]
    assert row.state is State.OK
    hits, requests = [int(word) for word in row.text.split() if word.isdigit()][:2]
    assert 0 < hits < requests


def test_a_squid_that_is_not_there() -> None:
    (row,) = checks.check(Proxy("127.0.0.1", free_port("127.0.0.1")), (), ask, NOW)
    assert (row.state, "connection refused" in row.text) == (State.FAIL, True)
    assert "systemctl status squid" in row.remedy


def test_an_address_that_this_machine_does_not_have() -> None:
    with pytest.raises(B2ctError, match=r"this machine has no address 192\.0\.2\.77"):
        ask(Proxy("127.0.0.1", 9), "http://a/", source="192.0.2.77")


@pytest.mark.parametrize(
    "url", ["squid:3128", "https://a:1", "http://a", "http://a:0", "http://a:99999", "http://a:1/x"]
)
def test_what_is_no_squid_s_address(url: str) -> None:
    with pytest.raises(B2ctError, match="no squid's address"):
        proxy(url)


@pytest.mark.parametrize(
    ("headers", "hit"),
    [
        ({"x-cache": "HIT from a"}, True),
        ({"x-cache": "MISS from a"}, False),
        ({"cache-status": "a;hit;ttl=3"}, True),
        ({"cache-status": "a;fwd=miss"}, False),
        ({}, None),
    ],
)
def test_hits(headers: dict[str, str], hit: bool | None) -> None:
    assert Answer(200, headers, b"").hit is hit


@pytest.mark.parametrize(
    "body",
    [b"", b"\n--\n", b"<html>", head("x").replace(b"\nS41", b"\nSx"), b"C" + b"0" * 40, b"\xff"],
)
def test_what_is_no_manifest(body: bytes) -> None:
    assert parse(body) is None


@needs_squid
def test_from_the_command_line(place: Place, tmp_path: Path) -> None:
    text = f"cvmfs: {{repositories: [belle.cern.ch], stratum1: ['{place.url()}']}}\n"
    (tmp_path / "site.yaml").write_text(text)
    with running(place.text) as squid:
        url = f"http://127.0.0.1:{squid.port}"
        done = b2ct("squid", "check", "--squid", url, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.startswith(f"{url}\n  ok    other servers ")
        assert "revision 41" in done.stdout
    done = b2ct("squid", "check", "--squid", url, "--json", cwd=tmp_path)
    assert done.returncode == 1
    assert '"state": "FAIL"' in done.stdout
    assert "b2ct: 1 of 1 checks failed" in done.stderr


def test_refusals_of_the_command_line(tmp_path: Path) -> None:
    assert_refused(b2ct("squid", "check", cwd=tmp_path), "nothing says where the squids are")
    (tmp_path / "site.yaml").write_text("cvmfs: {pac_urls: []}\n")
    assert_refused(b2ct("squid", "check", cwd=tmp_path), "leads to no squid")
    bad = b2ct("squid", "check", "--squid", "https://x", cwd=tmp_path)
    assert_refused(bad, "no squid's address")


def test_it_needs_nothing_heavy_to_ask() -> None:
    code = "import b2ct.squid.ask, sys; print('requests' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
