"""A node over ssh: one connection, one persistent shell of root on it, by paramiko.

A connection that breaks is made again once; a command that hangs is killed with all it started,
and the next one gets a new shell on the same connection.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from b2ct.ssh.answer import (
    LARGEST,
    Answer,
    CommandTimeoutError,
    LostError,
    UnreachableError,
)
from b2ct.ssh.door import Door
from b2ct.ssh.refused import in_words, short
from b2ct.ssh.shell import EndedError, Shell
from b2ct.ssh.streams import ChannelStreams
from b2ct.ssh.target import Target

if TYPE_CHECKING:
    import paramiko


_PIECE = 1 << 15
"""Bytes that are sent at a time."""


class SshNode:
    """A node that answers commands, as root. One thread at a time asks."""

    def __init__(self, door: Door, target: Target) -> None:
        """Connects. Raises UnreachableError."""
        self.name = target.node or target.host
        self.lost = ""
        self._door = door
        self._target = target
        self._ssh: paramiko.SSHClient | None = None
        self._shell: Shell | None = None
        self._closed = False
        self._renewed = False
        self._connect()

    def run(self, command: str, seconds: float | None = None) -> Answer:
        """What a shell command answers. Raises LostError, CommandTimeoutError."""
        seconds = self._door.times.command if seconds is None else seconds
        try:
            return self._run(command, seconds)
        except EndedError as ended:
            self._renew(str(ended))
        try:
            return self._run(command, seconds)
        except EndedError as ended:
            raise self._lost(str(ended)) from ended

    def feed(
        self,
        command: str,
        data: bytes,
        seconds: float,
        advance: Callable[[int], None] = lambda _count: None,
    ) -> Answer:
        """What a shell command answers that reads `data` from its standard input.

        Its two streams come as one. `advance` is told the bytes that went. Raises LostError,
        CommandTimeoutError.
        """
        end = time.monotonic() + seconds
        try:
            channel = self._channel(self._as_root(f"sh -c {shlex.quote(command)}"))
            channel.set_combine_stderr(True)
            channel.settimeout(seconds)
            self._pour(channel, data, advance)
            said = channel.makefile("rb").read(LARGEST)
            if not channel.status_event.wait(max(end - time.monotonic(), 0.001)):
                raise TimeoutError
        except TimeoutError:
            raise CommandTimeoutError(
                f"`{_one_line(command)}` did not end within {seconds:g} s"
            ) from None
        except (EndedError, OSError, EOFError) as err:
            raise self._lost(str(err) or "it was closed") from err
        with closing(channel):
            return Answer(channel.recv_exit_status(), said, b"")

    @staticmethod
    def _pour(channel: paramiko.Channel, data: bytes, advance: Callable[[int], None]) -> None:
        """Send it all; a command that ended before has its reason to, and that is read next."""
        with suppress(OSError):
            for start in range(0, len(data), _PIECE):
                piece = data[start : start + _PIECE]
                channel.sendall(piece)
                advance(len(piece))
            channel.shutdown_write()

    def tunnel(self, host: str, port: int) -> paramiko.Channel:
        """A connection from the node to a port that it reaches. Raises UnreachableError."""
        import paramiko

        transport = self._ssh.get_transport() if self._ssh else None
        if transport is None or not transport.is_active():
            raise self._lost("it was closed")
        try:
            return transport.open_channel(
                "direct-tcpip", (host, port), ("127.0.0.1", 0), timeout=self._door.times.connect
            )
        except (paramiko.SSHException, EOFError, OSError) as err:
            reason = err.text if isinstance(err, paramiko.ChannelException) else short(err)
            raise UnreachableError(
                f"port {port} of {host} cannot be reached from {self.name}: {reason.lower()}",
                hint=f"ssh {self._target} ss -ltn; its sshd needs AllowTcpForwarding",
            ) from err

    def close(self) -> None:
        """Give the connection back."""
        self._closed = True
        if self._ssh is not None:
            self._ssh.close()

    def _run(self, command: str, seconds: float) -> Answer:
        if self._shell is None:
            self._shell = self._open_shell()
        try:
            return self._shell.run(command, seconds)
        except TimeoutError:
            shell, self._shell = self._shell, None
            self._kill(shell)
            raise CommandTimeoutError(
                f"`{_one_line(command)}` did not end within {seconds:g} s"
            ) from None
        except EndedError:
            self._shell = None
            raise

    def _connect(self) -> None:
        self._ssh = self._door.connect(self._target)
        try:
            self._shell = self._open_shell()
        except EndedError as ended:
            self._ssh.close()
            raise self._no_shell(str(ended)) from ended
        except BaseException:
            self._ssh.close()
            raise

    def _open_shell(self) -> Shell:
        seconds = self._door.times.connect
        try:
            channel = self._channel(self._as_root("sh"))
            shell = Shell(ChannelStreams(channel), seconds)
        except TimeoutError as err:
            raise EndedError(f"no shell answered within {seconds:g} s") from err
        if shell.uid != 0:
            raise EndedError(f"commands run as the user with number {shell.uid}, not as root")
        return shell

    def _as_root(self, words: str) -> str:
        # `exec`: whatever the login shell is, it knows that, and no process waits for nothing.
        return f"exec {words}" if self._target.user == "root" else f"exec sudo -n -- {words}"

    def _channel(self, command: str) -> paramiko.Channel:
        import paramiko

        transport = self._ssh.get_transport() if self._ssh else None
        if transport is None:
            raise EndedError("the connection was closed")
        try:
            channel = transport.open_session(timeout=self._door.times.connect)
            channel.exec_command(command)
        except (paramiko.SSHException, EOFError, OSError) as err:
            raise EndedError(short(err)) from err
        return channel

    def _kill(self, shell: Shell) -> None:
        """End a command that hangs, with all that it started; what cannot be killed is left."""
        with suppress(EndedError, OSError):
            channel = self._channel(self._as_root(f"kill -KILL -- -{shell.group}"))
            channel.status_event.wait(self._door.times.connect)
            channel.close()

    def _renew(self, why: str) -> None:
        """Connect again, once in a run: who loses it twice is not to be asked further."""
        if self._closed or self._renewed:
            raise self._lost(why)
        self._renewed = True
        if self._ssh is not None:
            self._ssh.close()
        try:
            self._connect()
        except UnreachableError as err:
            raise self._lost(f"{why}; then {err}") from err

    def _lost(self, why: str) -> LostError:
        self.lost = f"the connection to {self.name} was lost: {why}"
        return LostError(
            self.lost,
            hint=f"does `ssh {self._target}` work, and stay? Then run this again",
        )

    def _no_shell(self, said: str) -> UnreachableError:
        said = in_words(said)
        if self._target.user == "root":
            return UnreachableError(
                f"{self._target.host} lets us in, but gives no shell: {said}",
                hint=f"does `ssh {self._target} id` work?",
            )
        return UnreachableError(
            f"{self._target.user} may not become root on {self._target.host}: {said}",
            hint="sudo must ask for neither password nor terminal there: "
            f"printf '%s\\n' 'Defaults:{self._target.user} !requiretty' "
            f"'{self._target.user} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/b2ct; or log in as"
            " root with --user root",
        )


def _one_line(command: str) -> str:
    text = " ".join(command.split())
    return text if len(text) <= 80 else f"{text[:77]}..."
