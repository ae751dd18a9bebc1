"""Small servers on loopback that answer as they are told, one step for each connection."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from xmlrpc.client import dumps

from b2ct.one.endpoint import Endpoint

Step = Callable[[socket.socket, bytes], None]
"""Gets the connection and the request's body, when that has been read."""


@dataclass
class Server:
    """What a server got, and where it is."""

    port: int
    steps: list[Step]
    bodies: list[bytes] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)
    connections: int = 0

    def endpoint(self, *, scheme: str = "http", host: str = "127.0.0.1", **more: str) -> Endpoint:
        return Endpoint(
            f"{scheme}://{host}:{self.port}/RPC2", "oneadmin:geheim42", proxy="", **more
        )


def http(body: bytes, *, status: str = "200 OK", headers: Sequence[str] = ()) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(head).encode() + body


def answer(*values: object) -> bytes:
    """An XML-RPC answer as oned writes it: success, value, code."""
    return dumps((list(values),), methodresponse=True, allow_none=False).encode()


def good(value: object) -> Step:
    """Success."""
    return sends(http(answer(True, value, 0)))


def bad(code: int, text: str) -> Step:
    """A refusal."""
    return sends(http(answer(False, text, code, -1, -1)))


def sends(data: bytes) -> Step:
    def step(connection: socket.socket, _body: bytes) -> None:
        connection.sendall(data)

    return step


def cuts(data: bytes) -> Step:
    """Some bytes, and then a reset."""

    def step(connection: socket.socket, _body: bytes) -> None:
        connection.sendall(data)
        # With SO_LINGER 0 closing sends RST instead of FIN.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return step


def tunnels(port: int) -> Step:
    """A proxy that lets CONNECT through, to that port on this machine whatever was asked."""

    def pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def step(connection: socket.socket, _body: bytes) -> None:
        with socket.create_connection(("127.0.0.1", port)) as target:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=pump, args=(target, connection), daemon=True)
            back.start()
            pump(connection, target)
            back.join()

    return step


@dataclass
class Hangs:
    """Sends a byte now and then, until the client goes away."""

    data: bytes = b""
    pause: float = 0.02
    left: threading.Event = field(default_factory=threading.Event)
    """The client has closed the connection before all was sent."""

    def __call__(self, connection: socket.socket, _body: bytes) -> None:
        connection.settimeout(self.pause)
        sent = 0
        for _ in range(2000):
            try:
                if connection.recv(1) == b"":
                    self.left.set()
                    return
            except TimeoutError:
                pass
            except OSError:
                self.left.set()
                return
            if sent < len(self.data):
                try:
                    connection.sendall(self.data[sent : sent + 1])
                except OSError:
                    self.left.set()
                    return
                sent += 1


@contextmanager
def serving(
    *steps: Step,
    tls: ssl.SSLContext | None = None,
    address: tuple[str, int] = ("127.0.0.1", 0),
) -> Iterator[Server]:
    """A server that takes a step for each connection; when they are used up, the last one."""
    with socket.create_server(address) as listener:
        server = Server(listener.getsockname()[1], list(steps))
        threads: list[threading.Thread] = []
        stop = threading.Event()

        def accept() -> None:
            while not stop.is_set():
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                if stop.is_set():
                    connection.close()
                    return
                number = min(server.connections, len(server.steps) - 1)
                server.connections += 1
                one = threading.Thread(
                    target=_serve, args=(connection, server, server.steps[number], tls), daemon=True
                )
                one.start()
                threads.append(one)

        main = threading.Thread(target=accept, daemon=True)
        main.start()
        try:
            yield server
        finally:
            stop.set()
            with suppress(OSError), socket.create_connection(("127.0.0.1", server.port), 1):
                pass
            main.join()
            for one in threads:
                one.join()


def _serve(
    connection: socket.socket, server: Server, step: Step, tls: ssl.SSLContext | None
) -> None:
    with suppress(OSError), connection:
        connection.settimeout(20)
        if tls:
            connection = tls.wrap_socket(connection, server_side=True)
        head, body = _request(connection)
        server.heads.append(head)
        server.bodies.append(body)
        with connection:
            step(connection, body)


def _request(connection: socket.socket) -> tuple[bytes, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return data, b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        piece = connection.recv(65536)
        if not piece:
            break
        body += piece
    return head, body


def free_port() -> int:
    """A port where nobody listens (just now)."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
