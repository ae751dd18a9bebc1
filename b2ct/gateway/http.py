"""HTTP/1.1 as far as XML-RPC clients need it (RFC 9112): bounded in size and in time, and strict.

What two readers could understand differently (two lengths, a length and an encoding, folded lines)
is refused, and the connection closed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

HEAD = 8192
"""Bytes of request line and headers."""
MOST_HEADERS = 64
TOGETHER = 65536
_LINE = re.compile(rb"([A-Z]{1,16}) (/[\x21-\x7e]{0,255}) HTTP/1\.([01])")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
_VALUE = re.compile(rb"[\x20-\x7e\x80-\xff\t]*")

REASONS = {
    200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    408: "Request Timeout", 411: "Length Required", 413: "Content Too Large",
    415: "Unsupported Media Type", 417: "Expectation Failed", 429: "Too Many Requests",
    431: "Request Header Fields Too Large", 501: "Not Implemented", 503: "Service Unavailable",
}  # fmt: skip


class BadRequest(Exception):  # noqa: N818 - an answer, not a failure of ours
    """Answered with a status, after which the connection is closed."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass(frozen=True)
class Head:
    """A request, less its body."""

    method: str
    path: str
    length: int | None
    keep_alive: bool
    kind: str
    """The media type of the body, less its parameters."""


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """The next request; None where the client has no more. Raises BadRequest."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise BadRequest(431, f"the head of a request may have {HEAD} bytes") from None
    except asyncio.IncompleteReadError as err:
        if err.partial.strip():
            raise BadRequest(400, "the request ended early") from None
        return None
    return parse_head(raw)


def parse_head(raw: bytes) -> Head:
    """A head that ends in an empty line. Raises BadRequest."""
    first, *lines = raw[:-4].split(b"\r\n")
    found = _LINE.fullmatch(first)
    if not found:
        raise BadRequest(400, "this is no HTTP/1.1 request")
    if len(lines) > MOST_HEADERS:
        raise BadRequest(431, "too many headers")
    headers: dict[bytes, bytes] = {}
    for line in lines:
        name, value = _header(line)
        if name in headers and name in _ONCE:
            raise BadRequest(400, "a header came twice")
        headers[name] = value
    return _head(found, headers)


def _header(line: bytes) -> tuple[bytes, bytes]:
    """Name, in lower case, and value of a header, in time that grows as its length does."""
    name, colon, value = line.partition(b":")
    if not (colon and _NAME.fullmatch(name) and _VALUE.fullmatch(value)):
        raise BadRequest(400, "a header that is none")
    return name.lower(), value.strip(b" \t")


_ONCE = frozenset({b"content-length", b"transfer-encoding", b"host", b"connection", b"expect"})


def _head(found: re.Match[bytes], headers: dict[bytes, bytes]) -> Head:
    if b"transfer-encoding" in headers:
        raise BadRequest(411, "the body needs a Content-Length")
    if b"expect" in headers:
        raise BadRequest(417, "no expectations are met here")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise BadRequest(415, "the body may not be packed")
    length = headers.get(b"content-length")
    if length is not None and not re.fullmatch(rb"[0-9]{1,12}", length):
        raise BadRequest(400, "a Content-Length that is no number")
    connection = headers.get(b"connection", b"").lower()
    keep = connection != b"close" if found[3] == b"1" else connection == b"keep-alive"
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    return Head(
        found[1].decode(), found[2].decode(), None if length is None else int(length), keep,
        kind.decode("latin-1"),
    )  # fmt: skip


def response(
    status: int, body: bytes, *, kind: str = "text/xml", close: bool, more: str = ""
) -> bytes:
    """A whole answer. `more` are further headers, each with its line end."""
    return head(status, len(body), kind=kind, close=close, more=more) + body


def head(status: int, length: int, *, kind: str = "text/xml", close: bool, more: str = "") -> bytes:
    """What goes before the body of an answer."""
    return (
        f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: {kind}; charset=utf-8\r\n"
        f"Content-Length: {length}\r\n"
        f"Connection: {'close' if close else 'keep-alive'}\r\n{more}\r\n"
    ).encode()


def together(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of some size: a system call for each of many would be dear."""
    held = bytearray()
    for piece in pieces:
        held += piece
        if len(held) >= TOGETHER:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)


def plain(status: int, text: str, *, more: str = "") -> bytes:
    """An answer in words, after which the connection is closed."""
    return response(status, f"{text}\n".encode(), kind="text/plain", close=True, more=more)
