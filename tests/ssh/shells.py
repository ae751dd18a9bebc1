"""A real `sh` on this machine behind the streams that ssh would give."""

from __future__ import annotations

import os
import selectors
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from b2ct.ssh.shell import EndedError, Streams


class PipeStreams:
    """The pipes of a process; `chunk` bytes at a time."""

    def __init__(self, process: subprocess.Popen[bytes], chunk: int = 1 << 16) -> None:
        self._process = process
        self._chunk = chunk
        self._selector = selectors.DefaultSelector()
        for number, pipe in enumerate((process.stdout, process.stderr)):
            assert pipe is not None
            self._selector.register(pipe, selectors.EVENT_READ, number)

    def send(self, data: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        except OSError as err:
            raise EndedError(str(err)) from err

    def receive(self, seconds: float) -> tuple[bytes, bytes]:
        found = [b"", b""]
        for key, _ in self._selector.select(seconds):
            found[key.data] = os.read(key.fd, self._chunk)
            if not found[key.data]:
                self._selector.unregister(key.fileobj)
        if not self._selector.get_map():
            raise EndedError("it ended")
        return found[0], found[1]


@contextmanager
def streams(*argv: str, chunk: int = 1 << 16) -> Iterator[Streams]:
    with subprocess.Popen(
        argv or ("sh",),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            yield PipeStreams(process, chunk)
        finally:
            process.kill()
            with suppress(OSError):
                assert process.stdin is not None
                process.stdin.close()
