"""Requests that are made to cost time or memory: each field pumped, data that is packed nothing."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import signal
import socket
import threading
import urllib.request
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.dirac import userdata
from b2ct.gateway import http, message
from b2ct.gateway.errors import Malformed
from b2ct.gateway.message import Value
from tests.gateway.cloud import Cloud
from tests.gateway.process import SESSION, Running, running
from tests.gateway.test_hostile import answer, connect, post

MOST = 256
"""MiB of memory, at the worst moment."""
MANY = {"connections": 256, "connections_per_peer": 256, "burst": 10_000, "longest_wait": 1}


@pytest.fixture
def open_to_many(one: Cloud, tmp_path: Path) -> Iterator[Running]:
    """A gateway that lets one address have 200 connections."""
    with running(tmp_path, one.double.url, limits=MANY) as made:
        yield made


def packed_nothing(mebibytes: int) -> bytes:
    """A gzip file of so many MiB of zeros, a kilobyte for each."""
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return gzip.compress(b"")[:10] + block * mebibytes + zlib.compressobj(wbits=-15).flush()


def instantiation(text: str, session: str = SESSION, template: Value = 0) -> bytes:
    values = (session, template, "VMDIRAC3_1", False, text)
    return post(message.call("one.template.instantiate", values), "Connection: close")


def coded(data: bytes) -> str:
    packed = base64.b64encode(data).decode()
    return f'CONTEXT=[USERDATA_ENCODING="base64",USERDATA="{packed}"]'


HEADS = [
    b"P" * 8000,
    b"POST /" + b"a" * 8000,
    b"POST /RPC2 HTTP/1.1" + b" " * 8000,
    *(
        b"POST /RPC2 HTTP/1.1\r\n%s" % line
        for line in (
            b"A:" + b" " * 8000 + b"\x01", b"A:x" + b" " * 8000 + b"\x01",
            b"A:" + b"\t x" * 2600 + b"\x01", b"a" * 8000 + b": b",
            b"Content-Length: " + b"1" * 8000, b"Content-Length:" + b" " * 8000 + b"+1",
            b"Connection: " + b"close," * 1300, b"Content-Type: " + b";" * 8000, b":" * 8000,
        )
    ),
]  # fmt: skip
BODIES: list[bytes] = [
    message.call("o" * 60_000, (SESSION,)),
    message.call("one.vm.info", (SESSION, 7)).replace(b"7", b"7" * 60_000),
    message.call("one.vm.info", (SESSION + "x" * 60_000, 7)),
    message.call("one.vm.action", (SESSION, "terminate" + " " * 60_000, 7)),
    b"<methodCall " + b" ".join(b'a%d="x"' % n for n in range(9000)) + b">",
    b"<methodCall>" + b"\n" * 60_000,
    b"<?xml version='1.0'?>" + b"<!-- -->" * 9000,
]


def test_200_connections_that_pump_each_field_are_answered(
    one: Cloud, open_to_many: Running
) -> None:
    requests = [head + b"\r\n\r\n" for head in HEADS] + [post(body) for body in BODIES]
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(connect(open_to_many)) for _ in range(200)]
        for number, connection in enumerate(held):
            with contextlib.suppress(OSError):  # refused before all of it was sent
                connection.sendall(requests[number % len(requests)])
        for connection in held:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
            got = answer(connection)
            assert got == b"" or got.split()[1][:1] in (b"2", b"4")
            assert b"<boolean>1</boolean>" not in got
    assert one.double.calls == []
    assert health(open_to_many)["status"] == "ok"
    assert open_to_many.memory("VmHWM") < MOST


def test_those_who_find_no_place_are_not_served_one_after_the_other(
    one: Cloud, tmp_path: Path
) -> None:
    """Of many connections that one address makes at once: others wait behind the work on each."""
    with running(tmp_path, one.double.url) as gate, contextlib.ExitStack() as stack:
        gate.process.send_signal(signal.SIGSTOP)  # all of them wait when it goes on
        for _ in range(200):
            stack.enter_context(connect(gate, "127.0.0.2")).sendall(HEADS[0] + b"\r\n\r\n")
        gate.process.send_signal(signal.SIGCONT)
        counts = health(gate)["counts"]
    assert isinstance(counts, dict)
    assert counts["too-many-connections"] > 50
    assert counts["no-call"] < 150


def health(gate: Running) -> dict[str, object]:
    with urllib.request.urlopen(gate.url.replace("/RPC2", "/health")) as reply:
        found: dict[str, object] = json.load(reply)
        return found


def test_a_gigabyte_of_packed_nothing_is_not_unpacked() -> None:
    packed = base64.b64encode(packed_nothing(1024)).decode()
    with pytest.raises(B2ctError, match="USERDATA_ENCODING"):
        userdata.decode({"USERDATA": packed, "USERDATA_ENCODING": "base64"})


@pytest.mark.parametrize(
    "data",
    [
        packed_nothing(256),
        gzip.compress(b"#cloud-config\nl: [" + b"a," * 30_000 + b"]"),
        gzip.compress(b"#cloud-config\nl: " + b"[" * 30_000),
        gzip.compress(
            b"#cloud-config\na0: &a0 {b: c}\n"
            + b"".join(b"a%d: &a%d {<<: [*a%d, *a%d]}\n" % (n + 1, n + 1, n, n) for n in range(40))
        ),
    ],
    ids=["nothing", "many", "deep", "merged"],
)
def test_user_data_that_costs_is_refused(data: bytes, one: Cloud, open_to_many: Running) -> None:
    """By many at once: none makes a VM, and the memory has its bound."""
    answers: list[bytes] = []
    body = instantiation(coded(data), template=one.template)

    def ask() -> None:
        with connect(open_to_many) as connection:
            connection.sendall(body)
            answers.append(answer(connection))

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 16
    assert all(b"<boolean>0</boolean>" in got for got in answers)
    assert set(one.double.calls) == {"one.template.info"}
    assert open_to_many.memory("VmHWM") < MOST


@pytest.mark.parametrize(
    "text", ['CONTEXT=[USERDATA="%"', "A=b " * 10_000, coded(packed_nothing(64))]
)
def test_the_password_is_asked_about_before_the_text_is_read(
    text: str, one: Cloud, gate: Running
) -> None:
    """oned answers that it is wrong; nobody looked at what else is wrong with the call."""
    with connect(gate) as connection:
        connection.sendall(instantiation(text, "dirac:guess", one.template))
        assert b"<i4>256</i4>" in answer(connection)
    assert one.double.calls == ["one.template.info"]


def test_of_a_long_call_the_beginning_is_read_first(one: Cloud, gate: Running) -> None:
    whole = message.call(
        "one.template.instantiate", (SESSION, one.template, "vm", False, "#" * 20_000 + "\n")
    )
    broken = whole.replace(b"</params>", b"</param>")
    for body, calls in ((broken.replace(b"pilot-secret", b"guess"), 1), (broken, 1), (whole, 2)):
        one.forget_calls()
        with connect(gate) as connection:
            connection.sendall(post(body, "Connection: close"))
            got = answer(connection)
        assert one.double.calls[:1] == ["one.template.info"]
        assert len(one.double.calls) == calls
        assert (b"faultCode" in got) == (b"pilot-secret" in body and body is broken)


def test_the_beginning_of_a_long_call_says_whose_it_is() -> None:
    values: tuple[Value, ...] = (SESSION, 7, "vm", False)
    body = message.call("one.template.instantiate", (*values, "é" * message.BEGINNING))
    assert message.beginning(body).values == values
    with pytest.raises(Malformed):
        message.beginning(b"<methodCall " + b"a" * message.BEGINNING)


def test_other_long_calls_are_refused(one: Cloud, gate: Running) -> None:
    body = message.call("one.vmpool.info", (SESSION, -2, 0, -1, -1))
    padded = body.replace(b"</params>", b" " * message.BEGINNING + b"</params>")
    with connect(gate) as connection:
        connection.sendall(post(padded, "Connection: close"))
        assert b"too long" in answer(connection)
    assert one.double.calls == []


def test_health_is_limited_as_calls_are(one: Cloud, tmp_path: Path) -> None:
    limits = {"burst": 3, "calls_per_second": 0.1, "longest_wait": 0}
    with running(tmp_path, one.double.url, limits=limits) as gate:
        codes = []
        for _ in range(6):
            with connect(gate) as connection:
                connection.sendall(b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n")
                codes.append(answer(connection).split()[1])
    assert codes == [b"200"] * 3 + [b"429"] * 3


def test_requests_that_are_none_cannot_fill_the_audit_log(one: Cloud, tmp_path: Path) -> None:
    """They would rotate away what the log is for."""
    limits = {"burst": 5, "calls_per_second": 0.1, "longest_wait": 0}
    with running(tmp_path, one.double.url, limits=limits) as gate:
        for _ in range(30):
            with connect(gate) as connection:
                connection.sendall(b"nonsense\r\n\r\n")
                answer(connection)
        assert 3 <= len(gate.records()) <= 6


@pytest.mark.parametrize("head", HEADS)
def test_pumped_heads_are_no_requests(head: bytes) -> None:
    with contextlib.suppress(http.BadRequest):
        assert http.parse_head(head[: http.HEAD] + b"\r\n\r\n").length is None


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        (b"Host: x", b"host", b"x"), (b"A:", b"a", b""), (b"A: \t b c \t", b"a", b"b c"),
        (b"A: \xe9", b"a", b"\xe9"), (b"A:b:c", b"a", b"b:c"),
    ],
)  # fmt: skip
def test_a_header_is_read(line: bytes, name: bytes, value: bytes) -> None:
    assert http._header(line) == (name, value)


@pytest.mark.parametrize(
    "line",
    [b"", b"A", b": b", b"A : b", b" A: b", b"A: \x01", b"A: b\rC: d", b"A: \x7f", b"A\xe9: b",
     b"a" * 65 + b": b"],
)  # fmt: skip
def test_what_is_no_header_is_refused(line: bytes) -> None:
    with pytest.raises(http.BadRequest):
        http._header(line)
