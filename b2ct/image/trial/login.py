"""Logging in to the VM: a key made for this trial only, and the wait until it opens the door."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from b2ct.core.errors import B2ctError, VerdictError
from b2ct.core.sshkey import OneTimeKey

if TYPE_CHECKING:
    import paramiko

    from b2ct.image.trial.vm import Running

PAUSE = 1.0
"""Seconds between two tries."""


class Shell:
    """A root shell in the VM."""

    def __init__(self, client: paramiko.SSHClient) -> None:
        self._client = client

    def run(self, command: str, *, timeout: float = 60.0) -> tuple[int, str]:
        """Exit code and output (standard error included) of a shell command.

        Raises B2ctError when the connection breaks or the time, in seconds, is over.
        """
        import paramiko

        try:
            _, out, _ = self._client.exec_command(f"exec 2>&1; {command}", timeout=timeout)
            text = out.read().decode(errors="replace")
            return out.channel.recv_exit_status(), text.strip()
        except (OSError, EOFError, paramiko.SSHException) as err:
            raise B2ctError(f"the connection to the VM broke during `{command}`: {err}") from err

    def close(self) -> None:
        """End the connection."""
        self._client.close()


def log_in(vm: Running, key: OneTimeKey, *, timeout: float, waiting: Callable[[], None]) -> Shell:
    """Wait until root may log in with the key. `waiting` is called between the tries.

    Raises VerdictError when the VM ends, its console tells of a failure, or `timeout` seconds are
    over.
    """
    end = time.monotonic() + timeout
    said = "nobody answered"
    while time.monotonic() < end:
        if failure := vm.failure():
            raise VerdictError(f"the VM did not start: {failure}")
        try:
            return _connect(_port(vm), key)
        except _Later as err:
            said = str(err)
        waiting()
        time.sleep(PAUSE)
    raise VerdictError(
        f"nobody could log in within {timeout:g} s: {said}",
        hint="give it more --timeout, or look at its console with --consoles DIR",
    )


class _Later(Exception):  # noqa: N818 - no error: it says that it is not time yet
    """Not yet."""


def _port(vm: Running) -> int:
    try:
        return vm.ssh_port()
    except B2ctError as err:  # QEMU itself is starting
        raise _Later(err.message) from err


def _connect(port: int, key: OneTimeKey) -> Shell:
    import paramiko

    _greeted(port)
    client = paramiko.SSHClient()
    # The VM made its host key a moment ago, nobody can know it.
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())  # noqa: S507 - on loopback
    try:
        client.connect(
            "127.0.0.1", port, "root", pkey=key.key, look_for_keys=False, allow_agent=False,
            timeout=10, banner_timeout=30, auth_timeout=60,
        )  # fmt: skip
    except (OSError, EOFError, paramiko.SSHException) as err:
        client.close()
        raise _Later(str(err) or type(err).__name__) from err
    return Shell(client)


def _greeted(port: int) -> None:
    """Wait for sshd's banner by ourselves: paramiko writes a traceback to the log without one."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as door:
            if not door.recv(4).startswith(b"SSH-"):
                raise _Later("nothing answers on its port 22")
    except OSError as err:
        raise _Later("nothing answers on its port 22") from err


def methods_offered(port: int) -> tuple[str, ...]:
    """The ways in which sshd would let root in, as it tells who has nothing to show.

    Raises B2ctError when it does not answer.
    """
    import paramiko

    try:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
            transport = paramiko.Transport(raw)
            try:
                transport.start_client(timeout=30)
                transport.auth_none("root")
            except paramiko.BadAuthenticationType as err:
                return tuple(err.allowed_types)
            finally:
                transport.close()
    except (OSError, EOFError, paramiko.SSHException) as err:
        raise B2ctError(f"sshd does not say how one may log in: {err}") from err
    return ("none",)
