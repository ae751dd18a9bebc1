"""`b2ct practice oned` as it is used: one terminal plays, another one asks."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from b2ct.rehearsal.front_end import VERSIONS
from tests.cli.cloud import SITE
from tests.cli.program import assert_refused, b2ct


@contextmanager
def played(*words: str) -> Iterator[tuple[dict[str, str], subprocess.Popen[str]]]:
    """What it prints as JSON, while it plays."""
    with subprocess.Popen(
        [sys.executable, "-m", "b2ct", "practice", "oned", "--port", "0", "--json", *words],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout
            lines = [process.stdout.readline() for _ in range(5)]
            yield json.loads("".join(lines)), process
        finally:
            process.kill()


@pytest.mark.parametrize("release", ["6.10", "7.4"])
def test_a_site_is_applied_to_it(
    release: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site.yaml").write_text(SITE)
    with played("--release", release, "--hosts", "2") as (made, process):
        auth = Path(made["auth"])
        assert auth.stat().st_mode & 0o777 == 0o600
        monkeypatch.setenv("ONE_XMLRPC", made["endpoint"])
        monkeypatch.setenv("ONE_AUTH", made["auth"])
        assert b2ct("apply", "--yes", cwd=tmp_path).returncode == 0
        again = b2ct("plan", cwd=tmp_path)
        assert again.returncode == 0
        assert "3 as they should be" in again.stdout
        status = b2ct("status", "--json", cwd=tmp_path)
        assert [host["name"] for host in json.loads(status.stdout)["hosts"]] == ["hv01", "hv02"]
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert not auth.parent.exists()


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    port = socket.create_server(("127.0.0.1", 0))
    taken = str(port.getsockname()[1])
    with port:
        done = b2ct("practice", "oned", "--port", taken, cwd=tmp_path)
        assert_refused(done, f"port {taken} of 127.0.0.1", "--port")


def test_the_releases_are_those_of_the_double(tmp_path: Path) -> None:
    done = b2ct("practice", "oned", "--release", "1.0", cwd=tmp_path)
    assert done.returncode == 2
    assert all(version in done.stderr for version in VERSIONS)
