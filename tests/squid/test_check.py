"""The checks against a real squid with the configuration that we render, and broken ones."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.core.findings import Finding, Verdict
from b2ct.site.model import Site
from b2ct.squid import check as checks
from b2ct.squid.ask import Answer, Proxy, ask, proxy
from b2ct.squid.manifest import parse
from tests.kickstart.concerns.network import free_port
from tests.kickstart.concerns.test_squid import conf
from tests.squids import Proxy as Running
from tests.squids import needs_squid, origin, running

NOW = int(time.time())
REPOSITORIES = ("belle.cern.ch", "grid.cern.ch")


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


def judged(squid: Running, described: Site, outsider: str = "") -> dict[str, Finding]:
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
    assert {row.verdict for row in rows.values()} == {Verdict.OK}
    assert rows[f"belle.cern.ch at {place.server}"].text == "revision 41, published 2 h ago"
    assert rows["cache"].text == "2 of 2 second fetches came from the cache"
    assert rows["other clients"].text == "127.0.0.9 is refused"


@needs_squid
def test_another_squid_on_this_machine_disturbs_nothing(place: Place) -> None:
    def segments() -> set[str]:
        return {path.name for path in Path("/dev/shm").glob("*-cf__metadata.shm")}

    before = segments()
    with running(place.text) as one, running(place.text) as other:
        for squid in (one, other):
            assert squid.ask(f"{place.url()}/cvmfs/belle.cern.ch/.cvmfspublished")[0] == 200
        # Each has its own: of one name, the second would take the first one's, or be refused it.
        assert len([name for name in segments() - before if f"b2ct{os.getpid()}x" in name]) == 2


@needs_squid
@pytest.mark.parametrize(
    ("old", "new", "subject", "text"),
    [
        ("http_access deny tunnels\n", "http_access allow tunnels\n", "CONNECT", "is not refused"),
        (
            "http_access deny all", "http_access allow all",
            "other servers", "a server that is no stratum-1 was not refused (50",
        ),
        ("http_access deny !clients\n", "", "other clients", "127.0.0.9 is not refused (200)"),
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
    assert (row.verdict, text in row.text) == (Verdict.FAILED, True), row
    assert row.remedy
    assert [r for r in rows.values() if r.verdict is Verdict.FAILED] == [row]


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
    with running(f"{text}connect_timeout 3 seconds\n") as squid:
        rows = judged(squid, site(*urls))
    told = {name: rows[f"belle.cern.ch at {name}"] for name in (closed, unknown, foreign)}
    assert told[closed].text == "squid cannot reach it"
    assert "TCP port" in told[closed].remedy
    assert told[unknown].text.startswith("squid cannot resolve b2ct-s1.invalid")
    assert told[foreign].text == "squid refuses it"
    assert f"add http://{foreign} to `cvmfs.stratum1`" in told[foreign].remedy
    assert {row.verdict for row in told.values()} == {Verdict.FAILED}
    assert rows[f"belle.cern.ch at {place.server}"].verdict is Verdict.OK


@needs_squid
def test_repositories_that_are_missing_old_or_something_else(tmp_path: Path) -> None:
    here = objects("grid.cern.ch")
    old = objects("grid.cern.ch", published=NOW - 5 * 86400, revision=30)
    old["/cvmfs/belle.cern.ch/.cvmfspublished"] = b"<html>Welcome</html>"
    with origin(here) as (one, _), origin(old) as (two, _):
        servers = [f"http://s1.example.org:{port}" for port in (one, two)]
        with running(conf(tmp_path, cvmfs={"stratum1": servers})) as squid:
            rows = judged(squid, site(*servers))
    assert rows[f"belle.cern.ch at s1.example.org:{one}"].verdict is Verdict.SKIPPED
    other = rows[f"belle.cern.ch at s1.example.org:{two}"]
    assert (other.verdict, "not with this CVMFS repository" in other.text) == (Verdict.FAILED, True)
    assert rows["belle.cern.ch"].text == "no stratum-1 gives it through this squid"
    behind = rows[f"grid.cern.ch at s1.example.org:{two}"]
    assert (behind.verdict, "4 d behind others" in behind.text) == (Verdict.WARNING, True)


@needs_squid
def test_a_machine_that_is_no_client_is_told_so(place: Place) -> None:
    text = place.text.replace("acl clients src 127.0.0.1/32", "acl clients src 192.0.2.1/32")
    with running(text.replace("acl clients src 10.", "acl clients src 192.")) as squid:
        rows = judged(squid, site(place.url()))
    assert rows["clients"].text == "refuses every request of this machine"
    assert "squid.clients" in rows["clients"].remedy


@needs_squid
def test_counters_of_all_clients_are_shown_on_squid_s_own_machine_only(place: Place) -> None:
    with running(place.text) as squid:
        judged(squid, site(place.url()))
        row = judged(squid, site(place.url()))["all clients"]
        path = "/squid-internal-mgr/counters"
        assert squid.ask(path)[0] == 200
        for url in ("/squid-internal-mgr/info", "/squid-internal-mgr/shutdown"):
            assert squid.ask(url)[0] in (401, 403, 404), url
        assert squid.ask(path, source="127.0.0.9")[0] == 403
    assert row.verdict is Verdict.OK
    hits, requests = [int(word) for word in row.text.split() if word.isdigit()][:2]
    assert 0 < hits < requests


def told(requests: int, hits: int) -> Finding:
    """The row of squid's counters, without a squid."""

    def answers(_squid: Proxy, url: str, **_more: str) -> Answer:
        assert url == "/squid-internal-mgr/counters"
        text = f"sample_time = 1.0\nclient_http.requests = {requests}\nclient_http.hits = {hits}\n"
        return Answer(200, {}, text.encode())

    return checks._counters(Proxy("squid.example.org", 3128), answers)


