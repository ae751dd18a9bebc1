"""Talking to a monitor: a stand-in that listens late, and one that is gone."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.firmware import monitor


def answer(server: socket.socket, delay: float) -> None:
    time.sleep(delay)
    server.listen()
    connection, _ = server.accept()
    with connection:
        connection.sendall(b"QEMU 7.2\r\n(qemu) ")
        word = connection.recv(100)
        connection.sendall(b"you said " + word + b"(qemu) ")


def test_a_monitor_that_listens_a_moment_late_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "monitor"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        thread = threading.Thread(target=answer, args=(server, 0.2))
        thread.start()
        assert monitor.say(path, "info version") == "you said info version\n"
        thread.join()


def test_a_monitor_that_is_gone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "_GRACE", 0.1)
    path = tmp_path / "monitor"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    for where in (path, tmp_path / "none"):
        with pytest.raises(B2ctError, match="QEMU's monitor does not answer"):
            monitor.say(where, "info version")
