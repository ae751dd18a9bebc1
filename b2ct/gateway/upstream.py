"""Calls to oned: one connection each, with an end in time and in size.

Connections are not kept: one that oned has closed meanwhile would make it uncertain whether a
request was carried out.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Sequence
from urllib.parse import urlsplit

from b2ct.gateway import message
from b2ct.gateway.message import Answer, Value
from b2ct.opennebula.faults import BrokenError

HEAD = 16384
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})[ \r]")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,12})[ \t]*\r\n", re.IGNORECASE)
_CODED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)


class AwayError(Exception):
    """No answer. `sent`: oned may have got the call, and carried it out."""

    def __init__(self, why: str, *, sent: bool) -> None:
        super().__init__(why)
        self.why = why
        self.sent = sent


class Oned:
    """The XML-RPC interface of oned."""

    def __init__(
        self, url: str, *, seconds: float, most: int, tls: ssl.SSLContext | None = None
    ) -> None:
        parts = urlsplit(url)
        self.host = parts.hostname or "localhost"
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self._path = (parts.path or "/RPC2") + (f"?{parts.query}" if parts.query else "")
        self._tls = tls if parts.scheme == "https" else None
        self._seconds = seconds
        self._most = most

    async def call(self, method: str, values: Sequence[Value]) -> Answer:
        """Carry out a call. Raises AwayError."""
        body = message.call(method, values)
        sent = False
        try:
            async with asyncio.timeout(self._seconds):
                reader, writer = await asyncio.open_connection(
                    self.host, self.port, limit=HEAD, ssl=self._tls
                )
                sent = True
                try:
                    writer.write(self._head(len(body)) + body)
                    await writer.drain()
                    answer = await self._answer(reader)
                finally:
                    writer.transport.abort()
        except TimeoutError:
            raise AwayError(f"no answer within {self._seconds:g} s", sent=sent) from None
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as err:
            reason = getattr(err, "strerror", None) or "the connection broke"
            raise AwayError(str(reason).lower(), sent=sent) from None
        try:
            return message.parse_answer(answer)
        except BrokenError as err:
            raise AwayError(err.message, sent=True) from None

    async def reachable(self, seconds: float = 2.0) -> bool:
        """Whether somebody listens there."""
        try:
            async with asyncio.timeout(seconds):
                _, writer = await asyncio.open_connection(self.host, self.port)
        except (OSError, TimeoutError):
            return False
        writer.transport.abort()
        return True

    def _head(self, length: int) -> bytes:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (
            f"POST {self._path} HTTP/1.1\r\nHost: {host}:{self.port}\r\n"
            "User-Agent: b2ct-gateway\r\nContent-Type: text/xml\r\n"
            f"Content-Length: {length}\r\nConnection: close\r\n\r\n"
        ).encode()

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        status = _STATUS.match(head)
        if not status or status[1] != b"200":
            code = status[1].decode() if status else "none"
            raise AwayError(f"HTTP status {code}", sent=True)
        if _CODED.search(head):
            raise AwayError("an answer in pieces, which oned does not send", sent=True)
        length = _LENGTH.search(head)
        if length:
            if int(length[1]) > self._most:
                raise AwayError(f"an answer of more than {self._most} bytes", sent=True)
            return await reader.readexactly(int(length[1]))
        pieces = bytearray()
        while piece := await reader.read(1 << 16):
            pieces += piece
            if len(pieces) > self._most:
                raise AwayError(f"an answer of more than {self._most} bytes", sent=True)
        return bytes(pieces)
