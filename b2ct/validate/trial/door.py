"""Logging in to a test VM, by way of a node that reaches its network."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from typing import TYPE_CHECKING

from b2ct.core.errors import B2ctError
from b2ct.core.sshkey import OneTimeKey
from b2ct.validate import expect

if TYPE_CHECKING:
    import paramiko

    from b2ct.site.model import Site
    from b2ct.validate.given import Hosts

PORT, USER = 22, "root"
PAUSE = 1.0
SECONDS = 10.0
"""For one try."""
LARGEST = 1 << 16
_QUIET = logging.getLogger(__name__)
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False
Connect = Callable[[str, int], "paramiko.Channel"]


@dataclass(frozen=True)
class Way:
    """A node from which the VM is reached."""

    node: str
    connect: Connect | None
    """None: the node is this computer."""


def ways(site: Site, hosts: Hosts, address: str) -> tuple[Way, ...]:
    """Nodes to try: those on the VM's own network first, then the control node, then the rest."""
    near: list[str] = []
    far: list[str] = []
    control = expect.control_of(site)
    for node in site.nodes:
        if node.name not in hosts:
            continue
        on = any(
            isinstance(interface.address, IPv4Address)
            and (network := site.networks.get(interface.network))
            and network.cidr
            and ip_address(address) in network.cidr
            for interface in node.interfaces
        )
        (near if on else far).append(node.name)
    far.sort(key=lambda name: name != (control.name if control else ""))
    # A hypervisor may have no address on the VMs' network, and a router between leads there.
    names = [*near[:2], *far[:2]]
    return tuple(Way(name, getattr(hosts[name].backend, "tunnel", None)) for name in names)


class Shell:
    """A root shell in a VM."""

    def __init__(self, transport: paramiko.Transport) -> None:
        self._transport = transport

    def run(self, command: str, seconds: float = 60.0) -> tuple[int, str]:
        """Exit code and output, errors included. Raises B2ctError when the connection breaks."""
        import paramiko

        try:
            channel = self._transport.open_session(timeout=SECONDS)
            channel.settimeout(seconds)
            channel.exec_command(f"exec 2>&1; {command}")
            text = channel.makefile("rb").read(LARGEST)
            code = channel.recv_exit_status()
        except (OSError, EOFError, paramiko.SSHException) as err:
            raise B2ctError(f"the connection to the VM broke: {err or type(err).__name__}") from err
        return code, text.decode(errors="replace").strip()

    def close(self) -> None:
        """End the connection."""
        self._transport.close()


def log_in(the_ways: tuple[Way, ...], address: str, key: OneTimeKey, until: float) -> Shell | str:
    """Try until the time (of time.monotonic) is over; a text says why nobody got in."""
    said = "nobody answered on its port 22"
    while True:
        for way in the_ways:
            try:
                return _connect(way, address, key)
            except _Later as err:
                said = f"{err} (from {way.node})"
        if time.monotonic() >= until:
            return said
        time.sleep(PAUSE)


class _Later(Exception):  # noqa: N818 - no error: it says that it is not time yet
    """Not yet."""


def _connect(way: Way, address: str, key: OneTimeKey) -> Shell:
    import socket

    import paramiko

    transport = None
    try:
        door = (
            way.connect(address, PORT)
            if way.connect
            else socket.create_connection((address, PORT), timeout=SECONDS)
        )
        transport = paramiko.Transport(door)
        # While the VM starts, paramiko would write a traceback to the terminal at every try.
        transport.set_log_channel(_QUIET.name)
        transport.banner_timeout = transport.auth_timeout = SECONDS
        # The VM made its host key a moment ago: nobody can know it yet.
        transport.start_client(timeout=SECONDS)
        transport.auth_publickey(USER, key.key)
    except B2ctError as err:
        raise _Later(err.message) from err
    except paramiko.AuthenticationException as err:
        _close(transport)
        raise _Later("it does not take the key that its context gave it") from err
    except (OSError, EOFError, paramiko.SSHException) as err:
        _close(transport)
        raise _Later(str(err) or type(err).__name__) from err
    return Shell(transport)


def _close(transport: paramiko.Transport | None) -> None:
    if transport is not None:
        transport.close()
