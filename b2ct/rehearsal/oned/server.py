"""The XML-RPC server on loopback, and the double as tests use it."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
import xmlrpc.client
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

from b2ct.rehearsal.oned import generic, system, vm_calls  # noqa: F401 - they add their calls
from b2ct.rehearsal.oned.clock import Clock
from b2ct.rehearsal.oned.cloud import Capacity, Cloud, Timing
from b2ct.rehearsal.oned.faults import Faults, HttpFault
from b2ct.rehearsal.oned.hosts import Host

_NOT_FOUND = (
    "<HTML><HEAD><TITLE>Error 404</TITLE></HEAD><BODY><H1>Error 404</H1><P>This XML-RPC For C/C++ "
    "Abyss XML-RPC server responds to only one URI path.  I don't know what URI path that is, but "
    "it's not the one you requested: '{path}'.  (Typically, it's '/RPC2')</P><p><HR><b><i><a "
    'href="http://xmlrpc-c.sourceforge.net">ABYSS Web Server for XML-RPC For C/C++</a></i></b> '
    "version 1.33.14<br></p></BODY></HTML>"
)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "Xmlrpc-c_Abyss/1.33.14"
    sys_version = ""
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path != "/RPC2":
            text = _NOT_FOUND.format(path=self.path).encode()
            self._send(404, text, "text/html")
            return
        try:
            arguments, name = xmlrpc.client.loads(body)
        except Exception:
            self._send(400, b"<HTML><BODY>Error 400</BODY></HTML>", "text/html")
            return
        fault = self.server.cloud.faults.take_http(name or "")
        if fault is not None:
            self._go_wrong(fault, name or "", arguments)
            return
        self._send(200, self.server.cloud.call(name or "", arguments))

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date of an answer is by the double's clock."""
        return super().date_time_string(timestamp or self.server.cloud.clock.now)

    def _go_wrong(self, fault: HttpFault, name: str, arguments: tuple[Any, ...]) -> None:
        cloud = self.server.cloud
        if fault.kind == "hang":
            cloud.faults.released.wait()
            self._cut()
        elif fault.kind == "refuse":
            self._cut()
        elif fault.kind == "status":
            self._send(fault.status, b"<html><body>upstream</body></html>", "text/html")
        elif fault.kind == "garbage":
            self._send(200, b"<html><body>Welcome to the captive portal</body></html>")
        elif fault.kind == "slow":
            cloud.faults.released.wait(fault.seconds)
            self._send(200, cloud.call(name, arguments))
        else:
            self._half(fault.kind, cloud.call(name, arguments))

    def _half(self, kind: str, answer: bytes) -> None:
        """The call is done but the caller does not learn of it."""
        half = answer[: len(answer) // 2]
        if kind == "truncated":
            self._send(200, half)
            return
        self._head(200, len(answer), "text/xml; charset=utf-8")
        self.wfile.write(half)
        self.wfile.flush()
        self._cut()

    def _cut(self) -> None:
        """Close with a reset, not with an orderly end."""
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True
        self.connection.close()

    def _head(self, status: int, length: int, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-type", kind)
        self.send_header("Content-length", str(length))
        self.end_headers()

    def _send(self, status: int, body: bytes, kind: str = "text/xml; charset=utf-8") -> None:
        try:
            self._head(status, len(body), kind)
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # the client has gone

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Say nothing: a test's output is the test's."""

    def finish(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # cut on purpose
            super().finish()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    cloud: Cloud

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is not an error of the test."""


class OnedDouble:
    """oned on loopback, for tests; see the package's docstring for its use."""

    def __init__(
        self,
        *,
        release: str = "6.10",
        password: str = "opennebula",
        clock: Clock | None = None,
        timing: Timing | None = None,
        capacity: Capacity | None = None,
        onegate: str = "",
        port: int = 0,
    ) -> None:
        self.password = password
        self.cloud = Cloud(
            release=release,
            password=password,
            clock=clock or Clock(scale=50),
            timing=timing,
            capacity=capacity,
            onegate=onegate,
        )
        self._port = port
        self._server: _Server | None = None

    def __enter__(self) -> OnedDouble:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # the server

    def start(self) -> None:
        """Listen; the port stays the same over `stop` and `start`."""
        self._server = _Server(("127.0.0.1", self._port), _Handler)
        self._server.cloud = self.cloud
        self._port = self._server.server_address[1]
        self.cloud.endpoint = self.url
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    def stop(self) -> None:
        """From now on connections are refused. The state stays."""
        if self._server is not None:
            self.cloud.faults.released.set()
            self._server.shutdown()
            self._server.server_close()
            self._server = None
            self.cloud.faults.released = threading.Event()

    def restart(self, *, down: float = 0.0) -> None:
        """oned stops and comes back after `down` real seconds: what drivers did is lost."""
        self.stop()
        self.cloud.restart()
        time.sleep(down)
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/RPC2"

    @property
    def auth(self) -> str:
        """The session of oneadmin, `name:password`."""
        return f"oneadmin:{self.password}"

    # time

    @property
    def clock(self) -> Clock:
        return self.cloud.clock

    def tick(self, seconds: float = 1.0) -> None:
        self.cloud.tick(seconds)

    def step(self) -> bool:
        """Move the time to the next thing that is to happen, and let it; False if nothing is."""
        with self.cloud.lock:
            return self.cloud.clock.step()

    def until(self, reached: Callable[[], bool], *, seconds: float = 600.0) -> None:
        """Step until something is so. Raises: AssertionError after `seconds` of the clock."""
        deadline = self.clock.now + seconds
        while not reached():
            if self.clock.now >= deadline or not self.step():
                raise AssertionError(f"not so within {seconds} s of the double's clock")

    # conveniences for tests

    @property
    def faults(self) -> Faults:
        return self.cloud.faults

    @property
    def calls(self) -> list[str]:
        """The methods called so far, in order; `clear()` it to count anew."""
        return self.cloud.calls

    def mount(self, prefix: str, place: str | Path) -> None:
        """Let a path (or URL) prefix of the front-end be somewhere on this machine."""
        self.cloud.files.mount(prefix, place)

    def rpc(self, method: str, *arguments: Any, session: str = "") -> Any:
        """One call over the wire; returns the answer. Raises: RuntimeError with the refusal."""
        proxy = xmlrpc.client.ServerProxy(self.url, use_builtin_types=True)
        answer: Any = getattr(proxy, method)(session or self.auth, *arguments)
        if not answer[0]:
            raise RuntimeError(f"{answer[2]:#06x} {answer[1]}")
        return answer[1]

    def add_host(self, name: str, *, cores: int = 8, memory_gb: int = 16, cluster: int = 0) -> Host:
        """A host that has been monitored already."""
        made = self.rpc("one.host.allocate", name, "kvm", "kvm", cluster)
        with self.cloud.lock:
            host = self.cloud.hosts[made]
            host.cpu, host.memory = cores * 100, memory_gb * 1024 * 1024
            host.monitored()
        return host

    def raw(self, body: bytes, path: str = "/RPC2") -> tuple[int, bytes]:
        """Post a body as it is; HTTP status and answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request("POST", path, body, {"Content-Type": "text/xml"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()
