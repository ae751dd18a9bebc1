"""A real HTTP server on loopback, with the faults of real ones."""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Page:
    """What the server has under one path, and how it misbehaves."""

    body: bytes
    etag: str | None = None
    modified: str | None = None
    ranges: bool = True
    """It honours Range."""
    honest_if_range: bool = True
    """It compares If-Range with its validator before it sends a part."""
    cut: list[int] = field(default_factory=list)
    """For each request in turn: bytes after which the connection is cut."""
    status: list[int] = field(default_factory=list)
    """For each request in turn: a status to answer instead."""
    headers: dict[str, str] = field(default_factory=dict)
    """Headers that replace the server's own; an empty value leaves one out."""
    shift: int = 0
    """Added to the start that Content-Range claims."""
    chunked: bool = False
    redirect: str = ""
    stall: threading.Event | None = None
    """Half of the body is sent, then nothing until this is set."""
    half_sent: threading.Event = field(default_factory=threading.Event)

    def validators(self) -> dict[str, str]:
        etag = self.etag if self.etag is not None else f'"{hashlib.md5(self.body).hexdigest()}"'
        pairs = {"ETag": etag, "Last-Modified": self.modified or ""}
        return {name: value for name, value in pairs.items() if value}


@dataclass(frozen=True)
class Asked:
    """A request that the server got."""

    path: str
    headers: dict[str, str]


class Web:
    """The server's pages by path, and the requests it got."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.pages: dict[str, Page] = {}
        self.asked: list[Asked] = []

    def put(self, path: str, body: bytes | str, **how: Any) -> str:
        """Serve `body` there; return its URL."""
        data = body.encode() if isinstance(body, str) else body
        self.pages[path] = Page(data, **how)
        return self.base + path

    def ranges(self) -> list[str]:
        """The Range header of each request, empty where there was none."""
        return [asked.headers.get("Range", "") for asked in self.asked]


@contextmanager
def serve(tls: tuple[Path, Path] | None = None) -> Iterator[Web]:
    """Serve on a free port of loopback; with a certificate and its key over TLS."""

    class Handler(_Handler):
        pass

    server = _Server(("127.0.0.1", 0), Handler)
    scheme = "https" if tls else "http"
    if tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    Handler.web = Web(f"{scheme}://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield Handler.web
    finally:
        server.shutdown()
        server.server_close()


def closed_port() -> int:
    """A port on loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients hang up on purpose here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    web: Web

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass

    def do_GET(self) -> None:
        self.web.asked.append(Asked(self.path, dict(self.headers)))
        page = self.web.pages.get(self.path.partition("?")[0])
        if page is None:
            self._answer(404, b"no such page", {})
        elif page.status:
            self._answer(page.status.pop(0), b"not now", page.headers)
        elif page.redirect:
            self._answer(302, b"", {"Location": page.redirect})
        else:
            self._page(page)

    def _page(self, page: Page) -> None:
        headers = page.validators()
        status, start = 200, 0
        if page.ranges and (asked := self._range(page)) is not None:
            start = asked
            if start >= len(page.body):
                self._answer(416, b"", {"Content-Range": f"bytes */{len(page.body)}"})
                return
            status = 206
            last = len(page.body) - 1
            headers["Content-Range"] = f"bytes {start + page.shift}-{last}/{len(page.body)}"
        body = page.body[start:]
        if page.chunked:
            headers["Transfer-Encoding"] = "chunked"
        headers.update(page.headers)
        self._answer(status, body, headers, page)

    def _range(self, page: Page) -> int | None:
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        fits = self.headers.get("If-Range") in (None, *page.validators().values())
        return int(found[1]) if found and (fits or not page.honest_if_range) else None

    def _answer(
        self, status: int, body: bytes, headers: dict[str, str], page: Page | None = None
    ) -> None:
        cut = page.cut.pop(0) if page and page.cut else None
        self.send_response(status)
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        if "Content-Length" not in headers and not (page and page.chunked):
            self.send_header("Content-Length", str(len(body)))
        if headers.get("Content-Length") == "" or cut is not None:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if page and page.stall:
            half = len(body) // 2
            self.wfile.write(body[:half])
            self.wfile.flush()
            page.half_sent.set()
            page.stall.wait(30)
            body = body[half:]
        if page and page.chunked:
            self._chunks(body, cut)
            return
        self._send(body if cut is None else body[:cut])

    def _chunks(self, body: bytes, cut: int | None) -> None:
        self._send(b"%x\r\n" % len(body) + (body if cut is None else body[:cut]))
        if cut is None:
            self._send(b"\r\n0\r\n\r\n")

    def _send(self, data: bytes) -> None:
        try:
            self.wfile.write(data)
        except OSError:
            self.close_connection = True
