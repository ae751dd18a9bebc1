"""Logging in to the VM: a key made for this trial only, and the wait until it opens the door."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from b2ct.core.errors import VerdictError
from b2ct.core.sshkey import OneTimeKey
from b2ct.ssh import fresh
from b2ct.ssh.fresh import NotYetError, Patience, Shell

if TYPE_CHECKING:
    from b2ct.image.trial.vm import Running

PAUSE = 1.0
"""Seconds between two tries."""
EMULATED = Patience(banner=30, login=60)
"""An emulated machine is slow."""


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
            return fresh.log_in(lambda: _greeted(vm), key, EMULATED)
        except NotYetError as err:
            said = str(err)
        waiting()
        time.sleep(PAUSE)
    raise VerdictError(
        f"nobody could log in within {timeout:g} s: {said}",
        hint="give it more --timeout, or look at its console with --consoles DIR",
    )


def methods_offered(vm: Running) -> tuple[str, ...]:
    """The ways in which sshd would let root in. Raises B2ctError when it does not answer."""
    return fresh.methods_offered(lambda: _connect(vm), EMULATED)


def _connect(vm: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", vm.ssh_port()), timeout=10)


def _greeted(vm: Running) -> socket.socket:
    """A connection, once sshd has said what it is: QEMU takes connections before the VM does."""
    try:
        with _connect(vm) as door:
            if not door.recv(4).startswith(b"SSH-"):
                raise NotYetError("nothing answers on its port 22")
    except OSError as err:
        raise NotYetError("nothing answers on its port 22") from err
    return _connect(vm)
