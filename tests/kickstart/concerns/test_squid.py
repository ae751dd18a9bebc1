"""The rendered squid.conf, parsed and run by a real squid before a small origin server."""

from __future__ import annotations

import http.client
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from b2ct.site import catalogue
from b2ct.site.catalogue import Role
from tests.kickstart.concerns.machine import machine, site
from tests.kickstart.concerns.network import free_port, stop, wait_for

SQUID = shutil.which("squid", path="/usr/sbin:/usr/bin")
needs_squid = pytest.mark.skipif(not SQUID, reason="squid is not installed")


def conf(root: Path, release: str = "el9", squid: str = "1", **parts: object) -> str:
    """squid.conf as the first boot makes it of the rendered template."""
    described = site(release={"version": release}, **parts)
    made = machine(root, described, Role.CONTROL, {"B2CT_SQUID": squid})
    for folder in ("etc/squid", "var/spool/squid"):
        made.path(folder).mkdir(parents=True)
    for name in ("rpm", "systemctl", "chkconfig", "service", "chown"):
        made.double(name)
    if not SQUID:
        made.double("squid")
    made.run(made.step("squid"))
    file = made.path("/etc/squid/squid.conf")
    return file.read_text() if file.exists() else ""


@needs_squid
@pytest.mark.parametrize("release", catalogue.RELEASES)
def test_squid_reads_it(release: str, tmp_path: Path) -> None:
    text = conf(tmp_path, release)
    # `squid -k parse` ran in the step itself; its complaints go to stderr with exit code 0.
    file = tmp_path / "parse.conf"
    file.write_text(text)
    done = subprocess.run(
        [str(SQUID), "-k", "parse", "-f", file], capture_output=True, text=True, check=True
    )
    said = done.stdout + done.stderr
    assert not re.search(r"ERROR|WARNING|unrecognized|FATAL", said), said
    assert ("collapsed_forwarding on" in text) == (release != "el6")


def test_it_is_sized_to_its_volume(tmp_path: Path) -> None:
    text = conf(tmp_path)
    found = re.search(r"^cache_dir ufs /var/spool/squid (\d+) 16 256$", text, re.MULTILINE)
    assert found
    # No volume of its own here: two fifths of what is free.
    free = shutil.disk_usage(tmp_path).free // 2**20
    assert 0.3 * free < int(found[1]) < 0.5 * free
    assert "@" not in text


def test_only_the_machine_whose_turn_it_is_runs_it(tmp_path: Path) -> None:
    assert conf(tmp_path, squid="0") == ""


def test_networks_that_nobody_named_are_those_it_is_connected_to(tmp_path: Path) -> None:
    described = site(networks={}, nodes=[])
    made = machine(tmp_path, described, Role.CONTROL, {"B2CT_SQUID": "1"})
    for folder in ("etc/squid", "var/spool/squid"):
        made.path(folder).mkdir(parents=True)
    for name in ("rpm", "systemctl", "chown", "squid"):
        made.double(name)
    made.double("ip", "echo '10.7.0.0/24 proto kernel src 10.7.0.1'")
    made.run(made.step("squid"))
    assert "acl clients src 10.7.0.0/24\n" in made.path("/etc/squid/squid.conf").read_text()
    assert made.calls("ip") == ["-4 route show dev lo scope link"]


class Origin(BaseHTTPRequestHandler):
    """A stratum-1 that says how often it was asked."""

    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        body = f"object {self.path}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=300")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Quiet."""


@contextmanager
def origin() -> Iterator[tuple[int, type[Origin]]]:
    """An origin server on a free port."""
    handler = type("Counted", (Origin,), {"asked": 0})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1], handler
        server.shutdown()


@dataclass
class Proxy:
    """A running squid."""

    port: int

    def ask(self, url: str, *, method: str = "GET", source: str = "127.0.0.1") -> tuple[int, str]:
        """Status and X-Cache header of a request through it."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=20, source_address=(source, 0)
        )
        try:
            connection.request(method, url)
            response = connection.getresponse()
            response.read()
            return response.status, response.headers.get("X-Cache", "")
        finally:
            connection.close()


