"""Does the gateway stay responsive? Beside large pools, and under clients that mean no good.

    .venv/bin/python benchmarks/gateway_load.py [--vms 1000 5000 14000] [--seconds 5] [--shared]

The gateway has the last core for itself. Those who make the load and play oned have the others,
where the client that measures goes first: on a site they are other machines. --shared lets all of
them meet on all cores. On a machine that does other things the gateway has to wait for its core:
"waited" is how much of the time it did, and the times are longer for it.

oned is one that answers at once, from memory, in a process of its own: what is measured is the
gateway. For each load it prints the median and the 99th percentile of small calls and of /health,
made one after the other meanwhile, and the gateway's memory at its worst: in all, and above what
it had before, as a multiple of the answer. The load "pumped" is 200 connections that send heads
and bodies with each field pumped, "packed" are calls with user data that holds a gigabyte of
nothing (what of it fits into a call) or thousands of YAML nodes.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import gzip
import multiprocessing
import os
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from b2ct.gateway import message  # noqa: E402
from b2ct.gateway.message import Success  # noqa: E402
from tests.gateway.process import SESSION, running  # noqa: E402
from tests.gateway.test_pumped import BODIES, HEADS, coded, instantiation, packed_nothing  # noqa: E402

LIMITS = {"calls_per_second": 10_000, "burst": 100_000}
"""Else the defaults: what is measured is not how it makes wait."""
Load = Callable[[int], None]
SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Row:
    """What was measured beside a load."""

    name: str
    calls: list[float]
    health: list[float]
    memory: float
    grown: float
    waited: float
    """Of the time, how much the gateway waited for a core."""


@dataclass(frozen=True)
class Cores:
    """Which has the gateway, and which the others have; the same where they are to meet."""

    gateway: set[int]
    others: set[int]

    @classmethod
    def of_this_machine(cls, *, shared: bool) -> Cores:
        """The last core for the gateway, where there are two and they are not to be shared."""
        there = sorted(os.sched_getaffinity(0))
        if shared or len(there) < 2:
            return cls(set(there), set(there))
        return cls({there[-1]}, set(there[:-1]))

    def told(self) -> str:
        """One line for the output."""
        if self.gateway == self.others:
            return f"gateway, load, oned and client share {len(self.others)} core(s)"
        return (
            f"the gateway has a core for itself; load, oned and client have {len(self.others)}, "
            "the load last"
        )


def main() -> None:
    """Parse the arguments, measure each load, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--vms", type=int, nargs="*", default=[1000, 5000, 14_000])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--shared", action="store_true")
    options = parser.parse_args()
    cores = Cores.of_this_machine(shared=options.shared)
    os.sched_setaffinity(0, cores.others)
    print(cores.told())
    print(
        f"{'load':16}{'calls ms':>10}{'p99':>8}{'/health ms':>12}{'p99':>8}{'waited':>8}{'MiB':>7}"
        "  grown by"
    )
    _told(_beside("idle", 10, None, options.seconds, cores), 0)
    for vms in options.vms:
        size = len(_answer(vms)) / 2**20
        _told(_beside(f"{vms} VMs", vms, _pool, options.seconds, cores), size)
    _told(_beside("pumped", 10, _pumped, options.seconds, cores), 0)
    _told(_beside("packed", 10, _packed, options.seconds, cores), 0)


def _told(row: Row, answer: float) -> None:
    def times(values: list[float]) -> str:
        last = statistics.quantiles(values, n=100)[-1] if len(values) > 2 else max(values)
        return f"{statistics.median(values) * 1000:10.1f}{last * 1000:8.1f}"

    grown = f"{row.grown:.0f} MiB"
    if answer:
        grown += f", {row.grown / answer:.1f} times the answer of {answer:.1f} MiB"
    print(
        f"{row.name:16}{times(row.calls)}  {times(row.health)}{row.waited:8.0%}{row.memory:7.0f}"
        f"  {grown}"
    )


def _beside(name: str, vms: int, load: Load | None, seconds: float, cores: Cores) -> Row:
    with (
        tempfile.TemporaryDirectory(prefix="b2ct-bench-") as folder,
        _oned(vms) as url,
        running(Path(folder), url, limits=LIMITS) as gate,
    ):
        for task in _tasks(gate.process.pid):
            os.sched_setaffinity(int(task.name), cores.gateway)
        _small(gate.port)
        before = gate.memory()
        # In a process of its own: it is not to take time from the one that measures.
        busy = SPAWN.Process(target=_again, args=(load, gate.port, cores), daemon=True)
        busy.start()
        time.sleep(1.5)
        calls, health = [], []
        waited = _waited(gate.process.pid)
        begun = time.monotonic()
        stop = begun + seconds
        while time.monotonic() < stop:
            calls.append(_timed(_small, gate.port))
            health.append(_timed(_health, gate.port))
            time.sleep(0.01)
        waited = (_waited(gate.process.pid) - waited) / (time.monotonic() - begun)
        busy.kill()
        busy.join()
        most = gate.memory("VmHWM")
        return Row(name, calls, health, most, most - before, waited)


def _tasks(process: int) -> list[Path]:
    """The threads of a process, and those that it makes later have their core from them."""
    return [*Path(f"/proc/{process}/task").iterdir()]


def _waited(process: int) -> float:
    """Seconds for which the first thread, which answers, could have run and had no core."""
    _, waited, _ = Path(f"/proc/{process}/task/{process}/schedstat").read_text().split()
    return int(waited) / 1e9


