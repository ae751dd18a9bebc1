"""The streams of a paramiko channel, as the shell wants them."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from b2ct.ssh.refused import short
from b2ct.ssh.shell import EndedError

if TYPE_CHECKING:
    import paramiko

BLOCK = 1 << 16


class ChannelStreams:
    """The streams of a paramiko channel."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel
        self._news = threading.Event()
        # Waiting for both streams without a pair of file descriptors for each node.
        channel.in_buffer.set_event(self._news)
        channel.in_stderr_buffer.set_event(self._news)

    def send(self, data: bytes) -> None:
        """All of it. Raises EndedError."""
        import paramiko

        try:
            self._channel.sendall(data)
        except (OSError, EOFError, paramiko.SSHException) as err:
            raise EndedError(short(err)) from err

    def receive(self, seconds: float) -> tuple[bytes, bytes]:
        """What came on stdout and stderr; nothing after so long. Raises EndedError."""
        channel = self._channel
        end = time.monotonic() + seconds
        while not (channel.recv_ready() or channel.recv_stderr_ready()):
            if channel.closed or channel.eof_received:
                raise EndedError("it ended")
            if not self._news.wait(min(max(end - time.monotonic(), 0), 1.0)):
                if time.monotonic() >= end:
                    return b"", b""
                continue
            if not (channel.recv_ready() or channel.recv_stderr_ready()):
                self._news.clear()
        out = channel.recv(BLOCK) if channel.recv_ready() else b""
        err = channel.recv_stderr(BLOCK) if channel.recv_stderr_ready() else b""
        return out, err