@contextmanager
def running(text: str) -> Iterator[Proxy]:
    """Run squid as an ordinary user with this configuration, moved to a free port and folder."""
    with tempfile.TemporaryDirectory(prefix="b2ct-squid-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        port = free_port("127.0.0.1")
        (folder / "hosts").write_text("127.0.0.1 s1.example.org foreign.example.org\n")
        text = text.replace("http_port 3128", f"http_port 127.0.0.1:{port}")
        text = text.replace("/var/spool/squid", f"{folder}/cache")
        text = re.sub(r"(cache_dir .*) \d+ 16 256", r"\1 10 2 2", text)
        text = text.replace("cache_mem 128 MB", "cache_mem 8 MB")
        text += (
            f"hosts_file {folder}/hosts\npid_filename {folder}/pid\npinger_enable off\n"
            f"access_log stdio:{folder}/access.log\ncache_log {folder}/cache.log\n"
        )
        config = folder / "squid.conf"
        config.write_text(text)
        argv = [str(SQUID), "-N", "-f", str(config)]
        drop: Any = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            drop = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        log = folder / "out"
        with log.open("wb") as out:
            subprocess.run([*argv, "-z"], stdout=out, stderr=out, check=True, timeout=60, **drop)
            process = subprocess.Popen(argv, stdout=out, stderr=out, **drop)
        try:
            wait_for("127.0.0.1", port, process, log)
            yield Proxy(port)
        finally:
            stop(process)


@needs_squid
def test_a_real_squid_serves_the_stratum_ones_and_nobody_else(tmp_path: Path) -> None:
    with origin() as (port, handler), origin() as (elsewhere, foreign):
        text = conf(
            tmp_path,
            cvmfs={"stratum1": [f"http://s1.example.org:{port}"]},
        )
        with running(text) as proxy:
            good = f"http://s1.example.org:{port}/cvmfs/belle.cern.ch/.cvmfspublished"
            assert proxy.ask(good)[0] == 200
            status, cache = proxy.ask(good)
            assert status == 200
            assert cache.startswith("HIT")
            assert handler.asked == 1
            for refused in (
                f"http://foreign.example.org:{port}/x",
                f"http://foreign.example.org:{elsewhere}/x",
                f"http://s1.example.org:{elsewhere}/x",
                f"http://127.0.0.1:{port}/x",
                f"http://s1Xexample.org:{port}/x",
                f"http://s1.example.org:{port}@foreign.example.org:{elsewhere}/x",
                f"http://foreign.example.org:{elsewhere}/http://s1.example.org:{port}/x",
                f"http://127.0.0.1:{proxy.port}/squid-internal-mgr/info",
            ):
                assert proxy.ask(refused)[0] in {400, 403}, refused
            assert proxy.ask(f"s1.example.org:{port}", method="CONNECT")[0] == 403
            # Another machine than those of the site.
            assert proxy.ask(good, source="127.0.0.9")[0] == 403
            assert (handler.asked, foreign.asked) == (1, 0)


def test_a_port_that_is_http_s_own_may_be_left_out(tmp_path: Path) -> None:
    text = conf(tmp_path, cvmfs={"stratum1": ["http://s1.example.org"]})
    assert "acl servers url_regex -i ^http://s1[.]example[.]org(:80)?/\n" in text


def test_destinations_are_admitted_besides(tmp_path: Path) -> None:
    described = site(squid={"destinations": ["db.example.org"], "clients": ["192.0.2.0/24"]})
    made = machine(tmp_path, described, Role.CONTROL)
    text = made.path("/usr/share/b2ct/squid.conf").read_text()
    assert "acl servers url_regex -i ^http://db[.]example[.]org(:80|:8000)?/\n" in text
    assert "squid 192.0.2.0/24\n" in made.path("/etc/b2ct/networks").read_text()


def test_where_squids_exist_none_is_installed(tmp_path: Path) -> None:
    described = site(squid={"external": ["http://squid.example.org:3128"]})
    made = machine(tmp_path, described, Role.CONTROL)
    assert not made.path("/usr/share/b2ct/squid.conf").exists()
    assert not list(made.path("/usr/libexec/b2ct/firstboot.d").glob("*-squid"))
