"""Many commands through one `sh`: its standard input takes them, and marks part the answers.

Each command runs in a subshell without standard input, so that neither a syntax error nor `exit`
ends the shell. After it, a random mark goes to standard output (with the exit code) and another to
standard error: all before them belongs to the command.
"""

from __future__ import annotations

import re
import secrets
import shlex
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from b2ct.ssh.answer import LARGEST, Answer

PRELUDE = 'export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"; unset HISTFILE\n'
ASK_GROUP = "id -u; cut -d' ' -f5 /proc/self/stat"
"""Who we are, and the process group that has to be killed to end what hangs."""


class EndedError(Exception):
    """The shell, or the line to it, has ended; the message is what it said last."""


class Streams(Protocol):
    """The other end: the two output streams of a shell, and its input."""

    def send(self, data: bytes) -> None:
        """All of it, or EndedError."""
        ...

    def receive(self, seconds: float) -> tuple[bytes, bytes]:
        """What has come on standard output and error; waits so long for something.

        Nothing at all: the time is over. Raises EndedError when both have ended.
        """
        ...


@dataclass
class _Collected:
    """One stream until its mark: the first LARGEST bytes are kept."""

    mark: re.Pattern[bytes]
    kept: bytearray = field(default_factory=bytearray)
    rest: bytes = b""
    """What may still become the mark."""
    cut: bool = False
    found: re.Match[bytes] | None = None

    def feed(self, data: bytes, longest_mark: int) -> None:
        if self.found:
            return  # of a process that goes on in the background
        text = bytes(self.rest) + data
        self.found = self.mark.search(text)
        sure = self.found.start() if self.found else max(len(text) - longest_mark, 0)
        room = LARGEST - len(self.kept)
        self.kept += text[: min(sure, room)]
        self.cut = self.cut or sure > room
        self.rest = b"" if self.found else text[sure:]


class Shell:
    """A running `sh` at the other end of `streams`."""

    def __init__(self, streams: Streams, seconds: float) -> None:
        """Raises EndedError where there is no shell, TimeoutError where it does not answer."""
        self._streams = streams
        self._token = f"b2ct-{secrets.token_hex(12)}-"
        self._number = 0
        self._send(PRELUDE)
        # The last two: a login shell's greeting may stand before them.
        words = self.run(ASK_GROUP, seconds).stdout.split()[-2:]
        if len(words) != 2 or not all(word.isdigit() for word in words):
            raise EndedError("what answers there is no shell of Linux")
        self.uid, self.group = (int(word) for word in words)

    def run(self, command: str, seconds: float) -> Answer:
        """What a command answers. Raises EndedError, or TimeoutError: then the shell is lost."""
        self._number += 1
        mark = f"{self._token}{self._number}:"
        self._send(
            f"( eval {shlex.quote(command)} ) </dev/null; "
            f"printf '%s%s;' {mark} \"$?\"; printf '%s;' {mark} >&2\n"
        )
        out = _Collected(re.compile(re.escape(mark.encode()) + rb"(\d+);"))
        err = _Collected(re.compile(re.escape(mark.encode()) + rb";"))
        end = time.monotonic() + seconds
        while not (out.found and err.found):
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError
            try:
                for stream, data in zip((out, err), self._streams.receive(left), strict=True):
                    if data:
                        stream.feed(data, len(mark) + 8)
            except EndedError as ended:
                said = bytes(err.kept + err.rest) or bytes(out.kept + out.rest)
                raise EndedError(last_line(said) or str(ended)) from ended
        code = int(out.found[1])
        return Answer(code, bytes(out.kept), bytes(err.kept), out.cut or err.cut)

    def _send(self, text: str) -> None:
        # Who has gone has perhaps said why: that is read before the end is told.
        with suppress(EndedError):
            self._streams.send(text.encode(errors="surrogateescape"))


def last_line(data: bytes) -> str:
    """The last line that says something, made printable."""
    lines = [line for line in data.decode(errors="replace").splitlines() if line.strip()]
    return "".join(c if c.isprintable() else "?" for c in lines[-1].strip())[:200] if lines else ""
