"""The squid's checks as a node asks them: the very command, against a real squid."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from b2ct.core.findings import Finding, Verdict
from b2ct.site.model import Site
from b2ct.squid import check as checks
from b2ct.squid.ask import Proxy
from b2ct.validate.facts import proxy
from tests.kickstart.concerns.network import free_port
from tests.kickstart.concerns.test_squid import conf
from tests.squid.test_check import REPOSITORIES, objects
from tests.squid.test_check import site as site_of
from tests.squids import needs_squid, origin, running


@dataclass
class Place:
    """A stratum-1 with two repositories, the site that names it, and its squid's configuration."""

    site: Site
    text: str


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with origin(objects(*REPOSITORIES)) as (port, _):
        url = f"http://s1.example.org:{port}"
        yield Place(site_of(url), conf(tmp_path, cvmfs={"stratum1": [url]}))


def asked(port: int, site: Site) -> dict[str, Finding]:
    place, wanted = Proxy("127.0.0.1", port), checks.targets(site)
    done = subprocess.run(
        ["sh", "-c", proxy.command(place, wanted)], capture_output=True, text=True, check=True
    )
    return {row.subject: row for row in proxy.of(place, wanted, done.stdout)}


@needs_squid
def test_a_healthy_squid(place: Place) -> None:
    with running(place.text) as squid:
        rows = asked(squid.port, place.site)
    assert {row.subject: row.text for row in rows.values() if row.verdict is not Verdict.OK} == {}
    assert rows["cache"].text == "2 of 2 second fetches came from the cache"
    assert rows["other clients"].text == "127.0.0.2 is refused"
    assert "hits in" in rows["all clients"].text


@needs_squid
@pytest.mark.parametrize(
    ("old", "new", "subject"),
    [
        ("http_access deny tunnels\n", "http_access allow tunnels\n", "CONNECT"),
        ("http_access deny all", "http_access allow all", "other servers"),
        ("http_access deny !clients\n", "", "other clients"),
        ("acl clients src 127.0.0.1/32", "acl clients src all", "other clients"),
        ("http_access allow servers", "cache deny all\nhttp_access allow servers", "cache"),
    ],
)
def test_each_fault_is_found_and_no_other(old: str, new: str, subject: str, place: Place) -> None:
    assert old in place.text
    with running(place.text.replace(old, new)) as squid:
        rows = asked(squid.port, place.site)
    assert [row.subject for row in rows.values() if row.verdict is Verdict.FAILED] == [subject]


def test_nobody_there(place: Place) -> None:
    (row,) = asked(free_port("127.0.0.1"), place.site).values()
    assert (row.subject, row.verdict) == ("answers", Verdict.FAILED)


@pytest.mark.parametrize(
    "said", ["", "0 1 ", "0 1 !!!", "0 1 aGVsbG8=", "now x\nx y z", "0 1", "now 5\n0 one abc"]
)
def test_what_is_no_answer_is_silence(said: str, place: Place) -> None:
    wanted = checks.targets(place.site)
    (row,) = proxy.of(Proxy("127.0.0.1", 1), wanted, said.replace("now x", "now 1"))
    assert row.verdict is Verdict.FAILED


def test_one_line_of_an_answer_fits_into_a_pipe_at_once() -> None:
    # Several are written beside each other: POSIX keeps pieces of up to 512 bytes together,
    # Linux of 4096 (PIPE_BUF).
    assert len("100 2 ") + (proxy.LARGEST + 2) // 3 * 4 + 1 <= 4096
