"""Logging in to a VM that started a moment ago: nobody can know its host key yet."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from b2ct.core.errors import B2ctError
from b2ct.core.sshkey import OneTimeKey

if TYPE_CHECKING:
    import paramiko

USER = "root"
LARGEST = 1 << 16
"""Bytes of what a command says that are kept."""
_QUIET = logging.getLogger(__name__)
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False
Connect = Callable[[], "socket.socket | paramiko.Channel"]
"""Makes a connection to the VM's sshd. Raises OSError or B2ctError."""


class NotYetError(Exception):
    """The VM lets nobody in yet; the message says why."""


@dataclass(frozen=True)
class Patience:
    """Seconds for one try."""

    banner: float = 10.0
    """For sshd to say what it is."""
    login: float = 10.0
    """For it to take the key."""


class Shell:
    """A root shell in a VM."""

    def __init__(self, transport: paramiko.Transport, seconds: float) -> None:
        self._transport = transport
        self._seconds = seconds

    def run(self, command: str, seconds: float = 60.0) -> tuple[int, str]:
        """Exit code and output (standard error included) of a shell command.

        Raises B2ctError when the connection breaks or the time is over.
        """
        import paramiko

        try:
            channel = self._transport.open_session(timeout=self._seconds)
            channel.settimeout(seconds)
            channel.exec_command(f"exec 2>&1; {command}")
            text = channel.makefile("rb").read(LARGEST)
            # What a command says beyond that is thrown away, so that it can end.
            while channel.recv(LARGEST):
                pass
            code = channel.recv_exit_status()
        except (OSError, EOFError, paramiko.SSHException) as err:
            raise B2ctError(
                f"the connection to the VM broke during `{command}`: {err or type(err).__name__}"
            ) from err
        return code, text.decode(errors="replace").strip()

    def close(self) -> None:
        """End the connection."""
        self._transport.close()


def log_in(connect: Connect, key: OneTimeKey, patience: Patience | None = None) -> Shell:
    """One try. Raises NotYetError."""
    import paramiko

    patience = patience or Patience()
    transport = None
    try:
        transport = _transport(connect, patience)
        transport.auth_publickey(USER, key.key)
    except B2ctError as err:
        raise NotYetError(err.message) from err
    except (OSError, EOFError, paramiko.SSHException) as err:
        if transport is not None:
            transport.close()
        refused = isinstance(err, paramiko.AuthenticationException)
        said = "it does not take the key that its context gave it" if refused else str(err)
        raise NotYetError(said or type(err).__name__) from err
    return Shell(transport, patience.login)


def methods_offered(connect: Connect, patience: Patience | None = None) -> tuple[str, ...]:
    """The ways in which sshd would let root in, as it tells who has nothing to show.

    Raises B2ctError when it does not answer.
    """
    import paramiko

    try:
        transport = _transport(connect, patience or Patience())
        try:
            transport.auth_none(USER)
        except paramiko.BadAuthenticationType as err:
            return tuple(err.allowed_types)
        finally:
            transport.close()
    except (OSError, EOFError, paramiko.SSHException) as err:
        raise B2ctError(f"sshd does not say how one may log in: {err}") from err
    return ("none",)


def _transport(connect: Connect, patience: Patience) -> paramiko.Transport:
    import paramiko

    transport = paramiko.Transport(connect())
    # While the VM starts, paramiko would write a traceback to the terminal at every try.
    transport.set_log_channel(_QUIET.name)
    transport.banner_timeout = patience.banner
    transport.auth_timeout = patience.login
    try:
        transport.start_client(timeout=patience.banner)
    except BaseException:
        transport.close()
        raise
    return transport