def test_a_low_share_of_hits_is_mentioned_when_there_is_enough_to_judge() -> None:
    assert (told(0, 0).verdict, told(999, 0).verdict) == (Verdict.OK, Verdict.OK)
    assert (told(1000, 500).verdict, told(1000, 499).verdict) == (Verdict.OK, Verdict.WARNING)
    assert told(2000, 1900).text == "1900 hits in 2000 requests since squid started (95 %)"
    assert "cache_dir" in told(1000, 499).remedy


def test_a_squid_that_is_not_there() -> None:
    (row,) = checks.check(Proxy("127.0.0.1", free_port("127.0.0.1")), (), ask, NOW)
    assert (row.verdict, "connection refused" in row.text) == (Verdict.FAILED, True)
    assert "systemctl status squid" in row.remedy


def test_something_else_at_squid_s_port() -> None:
    with origin({}) as (port, handler):
        (row,) = checks.check(Proxy("127.0.0.1", port), (), ask, NOW)
        assert handler.asked == 1
    assert (row.verdict, row.text) == (
        Verdict.FAILED,
        "something answers (200), but it is no squid",
    )


def test_a_port_that_accepts_and_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        squid = Proxy("127.0.0.1", mute.getsockname()[1])
        (row,) = checks.check(squid, (), partial(ask, patience=0.3), NOW)
    assert (row.verdict, row.text) == (Verdict.FAILED, "does not answer: no answer in time")


def answering(status: int, word: str = "", *, connected: bool = True) -> checks.Ask:
    headers = {"x-squid-error": f"{word} 0"} if word else {}
    return lambda *_words, **_more: Answer(status, headers, b"no answer in time", connected)


@pytest.mark.parametrize(
    ("answer", "foreign", "tunnel", "outsider"),
    [
        (answering(403, "ERR_ACCESS_DENIED"), Verdict.OK, Verdict.OK, Verdict.OK),
        (answering(407, "ERR_CACHE_ACCESS_DENIED"), Verdict.OK, Verdict.OK, Verdict.OK),
        # Squid was busy with it: a refusal comes at once.
        (answering(0), Verdict.FAILED, Verdict.FAILED, Verdict.FAILED),
        (answering(503, "ERR_DNS_FAIL"), Verdict.FAILED, Verdict.FAILED, Verdict.FAILED),
        (answering(200), Verdict.FAILED, Verdict.FAILED, Verdict.FAILED),
        # Only an outsider is rightly left without a connection: by a firewall.
        (answering(0, connected=False), Verdict.FAILED, Verdict.FAILED, Verdict.OK),
    ],
)
def test_what_counts_as_a_refusal(
    answer: checks.Ask, foreign: Verdict, tunnel: Verdict, outsider: Verdict
) -> None:
    squid, wanted = Proxy("squid.example.org", 3128), checks.targets(site("http://s1.example.org"))
    rows = (
        checks._foreign(squid, answer), checks._tunnel(squid, answer),
        checks._outsider(squid, wanted, answer, "192.0.2.9"),
    )  # fmt: skip
    assert tuple(row.verdict for row in rows) == (foreign, tunnel, outsider)
    assert all(bool(row.remedy) is (row.verdict is Verdict.FAILED) for row in rows)


@pytest.mark.parametrize(
    ("word", "text", "remedy"),
    [
        ("ERR_DNS_FAIL", "squid cannot resolve s1.example.org", "resolv.conf"),
        ("ERR_READ_TIMEOUT", "it does not answer squid", "s1.example.org, TCP port 8000"),
        ("ERR_CONNECT_FAIL", "squid cannot reach it", "TCP port 8000"),
        ("ERR_LIFETIME_EXP", "answers 503 ERR_LIFETIME_EXP", "trouble of that server"),
    ],
)
def test_squid_s_own_words_for_troubles(word: str, text: str, remedy: str) -> None:
    (target, *_) = checks.targets(site("http://s1.example.org:8000"))
    _, said, what = checks._trouble(target, Answer(503, {"x-squid-error": f"{word} 0"}, b""))
    assert said == text
    assert remedy in what


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


def test_it_needs_nothing_heavy_to_ask() -> None:
    code = "import b2ct.squid.ask, sys; print('requests' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
