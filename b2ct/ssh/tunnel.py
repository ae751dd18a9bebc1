"""A port of this machine's loopback interface that leads to a port behind an ssh connection."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from b2ct.core.errors import B2ctError

if TYPE_CHECKING:
    import paramiko

BLOCK = 1 << 16
Opener = Callable[[str, int], "paramiko.Channel"]
"""Opens a connection to a host and port, as seen from over there."""


@contextmanager
def forwarded(opener: Opener, host: str, port: int) -> Iterator[int]:
    """Yield the number of a local port that leads there while the block lasts.

    Who speaks there still has to know the password, as with the port itself. The first connection
    is tried at once. Raises UnreachableError where nobody listens.
    """
    opener(host, port).close()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_accept, args=(listening, opener, host, port), daemon=True).start()
        try:
            yield listening.getsockname()[1]
        finally:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)


def _accept(listening: socket.socket, opener: Opener, host: str, port: int) -> None:
    with suppress(OSError):
        while True:
            here, _ = listening.accept()
            try:
                there = opener(host, port)
            except B2ctError:
                here.close()  # the client sees a connection that was closed, and says so
                continue
            for pump in (_upwards, _downwards):
                threading.Thread(target=pump, args=(here, there), daemon=True).start()


def _upwards(here: socket.socket, there: paramiko.Channel) -> None:
    with suppress(OSError, EOFError):
        while data := here.recv(BLOCK):
            there.sendall(data)
    with suppress(OSError, EOFError):
        there.shutdown_write()


def _downwards(here: socket.socket, there: paramiko.Channel) -> None:
    with suppress(OSError, EOFError):
        while data := there.recv(BLOCK):
            here.sendall(data)
    for end in (there, here):
        with suppress(OSError, EOFError):
            end.close()
