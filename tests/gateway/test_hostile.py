"""Clients that mean no good: the gateway stays up, its memory bounded, and oned sees nothing."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import urllib.error
import urllib.request
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from b2ct.gateway import message
from tests.gateway.cloud import Cloud
from tests.gateway.process import SESSION, Running, running

LIMITS = {
    "connections": 64, "connections_per_peer": 24, "head_time": 1, "body_time": 1, "idle_time": 2,
    "calls_per_second": 10000, "burst": 100000, "longest_wait": 1,
}  # fmt: skip
GROWTH = 96
"""MiB by which its resident memory may grow under attack: requests, buffers, and the allocator's
own. Unbounded, each attack here would take several times as much."""


@pytest.fixture
def guarded(one: Cloud, tmp_path: Path) -> Iterator[Running]:
    """A gateway with short patience."""
    with running(tmp_path, one.double.url, limits=LIMITS) as made:
        assert made.call("one.vmpool.info", -2, 0, -1, -1)[0] is True
        one.forget_calls()
        yield made


def connect(gate: Running, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", gate.port), 30, (source, 0))


def post(body: bytes, *headers: str, length: int | None = None) -> bytes:
    lines = ["POST /RPC2 HTTP/1.1", "Host: x", "Content-Type: text/xml", *headers]
    size = len(body) if length is None else length
    return "\r\n".join([*lines, f"Content-Length: {size}", "", ""]).encode() + body


def answer(connection: socket.socket) -> bytes:
    """All that comes, until the gateway closes."""
    pieces = b""
    with contextlib.suppress(OSError):
        while piece := connection.recv(65536):
            pieces += piece
    return pieces


def drip(connection: socket.socket, seconds: float) -> float:
    """Send a byte at a time until the gateway hangs up; after how many seconds it did."""
    start = time.monotonic()
    with contextlib.suppress(OSError):  # a reset or a broken pipe
        while time.monotonic() < start + seconds:
            connection.sendall(b"a")
            time.sleep(0.05)
    return time.monotonic() - start


def served(gate: Running, source: str) -> bool:
    """Whether a client of another address is served meanwhile."""
    body = message.call("one.vmpool.info", (SESSION, -2, 0, -1, -1))
    with connect(gate, source) as connection:
        connection.sendall(post(body, "Connection: close"))
        return b"<boolean>1</boolean>" in answer(connection)


def test_200_connections_of_one_peer_leave_room_for_others(one: Cloud, guarded: Running) -> None:
    before = guarded.memory()
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            connection = stack.enter_context(connect(guarded))
            with contextlib.suppress(OSError):  # closed already: there are too many
                connection.sendall(b"POST /RPC2 HTTP/1.1\r\nContent-Le")
        assert served(guarded, "127.0.0.2")
    assert one.double.calls == ["one.vmpool.info"]
    assert guarded.memory("VmHWM") - before < GROWTH
    assert guarded.process.poll() is None


def test_200_clients_at_once_get_whole_answers_or_none(one: Cloud, guarded: Running) -> None:
    """Those for whom there is no place are closed, the others served; none gets half."""
    answers: list[bytes] = []
    start = threading.Barrier(50)
    body = post(message.call("one.vmpool.info", (SESSION, -2, 0, -1, -1)), "Connection: close")

    def client(number: int) -> None:
        start.wait()
        for turn in range(4):
            with contextlib.suppress(OSError), connect(guarded, f"127.0.1.{number}") as connection:
                connection.sendall(body)
                answers.append(answer(connection))
            assert turn >= 0

    threads = [threading.Thread(target=client, args=(n + 1,)) for n in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole = [a for a in answers if a.rstrip().endswith(b"</methodResponse>")]
    assert all(a == b"" or a in whole for a in answers)
    assert len(whole) == len(one.double.calls) > 100
    assert served(guarded, "127.0.0.2")


def test_slow_clients_are_cut(one: Cloud, guarded: Running) -> None:
    """A byte at a time, in the head or in the body: the time is for the whole, not for a byte."""
    for beginning in (b"POST /RPC2 HTTP/1.1\r\n", post(b"<methodCall>", length=50_000)):
        with connect(guarded) as connection:
            connection.sendall(beginning)
            assert drip(connection, 30) < 30
    assert one.double.calls == []
    assert served(guarded, "127.0.0.2")


def test_half_open_connections_are_given_up(one: Cloud, guarded: Running) -> None:
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(connect(guarded)) for _ in range(24)]
        for connection in silent:
            assert answer(connection) == b""
        assert served(guarded, "127.0.0.1")


def test_huge_bodies_are_refused_before_they_are_read(one: Cloud, guarded: Running) -> None:
    before = guarded.memory()
    for length in (10**6, 10**9, 10**12 - 1):
        with connect(guarded) as connection:
            connection.sendall(post(b"", length=length))
            assert answer(connection).startswith(b"HTTP/1.1 413 ")
    flood = b"a" * (1 << 20)
    for _ in range(20):
        with connect(guarded) as connection, contextlib.suppress(OSError):
            connection.sendall(flood)
    assert one.double.calls == []
    assert guarded.memory("VmHWM") - before < GROWTH


def test_bodies_that_wait_have_a_common_limit(one: Cloud, tmp_path: Path) -> None:
    limits = {**LIMITS, "bodies": 1 << 20, "body_time": 30}
    with (
        running(tmp_path, one.double.url, limits=limits) as gate,
        contextlib.ExitStack() as stack,
    ):
        held = [stack.enter_context(connect(gate)) for _ in range(2)]
        for connection in held:
            connection.sendall(post(b"a", length=500_000))
        time.sleep(0.3)
        with connect(gate) as connection:
            connection.sendall(post(b"a", length=500_000))
            assert answer(connection).startswith(b"HTTP/1.1 503 ")


def test_clients_that_take_no_answer_are_cut(one: Cloud, tmp_path: Path) -> None:
    with running(tmp_path, one.double.url, limits={**LIMITS, "send_time": 1}) as gate:
        body = post(message.call("one.templatepool.info", (SESSION, -2, 0, -1)))
        with connect(gate) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(20)
            with contextlib.suppress(OSError):
                for _ in range(20_000):
                    connection.sendall(body)
        assert served(gate, "127.0.0.2")
        assert gate.memory() < 250


def test_large_answers_that_nobody_takes_have_a_common_limit(one: Cloud, tmp_path: Path) -> None:
    """Of 24 answers of 4 MiB for clients that do not read, as many are held as calls may be."""
    one.double.rpc("one.template.update", one.template, f'DESCRIPTION="{"x" * (4 << 20)}"', 1)
    body = post(message.call("one.template.info", (SESSION, one.template)))
    limits = {**LIMITS, "calls": 2, "send_time": 1}
    with running(tmp_path, one.double.url, limits=limits) as gate, contextlib.ExitStack() as stack:
        before = gate.memory()
        for _ in range(24):
            connection = stack.enter_context(connect(gate))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(body)
        assert served(gate, "127.0.0.2")
        assert gate.memory("VmHWM") - before < GROWTH


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200 + b"\r\n\r\n",
        b"\r\n\r\n",
        b"GET /RPC2 HTTP/1.1\r\n\r\n",
        b"POST /RPC2 HTTP/0.9\r\n\r\n",
        b"POST http://other/RPC2 HTTP/1.1\r\n\r\n",
        b"POST /RPC2/../etc HTTP/1.1\r\n\r\n",
        b"CONNECT localhost:2633 HTTP/1.1\r\n\r\n",
        b"POST /RPC2 HTTP/1.1\r\nA: " + b"a" * 20_000 + b"\r\n\r\n",
        b"POST /RPC2 HTTP/1.1\r\n" + b"A: b\r\n" * 100 + b"\r\n",
        b"POST /RPC2 HTTP/1.1\r\nContent-Type: text/xml\r\n\r\n",
        post(b"x", "Content-Length: 1"),
        post(b"x", "Transfer-Encoding: chunked"),
        post(b"x", "Transfer-Encoding : chunked"),
        post(b"x", "A: b\r\n folded"),
        post(b"x", "Expect: 100-continue"),
        post(b"x", "Content-Encoding: gzip"),
        post(b"x").replace(b"Content-Length: 1", b"Content-Length: +1"),
        post(b"x").replace(b"Content-Length: 1", b"Content-Length: 0x1"),
        post(b"x").replace(b"text/xml", b"application/json"),
        post(b"x").replace(b"\r\n", b"\n"),
    ],
)
def test_what_is_no_request_is_refused(raw: bytes, shared: tuple[Cloud, Running]) -> None:
    one, gate = shared
    with connect(gate) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
        got = answer(connection)
    assert got == b"" or got.split()[1][:1] in (b"4", b"5")
    assert one.double.calls == []


def test_two_requests_in_one_are_not_mistaken_for_another(
    shared: tuple[Cloud, Running],
) -> None:
    """A second request in a body stays a body."""
    one, gate = shared
    inner = post(message.call("one.vm.info", (SESSION, 0)))
    with connect(gate) as connection:
        connection.sendall(post(inner, "Connection: close"))
        assert b"faultCode" in answer(connection)
    assert one.double.calls == []


SCALAR = st.one_of(
    st.integers(-(2**31), 2**31 - 1), st.booleans(), st.text(max_size=20),
    st.sampled_from([SESSION, "terminate", "delete", "terminate-hard", "0", "-2", "-1", 0, -2]),
)  # fmt: skip
METHOD = st.one_of(
    st.sampled_from([
        "one.vm.info", "one.vm.action", "one.vmpool.info", "one.template.instantiate",
        "one.user.info", "one.vm.allocate", "one.user.passwd", "one.acl.info", "one.vm.migrate",
        "one.system.config", "one.vm.Action", "one.vm.action ", "system.shutdown",
    ]),
    st.from_regex(r"one\.[a-z]{1,8}\.[a-z]{1,10}", fullmatch=True),
)  # fmt: skip
NEVER = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
ALLOWED = {
    "one.system.version", "one.user.info", "one.imagepool.info", "one.templatepool.info",
    "one.vnpool.info", "one.template.info", "one.vm.info", "one.vmpool.info",
    "one.vmpool.infoextended", "one.vm.action", "one.template.instantiate",
}  # fmt: skip


@NEVER
@given(METHOD, st.lists(SCALAR, max_size=7))
def test_whatever_is_called_oned_sees_allowed_methods_of_the_user_only(
    shared: tuple[Cloud, Running], method: str, values: list[str | int | bool]
) -> None:
    one, gate = shared
    one.forget_calls()
    with connect(gate) as connection, contextlib.suppress(UnicodeEncodeError):
        body = xmlrpc.client.dumps(tuple(values), method).encode()
        connection.sendall(post(body, "Connection: close"))
        got = answer(connection)
        assert got.startswith(b"HTTP/1.1 200 ")
    if not values or values[0] != SESSION:
        assert one.double.calls == []
    assert set(one.double.calls) <= ALLOWED & {method, "one.template.info"}
    assert one.double.cloud.unimplemented == []


@NEVER
@given(st.binary(max_size=300))
def test_whatever_bytes_come_oned_sees_none(shared: tuple[Cloud, Running], body: bytes) -> None:
    one, gate = shared
    with connect(gate) as connection:
        connection.sendall(post(body, "Connection: close"))
        assert b"HTTP/1.1 200 " in answer(connection)
    assert one.double.calls == []


def test_too_many_calls_are_slowed_down_then_refused(one: Cloud, tmp_path: Path) -> None:
    limits = {"burst": 3, "calls_per_second": 2, "longest_wait": 1.5}
    with running(tmp_path, one.double.url, limits=limits) as gate:
        codes = []

        def ask() -> None:
            with connect(gate) as connection:
                body = message.call("one.vmpool.info", (SESSION, -2, 0, -1, -1))
                connection.sendall(post(body, "Connection: close"))
                codes.append(answer(connection).split()[1])

        threads = [threading.Thread(target=ask) for _ in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert b"429" in codes
        assert 3 <= codes.count(b"200") < 30
        assert len(one.double.calls) == codes.count(b"200")


def test_peers_that_are_not_named_are_not_let_in(one: Cloud, tmp_path: Path) -> None:
    with running(tmp_path, one.double.url, peers=["127.0.0.8/29"]) as gate:
        assert served(gate, "127.0.0.9")
        with pytest.raises((OSError, AssertionError)):
            assert served(gate, "127.0.0.2")


def test_health_tells_and_asks_oned_rarely(one: Cloud, gate: Running) -> None:
    url = gate.url.replace("/RPC2", "/health")
    with urllib.request.urlopen(url) as reply:
        assert reply.status == 200
        text = reply.read().decode()
    assert '"oned": "reachable"' in text
    assert "dirac" not in text
    assert one.double.calls == []
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(gate.url.replace("/RPC2", "/"))
