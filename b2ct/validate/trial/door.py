"""Logging in to a test VM, by way of a node that reaches its network."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address, ip_address
from typing import TYPE_CHECKING

from b2ct.core.sshkey import OneTimeKey
from b2ct.site import places
from b2ct.ssh import fresh
from b2ct.ssh.fresh import NotYetError, Shell

if TYPE_CHECKING:
    import paramiko

    from b2ct.site.model import Site
    from b2ct.validate.given import Hosts

PORT = 22
PAUSE = 1.0
SECONDS = 10.0
"""For one try."""
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
    control = places.control_of(site)
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


def log_in(the_ways: tuple[Way, ...], address: str, key: OneTimeKey, until: float) -> Shell | str:
    """Try until the time (of time.monotonic) is over; a text says why nobody got in."""
    said = "nobody answered on its port 22"
    while True:
        for way in the_ways:
            try:
                return fresh.log_in(partial(_connect, way, address), key)
            except NotYetError as err:
                said = f"{err} (from {way.node})"
        if time.monotonic() >= until:
            return said
        time.sleep(PAUSE)


def _connect(way: Way, address: str) -> socket.socket | paramiko.Channel:
    if way.connect:
        return way.connect(address, PORT)
    return socket.create_connection((address, PORT), timeout=SECONDS)
