"""Calls to oned: one connection each, with an end in time and in size.

Connections are not kept: one that oned has closed meanwhile would make it uncertain whether a
request was carried out.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from b2ct.gateway import message, reply
from b2ct.gateway.message import Answer, Success, Value
from b2ct.one.faults import BrokenError

HEAD = 16384
PIECE = 8192
"""Bytes of an answer that are read and rewritten at once: half a millisecond."""
TICK = 0.001
SHORT = 1 << 20
"""Bytes of an answer that is read as a whole, such as a template."""
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
        self._mill = asyncio.Lock()
        self._taken = 0.0

    async def call(self, method: str, values: Sequence[Value]) -> Answer:
        """Carry out a call whose answer is short. Raises AwayError."""
        pieces: list[str] = []
        answer = await self.stream(method, values, pieces.append, most=min(SHORT, self._most))
        return Success("".join(pieces)) if answer == Success("") else answer

    async def stream(
        self, method: str, values: Sequence[Value], document: Callable[[str], None],
        *, most: int = 0,
    ) -> Answer:  # fmt: skip
        """Carry out a call. The document in the answer goes to `document`. Raises AwayError."""
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
                    return await self._answer(reader, document, most or self._most)
                finally:
                    writer.transport.abort()
        except TimeoutError:
            raise AwayError(f"no answer within {self._seconds:g} s", sent=sent) from None
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as err:
            reason = getattr(err, "strerror", None) or "the connection broke"
            raise AwayError(str(reason).lower(), sent=sent) from None
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

    async def _pause(self) -> None:
        """All large answers together have half of the time: the rest is for other calls.

        A pause has a millisecond at least, so the time of several pieces is given back at once.
        """
        taken = self._taken if self._taken > TICK else 0.0
        self._taken -= taken
        await asyncio.sleep(taken)

    def _head(self, length: int) -> bytes:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (
            f"POST {self._path} HTTP/1.1\r\nHost: {host}:{self.port}\r\n"
            "User-Agent: b2ct-gateway\r\nContent-Type: text/xml\r\n"
            f"Content-Length: {length}\r\nConnection: close\r\n\r\n"
        ).encode()

    async def _answer(
        self, reader: asyncio.StreamReader, document: Callable[[str], None], most: int
    ) -> Answer:
        head = await reader.readuntil(b"\r\n\r\n")
        status = _STATUS.match(head)
        if not status or status[1] != b"200":
            code = status[1].decode() if status else "none"
            raise AwayError(f"HTTP status {code}", sent=True)
        if _CODED.search(head):
            raise AwayError("an answer in pieces, which oned does not send", sent=True)
        found = _LENGTH.search(head)
        length = int(found[1]) if found else None
        if length is not None and length > most:
            raise _too_long(most)
        read = 0
        answer = reply.Reader(document)
        while piece := await reader.read(PIECE if length is None else min(PIECE, length - read)):
            read += len(piece)
            if read > most:
                raise _too_long(most)
            async with self._mill:
                start = time.perf_counter()
                answer.feed(piece)
                self._taken += time.perf_counter() - start
                await self._pause()
        if length is not None and read < length:
            raise asyncio.IncompleteReadError(b"", length)
        return answer.close()


def _too_long(most: int) -> AwayError:
    return AwayError(
        f"its answer has more than {most} bytes, the limit of this gateway: `limits: answer` in "
        "its gateway.yaml",
        sent=True,
    )