def _again(load: Load | None, port: int, cores: Cores) -> None:
    if cores.gateway != cores.others:
        os.nice(19)
    while load:
        with contextlib.suppress(OSError):
            load(port)


def _timed(ask: Callable[[int], None], port: int) -> float:
    start = time.perf_counter()
    ask(port)
    return time.perf_counter() - start


# what is asked


def _sent(port: int, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        connection.sendall(data)
        pieces = []
        while piece := connection.recv(1 << 18):
            pieces.append(piece)
        return b"".join(pieces)


def _post(body: bytes) -> bytes:
    head = (
        "POST /RPC2 HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _small(port: int) -> None:
    body = message.call("one.vm.info", (SESSION, 0))
    assert b"<boolean>1</boolean>" in _sent(port, _post(body))


def _health(port: int) -> None:
    assert b'"status": "ok"' in _sent(port, b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n")


def _pool(port: int) -> None:
    body = message.call("one.vmpool.info", (SESSION, -2, -1, -1, -1))
    assert _sent(port, _post(body)).endswith(b"</methodResponse>\n")


REQUESTS = [head + b"\r\n\r\n" for head in HEADS] + [_post(body) for body in BODIES]


def _pumped(port: int) -> None:
    """200 connections of another address, each with a field pumped, held until all have sent."""
    with contextlib.ExitStack() as stack:
        for number in range(200):
            connection = stack.enter_context(
                socket.create_connection(("127.0.0.1", port), 60, ("127.0.0.2", 0))
            )
            with contextlib.suppress(OSError):
                connection.sendall(REQUESTS[number % len(REQUESTS)])


COSTLY = [
    instantiation(coded(packed_nothing(256))),
    instantiation(coded(gzip.compress(b"#cloud-config\nl: [" + b"a," * 30_000 + b"]"))),
    instantiation(coded(gzip.compress(b"#cloud-config\nl: [" + b"a," * 4000 + b"]"))),
    instantiation(coded(gzip.compress(base64.b64encode(bytes(range(256)) * 180)))),
]


def _packed(port: int) -> None:
    threads = [threading.Thread(target=_sent, args=(port, data)) for data in COSTLY * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# an oned that answers at once


def _vm(number: int, state: int) -> str:
    return (
        f"<VM><ID>{number}</ID><UID>2</UID><GID>100</GID><UNAME>dirac</UNAME><GNAME>dirac</GNAME>"
        f"<NAME>VMDIRAC3_{number}</NAME><LAST_POLL>0</LAST_POLL><STATE>{state}</STATE>"
        "<LCM_STATE>3</LCM_STATE><RESCHED>0</RESCHED><STIME>1790000000</STIME><ETIME>0</ETIME>"
        "<DEPLOY_ID>x</DEPLOY_ID><TEMPLATE><CPU><![CDATA[1]]></CPU><MEMORY><![CDATA[2048]]></MEMORY>"
        "<NIC><IP><![CDATA[10.0.0.7]]></IP><MAC><![CDATA[02:00:0a:00:00:07]]></MAC></NIC>"
        "<GRAPHICS><PORT><![CDATA[5907]]></PORT></GRAPHICS></TEMPLATE><USER_TEMPLATE>"
        "<B2CT_DIRAC><![CDATA[one.example.org]]></B2CT_DIRAC><LABELS><![CDATA[b2ct,dirac]]></LABELS>"
        "</USER_TEMPLATE><HISTORY_RECORDS><HISTORY><OID>7</OID><SEQ>0</SEQ><HOSTNAME>hv01</HOSTNAME>"
        "<HID>1</HID><CID>0</CID><DS_ID>0</DS_ID></HISTORY></HISTORY_RECORDS></VM>"
    )


def _answer(vms: int) -> bytes:
    pool = "".join(_vm(n, 6 if n % 3 == 0 else 3) for n in range(vms))
    return b"".join(message.answer(Success(f"<VM_POOL>{pool}</VM_POOL>")))


TEMPLATE = (
    "<VMTEMPLATE><ID>0</ID><UID>0</UID><GID>0</GID><UNAME>oneadmin</UNAME><GNAME>oneadmin</GNAME>"
    "<NAME>b2ct-worker</NAME><TEMPLATE><CPU>1</CPU><MEMORY>2048</MEMORY>"
    "<CONTEXT><NETWORK>YES</NETWORK></CONTEXT></TEMPLATE></VMTEMPLATE>"
)


@contextlib.contextmanager
def _oned(vms: int) -> Iterator[str]:
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=_served, args=(vms, theirs), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}/RPC2"
    finally:
        process.kill()
        process.join()


def _served(vms: int, port: Any) -> None:
    answers = {
        b"one.vmpool.info<": _answer(vms),
        b"one.vm.info<": b"".join(message.answer(Success(_vm(0, 3)))),
        b"one.template.info<": b"".join(message.answer(Success(TEMPLATE))),
        b"one.template.instantiate<": b"".join(message.answer(Success(7))),
    }
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    port.send(listener.getsockname()[1])
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_answered, args=(connection, answers), daemon=True).start()


def _answered(connection: socket.socket, answers: dict[bytes, bytes]) -> None:
    with connection, contextlib.suppress(OSError):
        asked = b""
        while b"</methodCall>" not in asked:
            piece = connection.recv(1 << 16)
            if not piece:
                return
            asked += piece
        body = next(answer for method, answer in answers.items() if method in asked)
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode() + body)


if __name__ == "__main__":
    main()
