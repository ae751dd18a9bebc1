"""`b2ct gateway` as a user runs it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from b2ct.rehearsal.oned import OnedDouble
from tests.cli.program import assert_refused, b2ct, left_over
from tests.gateway.authority import Authority, Pair
from tests.gateway.process import SESSION, running


@pytest.fixture(scope="module")
def double() -> Iterator[OnedDouble]:
    with OnedDouble() as made:
        yield made


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def pair(authority: Authority) -> Pair:
    return authority.issue()


def check(folder: Path, double: OnedDouble, *words: str | Path) -> subprocess.CompletedProcess[str]:
    common = ("--user", "dirac", "--listen", "127.0.0.1:2635", "--oned", double.url)
    return b2ct("gateway", "--check", *common, *words, cwd=folder)


def test_help_shows_how(tmp_path: Path) -> None:
    done = b2ct("gateway", "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "b2ct gateway --config /etc/b2ct/gateway.yaml --check" in done.stdout


def test_check_tells_all_and_makes_nothing(double: OnedDouble, pair: Pair, tmp_path: Path) -> None:
    double.calls.clear()
    done = check(
        tmp_path, double, "--cert", pair.certificate, "--key", pair.key, "--audit", "audit.log"
    )
    assert done.returncode == 0, done.stderr
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert lines["listen"] == "127.0.0.1:2635"
    assert lines["user"] == "dirac"
    assert lines["certificate"].endswith("days left)")
    assert lines["for"] == "localhost, 127.0.0.1"
    assert lines["OpenNebula"] == f"{double.url}: answers"
    assert lines["audit"] == f"log    {tmp_path}/audit.log"
    assert left_over(tmp_path) == []
    assert double.calls == ["one.system.version"]
    again = b2ct("gateway", "--dry-run", "--user", "dirac", "--listen", "127.0.0.1:2635",
                 "--oned", double.url, cwd=tmp_path)  # fmt: skip
    assert "none: only programs of this machine can reach it" in again.stdout


def test_a_certificate_that_ends_soon_is_said(
    double: OnedDouble, authority: Authority, tmp_path: Path
) -> None:
    soon = authority.issue("soon", 5)
    done = check(tmp_path, double, "--cert", soon.certificate, "--key", soon.key)
    assert "4 days left: renew it soon" in done.stdout or "5 days left" in done.stdout
    assert "renew it soon" in done.stdout


@pytest.mark.parametrize("serving", [False, True])
@pytest.mark.parametrize("wrong", ["expired", "missing", "open", "foreign"])
def test_certificates_that_cannot_be_used_are_refused(
    wrong: str, serving: bool, double: OnedDouble, authority: Authority, tmp_path: Path
) -> None:
    made = authority.issue(f"{wrong}-{serving}", days=-1 if wrong == "expired" else 30)
    certificate, key = made.certificate, made.key
    if wrong == "missing":
        certificate = tmp_path / "none.pem"
    elif wrong == "open":
        key.chmod(0o644)
    elif wrong == "foreign":
        key = authority.issue(f"else-{serving}").key
    words: list[str | Path] = ["--user", "dirac", "--oned", double.url, "--listen", "127.0.0.1:0"]
    words += [] if serving else ["--check"]
    done = b2ct("gateway", *words, "--cert", certificate, "--key", key, cwd=tmp_path)
    assert_refused(done, "hint: ", {
        "expired": "has expired on", "missing": "no such file", "open": f"chmod 640 {key}",
        "foreign": "key values mismatch",
    }[wrong])  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "nobody is named who may call"),
        (("--user", "oneadmin"), "--user: expected a user of its own for DIRAC"),
        (("--user", "a:b"), "--user: expected a user of OpenNebula"),
        (("--user", "dirac"), "there is no certificate: DIRAC's password would cross it in clear"),
        (("--user", "dirac", "--listen", "localhost"), "--listen: expected an address and a port"),
        (("--user", "dirac", "--listen", "127.0.0.1:99999"), "--listen: expected an address"),
        (("--user", "dirac", "--listen", "127.0.0.1:0", "--oned", "ftp://x"), "--oned: expected"),
        (
            ("--user", "dirac", "--listen", "127.0.0.1:0", "--oned", "http://192.0.2.1:2633/RPC2"),
            "is on another machine and without TLS",
        ),
        (("--user", "dirac", "--cert", "host.pem"), "certificate and key come together"),
        (("--config", "none.yaml"), "none.yaml"),
        (
            ("--user", "dirac", "--listen", "127.0.0.1:0", "--audit", "none/audit.log"),
            "cannot write the audit log",
        ),
        (("--user", "dirac", "--listen", "127.0.0.1:0", "--audit", "."), "is a directory"),
        (("--user", "dirac", "--listen", "192.0.2.77:0", "--cert", "CERT", "--key", "KEY"),
         "`ip addr` shows those it has"),
    ],
)  # fmt: skip
def test_mistakes_are_refused_with_a_remedy(
    words: tuple[str, ...], said: str, pair: Pair, tmp_path: Path
) -> None:
    files = {"CERT": str(pair.certificate), "KEY": str(pair.key)}
    done = b2ct("gateway", *(files.get(word, word) for word in words), cwd=tmp_path)
    assert_refused(done, said, "hint: ")
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("words", [("--check",), ()])
def test_a_file_with_mistakes_names_their_lines(words: tuple[str, ...], tmp_path: Path) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text("user: oneadmin\nlisten: here\npeers: [10.0.0.1/8]\nlimits: {body: 1}\n")
    done = b2ct("gateway", "--config", config, *words, cwd=tmp_path)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert len(lines) == 4, done.stderr
    for number, line in enumerate(lines, 1):
        assert f"gateway.yaml:{number}:" in line


def test_a_port_in_use_is_said(double: OnedDouble, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = b2ct("gateway", "--user", "dirac", "--listen", f"127.0.0.1:{port}",
                    "--oned", double.url, cwd=tmp_path)  # fmt: skip
    assert_refused(done, "address already in use", "does another gateway run already")


def test_check_says_that_oned_is_not_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    done = b2ct("gateway", "--check", "--user", "dirac", "--listen", "127.0.0.1:0",
                "--oned", f"http://127.0.0.1:{port}/RPC2", cwd=tmp_path)  # fmt: skip
    assert_refused(done, "does not answer", "systemctl status opennebula")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_cleanly(number: int, double: OnedDouble, tmp_path: Path) -> None:
    with (
        running(tmp_path, double.url) as gate,
        socket.create_connection(("127.0.0.1", gate.port)),
    ):  # one that says nothing must not hold it up
        gate.process.send_signal(number)
        assert gate.process.wait(60) == 0
    events = [line for line in gate.audit.read_text().splitlines() if '"event"' in line]
    assert ['"started"' in events[0], '"ended"' in events[-1]] == [True, True]
    assert "Traceback" not in gate.log.read_text()


def test_a_call_under_way_has_its_time(double: OnedDouble, tmp_path: Path) -> None:
    double.calls.clear()
    double.faults.http("slow", method="one.vmpool.info", seconds=2)
    with running(tmp_path, double.url) as gate:
        with socket.create_connection(("127.0.0.1", gate.port)) as connection:
            connection.sendall(_call())
            end = time.monotonic() + 30
            while "one.vmpool.info" not in double.calls:
                assert time.monotonic() < end
                time.sleep(0.02)
            gate.process.send_signal(signal.SIGTERM)
            with connection.makefile("rb") as stream:
                assert b"<methodResponse>" in stream.read()
        assert gate.process.wait(60) == 0


def _call() -> bytes:
    from b2ct.gateway import message

    body = message.call("one.vmpool.info", (SESSION, -2, 0, -1, -1))
    head = f"POST /RPC2 HTTP/1.1\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def test_systemd_is_told_when_it_is_ready(double: OnedDouble, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"user": "dirac", "listen": "127.0.0.1:0", "oned": double.url}
    config = tmp_path / "gateway.yaml"
    config.write_text(yaml.safe_dump(settings))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(60)
        process = subprocess.Popen(
            [sys.executable, "-m", "b2ct", "gateway", "--config", str(config)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")},
        )  # fmt: skip
        try:
            assert systemd.recv(100) == b"READY=1"
            process.terminate()
            assert systemd.recv(100) == b"STOPPING=1"
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.wait()
