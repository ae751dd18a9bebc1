"""QEMU's monitor for people (HMP) over a UNIX socket: enough to ask for a port and to press power.

https://www.qemu.org/docs/master/system/monitor.html. The machine protocol (QMP) would need a
library for the two words that are said here.
"""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path

from b2ct.core.errors import B2ctError

_PROMPT = b"(qemu) "
_GRACE = 2.0
"""Seconds for QEMU to begin to listen."""
_FORWARD = re.compile(r"TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s+\S+\s+(\d+)")


def say(path: Path, word: str, *, timeout: float = 20.0) -> str:
    """Give the monitor at `path` one command and return what it prints; seconds of patience.

    Raises B2ctError when there is no monitor, or it does not answer.
    """
    try:
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.settimeout(timeout)
            _connect(monitor, path)
            _read(monitor)
            monitor.sendall(word.encode() + b"\n")
            return _read(monitor)
    except OSError as err:
        raise B2ctError(f"QEMU's monitor does not answer: {err}") from err


def _connect(monitor: socket.socket, path: Path) -> None:
    """QEMU makes the socket's file a moment before it listens."""
    end = time.monotonic() + _GRACE
    while True:
        try:
            return monitor.connect(str(path))
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
        time.sleep(0.02)


def forwarded_port(path: Path, guest_port: int) -> int:
    """The port of this host that leads to a port of the guest (`hostfwd=tcp:127.0.0.1:0-:PORT`).

    Raises B2ctError when there is none.
    """
    for host, guest in _FORWARD.findall(say(path, "info usernet")):
        if int(guest) == guest_port:
            return int(host)
    raise B2ctError(f"QEMU forwards no port to port {guest_port} of the guest")


def _read(monitor: socket.socket) -> str:
    """What comes up to the next prompt."""
    data = b""
    while not data.endswith(_PROMPT):
        block = monitor.recv(1 << 16)
        if not block:
            break
        data += block
    return data.removesuffix(_PROMPT).decode(errors="replace")
