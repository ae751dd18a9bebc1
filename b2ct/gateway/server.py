"""The server: connections with their limits, calls to the filter, a line in the audit log."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import json
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable

from b2ct.core.errors import B2ctError
from b2ct.gateway import http, message
from b2ct.gateway.audit import Audit
from b2ct.gateway.calls import Filter
from b2ct.gateway.errors import INTERNAL
from b2ct.gateway.http import BadRequest, Head
from b2ct.gateway.limits import Budget, Places, Rate, peer_of
from b2ct.gateway.message import Answer, Failure
from b2ct.gateway.settings import Settings, address
from b2ct.gateway.upstream import Oned

PATH = "/RPC2"
CALLS_A_CONNECTION = 1000
"""After these a client has to connect again."""
BACKLOG = 1024
"""Connections that wait to be taken. Where there is no room for one, its client tries again after
a second."""
TAKING = 0.002
"""Seconds for which connections are taken before other work has its turn. Of many that one address
makes at once, most find no place, which costs next to nothing; taken a few at a time, all of them
would find one, and the others behind them would wait for the work on each."""
SUSPICIOUS = 5.0
"""Calls that one costs which DIRAC would not send: passwords cannot be guessed at speed."""
HEALTH_AGE = 5.0
"""Seconds for which an answer of /health about oned holds."""

_LISTEN = {
    errno.EADDRINUSE: "does another gateway run already (`ss -ltnp`)? --listen names another port",
    errno.EADDRNOTAVAIL: "this machine does not have that address: `ip addr` shows those it has",
    errno.EACCES: "ports below 1024 are for root: --listen names another one",
}

Notice = Callable[[str], None]


class Gateway:
    """One listening socket and all its connections."""

    def __init__(
        self,
        settings: Settings,
        *,
        audit: Audit,
        tls: ssl.SSLContext | None,
        oned_tls: ssl.SSLContext | None = None,
        notice: Notice,
    ) -> None:
        limits = settings.limits
        self.settings = settings
        self.limits = limits
        self.tls = tls
        """May be replaced: connections that come later use the new one."""
        self.counts: Counter[str] = Counter()
        self._audit = audit
        self._notice = notice
        self.oned = Oned(settings.oned, seconds=limits.oned_time, most=limits.answer, tls=oned_tls)
        self._filter = Filter(
            self.oned, settings.user, calls=limits.calls, adapt=settings.adapt_answers
        )
        self._rate = Rate(limits.calls_per_second, limits.burst, limits.longest_wait)
        self._places = Places(limits.connections, limits.connections_per_peer)
        self._bodies = Budget(limits.bodies)
        self._networks = [ipaddress.ip_network(peer) for peer in settings.peers]
        self._tasks: dict[asyncio.Task[None], bool] = {}
        """Connections; True while a call is under way."""
        self._closing = False
        self._since = time.monotonic()
        self._seen = (-HEALTH_AGE, False)
        self._socket: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._socket is not None  # noqa: S101 - after `start`
        return int(self._socket.getsockname()[1])

    async def start(self) -> None:
        """Listen. Raises B2ctError when the address cannot be had."""
        host, port = address(self.settings.listen)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(BACKLOG)
        except OSError as err:
            listener.close()
            raise B2ctError(
                f"cannot listen on {self.settings.listen}: {(err.strerror or str(err)).lower()}",
                hint=_LISTEN.get(err.errno or 0, "--listen names another address"),
            ) from None
        listener.setblocking(False)
        self._socket = listener
        self._accepting = asyncio.create_task(self._accept(listener))

    async def stop(self) -> None:
        """No new connections; calls under way have their time, the others end at once."""
        self._closing = True
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.wait([self._accepting])
        if self._socket is not None:
            self._socket.close()
        for task, busy in list(self._tasks.items()):
            if not busy:
                task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=self.limits.shutdown_time)
        late = list(self._tasks)
        for task in late:
            task.cancel()
        if late:
            self._notice(f"{len(late)} call(s) were cut at the end")
            await asyncio.wait(late, timeout=5)

    # connections

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        since = loop.time()
        while True:
            if loop.time() - since > TAKING:
                await asyncio.sleep(0)
                since = loop.time()
            try:
                connection, where = await loop.sock_accept(listener)
            except OSError:  # too many open files, or a client that has gone already
                self.counts["accept-failed"] += 1
                await asyncio.sleep(0.05)
                continue
            host = str(where[0])
            peer = peer_of(host)
            if not self._welcome(peer, host):
                connection.close()
                continue
            task = asyncio.create_task(self._connection(connection, host, peer))
            self._tasks[task] = False
            task.add_done_callback(self._forget)

    def _welcome(self, peer: str, host: str) -> bool:
        """Whether the peer may connect now; the place is taken then."""
        if self._networks and not self._is_of_ours(host):
            self.counts["not-allowed"] += 1
            return False
        if not self._places.enter(peer):
            self.counts["too-many-connections"] += 1
            return False
        return True

    def _is_of_ours(self, host: str) -> bool:
        ip = ipaddress.ip_address(host.partition("%")[0])
        ip = getattr(ip, "ipv4_mapped", None) or ip
        return any(ip in network for network in self._networks)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and (err := task.exception()) is not None:
            self.counts["defects"] += 1
            self._notice(f"a connection ended by a defect of the gateway: {type(err).__name__}")

    async def _connection(self, connection: socket.socket, host: str, peer: str) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=http.HEAD)
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            tls = self.tls
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol, connection, ssl=tls,
                ssl_handshake_timeout=self.limits.handshake_time if tls else None,
                ssl_shutdown_timeout=2.0 if tls else None,
            )  # fmt: skip
        except (OSError, ssl.SSLError, TimeoutError):
            self.counts["handshake-failed"] += 1
            connection.close()
            self._places.leave(peer)
            return
        except BaseException:
            connection.close()
            self._places.leave(peer)
            raise
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        try:
            await self._requests(reader, writer, host, peer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            self.counts["broken-off"] += 1
            transport.abort()
        finally:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(3):
                    await writer.wait_closed()
            transport.abort()
            self._places.leave(peer)

    async def _requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, peer: str
    ) -> None:
        patience = self.limits.head_time
        for number in range(CALLS_A_CONNECTION):
            try:
                async with asyncio.timeout(patience):
                    head = await http.read_head(reader)
                if head is None or self._closing:
                    return
                last = number == CALLS_A_CONNECTION - 1 or not head.keep_alive
                going_on = await self._request(head, reader, writer, host, peer, last)
            except BadRequest as err:
                self._bad(host, peer, err.status)
                await self._send(writer, [http.plain(err.status, err.text)])
                return
            if not going_on:
                return
            patience = self.limits.idle_time

    async def _request(  # noqa: PLR0917 - of one connection
        self, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter,
        host: str, peer: str, last: bool,
    ) -> bool:  # fmt: skip
        """One request; whether the connection goes on. Raises BadRequest."""
        health = head.method == "GET" and head.path == "/health" and not head.length
        length = 0 if health else self._checked(head)
        await self._wait_turn(peer)
        if health:
            await self._send(writer, [await self._health(last)])
            return not last
        if not self._bodies.take(length):
            raise BadRequest(503, "too many requests at once: try again later")
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a connection is a task
        try:
            try:
                async with asyncio.timeout(self.limits.body_time):
                    body = await reader.readexactly(length)
            except TimeoutError:
                raise BadRequest(408, "the body did not come in time") from None
            self._tasks[task] = True
            return await self._call(body, writer, host, peer, last)
        finally:
            self._tasks[task] = False
            self._bodies.give(length)

    def _checked(self, head: Head) -> int:
        """The length of the body of what may be a call. Raises BadRequest."""
        if head.path != PATH:
            raise BadRequest(404, f"there is {PATH} and /health, and nothing else")
        if head.method != "POST":
            raise BadRequest(405, f"{PATH} takes POST only")
        if head.kind not in ("text/xml", "application/xml"):
            raise BadRequest(415, "a call is text/xml")
        if head.length is None:
            raise BadRequest(411, "the body needs a Content-Length")
        if head.length > self.limits.body:
            raise BadRequest(413, f"a call may have {self.limits.body} bytes")
        return head.length

    async def _wait_turn(self, peer: str) -> None:
        wait = self._rate.take(peer, time.monotonic())
        if wait is None:
            raise BadRequest(429, "too many calls: try again later")
        if wait:
            self.counts["slowed-down"] += 1
            await asyncio.sleep(wait)

    async def _call(
        self, body: bytes, writer: asyncio.StreamWriter, host: str, peer: str, last: bool
    ) -> bool:  # fmt: skip
        """Carry out a call and send its answer; whether the connection goes on."""
        start = time.monotonic()
        if not self._audit.ready():
            self.counts["refused"] += 1
            failure = Failure("The gateway cannot write its audit log: nothing is done.", INTERNAL)
            return await self._answer(failure, writer, close=last)
        async with self._filter.carried_out(body) as outcome:
            if outcome.suspicious:
                self._rate.punish(peer, time.monotonic(), SUSPICIOUS - 1)
            self.counts[str(outcome.record["verdict"])] += 1
            milliseconds = round((time.monotonic() - start) * 1000, 1)
            self._audit.write({"peer": host, **outcome.record, "ms": milliseconds})
            return await self._answer(outcome.answer, writer, close=outcome.close or last)

    async def _answer(self, answer: Answer, writer: asyncio.StreamWriter, *, close: bool) -> bool:
        close = close or self._closing
        pieces = message.answer(answer)
        pieces.insert(0, http.head(200, sum(map(len, pieces)), close=close))
        await self._send(writer, pieces)
        return not close

    def _bad(self, host: str, peer: str, status: int) -> None:
        """What is no call is written down too, unless the peer sends more than it may."""
        self.counts["no-call"] += 1
        if status not in (429, 503) and self._rate.take(peer, time.monotonic()) is not None:
            self._audit.write({"peer": host, "method": None, "verdict": "refused", "http": status})

    async def _send(self, writer: asyncio.StreamWriter, pieces: list[bytes]) -> None:
        """Raises TimeoutError when the client does not take it. The list is empty afterwards."""
        try:
            async with asyncio.timeout(self.limits.send_time):
                for piece in http.together(pieces):
                    writer.write(piece)
                    await writer.drain()
        finally:
            # The error would keep the answer in memory until Python looks for cycles.
            pieces.clear()

    # health

    async def _health(self, last: bool) -> bytes:
        there = await self._oned_there()
        body = {
            "status": "ok" if there and not self._audit.broken else "degraded",
            "oned": "reachable" if there else "unreachable",
            "audit": "broken" if self._audit.broken else "ok",
            "seconds": int(time.monotonic() - self._since),
            "connections": self._places.taken,
            "counts": dict(sorted(self.counts.items())),
        }
        status = 200 if body["status"] == "ok" else 503
        data = f"{json.dumps(body)}\n".encode()
        return http.response(status, data, kind="application/json", close=last)

    async def _oned_there(self) -> bool:
        then, there = self._seen
        if time.monotonic() - then >= HEALTH_AGE:
            # Set before waiting, so that many questions are one look.
            self._seen = (time.monotonic(), there)
            there = await self.oned.reachable()
            self._seen = (time.monotonic(), there)
        return there
