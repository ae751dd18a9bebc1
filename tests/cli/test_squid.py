"""`b2ct squid check` as it is used, on a real squid."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import assert_refused, b2ct
from tests.kickstart.concerns.network import free_port
from tests.kickstart.concerns.test_squid import conf
from tests.squid.test_check import objects
from tests.squids import Proxy, needs_squid, origin, running


@pytest.fixture
def squid(tmp_path: Path) -> Iterator[Proxy]:
    """A real squid before a stratum-1, and a site.yaml that knows both."""
    with origin(objects("belle.cern.ch")) as (port, _):
        url = f"http://s1.example.org:{port}"
        with running(conf(tmp_path / "made", cvmfs={"stratum1": [url]})) as proxy:
            (tmp_path / "site.yaml").write_text(
                f"cvmfs: {{repositories: [belle.cern.ch], stratum1: [{url}]}}\n"
                f"squid: {{external: ['http://127.0.0.1:{proxy.port}']}}\n"
            )
            yield proxy


@needs_squid
def test_all_is_well(squid: Proxy, tmp_path: Path) -> None:
    done = b2ct("squid", "check", "--from", "127.0.0.9", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"http://127.0.0.1:{squid.port}\n  ok       other servers ")
    assert "revision 41" in done.stdout
    assert "1 of 1 second fetches came from the cache" in done.stdout
    assert "6 of 6 checks are well" in done.stderr


@needs_squid
def test_for_programs(squid: Proxy, tmp_path: Path) -> None:
    """Two squids, one of which is not there."""
    gone = f"http://127.0.0.1:{free_port('127.0.0.1')}"
    here = f"http://127.0.0.1:{squid.port}"
    words = ("--squid", here, "--squid", gone, "--squid", here)
    done = b2ct("squid", "check", *words, "--json", cwd=tmp_path)
    assert done.returncode == 1
    rows = json.loads(done.stdout)
    assert [row["subject"] for row in rows if row["of"] == gone] == ["answers"]
    assert {row["verdict"] for row in rows if row["of"] == here} == {"ok", "skipped"}
    assert all(set(row) == {"of", "subject", "verdict", "text", "remedy"} for row in rows)
    assert f"b2ct: 1 of {len(rows)} checks failed" in done.stderr


def test_refusals(tmp_path: Path) -> None:
    assert_refused(b2ct("squid", "check", cwd=tmp_path), "nothing says where the squids are")
    (tmp_path / "site.yaml").write_text("cvmfs: {pac_urls: []}\n")
    assert_refused(b2ct("squid", "check", cwd=tmp_path), "leads to no squid")
    bad = b2ct("squid", "check", "--squid", "https://x", cwd=tmp_path)
    assert_refused(bad, "no squid's address")


@needs_squid
def test_an_address_that_is_not_ours_is_refused(squid: Proxy, tmp_path: Path) -> None:
    done = b2ct("squid", "check", "--from", "192.0.2.77", cwd=tmp_path)
    assert_refused(done, "this machine has no address 192.0.2.77")
    assert squid.port


def test_without_a_site_the_default_one_is_asked_for(tmp_path: Path) -> None:
    """A squid alone: of the default repositories and stratum-1s."""
    url = f"http://127.0.0.1:{free_port('127.0.0.1')}"
    done = b2ct("squid", "check", "--squid", url, cwd=tmp_path)
    assert (done.returncode, "connection refused" in done.stdout) == (1, True), done.stderr
