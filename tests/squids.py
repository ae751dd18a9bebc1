"""A real squid as an ordinary user, and the origin servers before which it stands."""

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
from typing import Any, ClassVar

import pytest

from tests.kickstart.concerns.network import free_port, stop, wait_for

SQUID = shutil.which("squid", path="/usr/sbin:/usr/bin")
needs_squid = pytest.mark.skipif(not SQUID, reason="squid is not installed")


class Origin(BaseHTTPRequestHandler):
    """A stratum-1 that says how often it was asked, and answers when it is allowed to."""

    asked = 0
    allowed = threading.Event()
    objects: ClassVar[dict[str, bytes]] = {}
    """What it has by path; empty: something for every path."""

    def do_GET(self) -> None:
        type(self).asked += 1
        self.allowed.wait(30)
        body = self.objects.get(self.path, b"") if self.objects else f"{self.path}\n".encode()
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body)))
        if body:
            # As stratum-1s say it: what names itself by its content may be kept for days.
            self.send_header("Cache-Control", f"max-age={259200 if '/data/' in self.path else 61}")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Quiet."""


@contextmanager
def origin(objects: dict[str, bytes] | None = None) -> Iterator[tuple[int, type[Origin]]]:
    """An origin server on a free port, and the class that counts its requests."""
    allowed = threading.Event()
    allowed.set()
    members = {"asked": 0, "allowed": allowed, "objects": objects or {}}
    handler = type("Counted", (Origin,), members)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1], handler
        server.shutdown()


@dataclass
class Proxy:
    """A running squid."""

    port: int
    log: Path
    """Its access log."""

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
def running(text: str, names: str = "") -> Iterator[Proxy]:
    """Run squid as an ordinary user with this configuration, moved to a free port and folder.

    The further `names` are those of this machine, to squid alone.
    """
    with tempfile.TemporaryDirectory(prefix="b2ct-squid-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        port = free_port("127.0.0.1")
        (folder / "hosts").write_text(f"127.0.0.1 s1.example.org foreign.example.org {names}\n")
        text = text.replace("http_port 3128", f"http_port 127.0.0.1:{port}")
        text = text.replace("/var/spool/squid", f"{folder}/cache")
        text = re.sub(r"(cache_dir .*) \d+ 16 256", r"\1 10 2 2", text)
        text = text.replace("cache_mem 128 MB", "cache_mem 8 MB")
        text += (
            # No name server: some answer for every name, some for none.
            f"hosts_file {folder}/hosts\ndns_nameservers 127.7.7.7\ndns_timeout 2 seconds\n"
            "shutdown_lifetime 0 seconds\n"
            f"dns_retransmit_interval 1 second\npid_filename {folder}/pid\npinger_enable off\n"
            f"access_log stdio:{folder}/access.log\ncache_log {folder}/cache.log\n"
        )
        config = folder / "squid.conf"
        config.write_text(text)
        # Squids of one service name share memory segments: another one on this host, or that of
        # another worker of xdist, would be in the way. Letters and digits only (squid(8), -n).
        argv = [str(SQUID), "-N", "-n", f"b2ct{os.getpid()}x{port}", "-f", str(config)]
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
            yield Proxy(port, folder / "access.log")
        finally:
            stop(process)
