"""Who listens where, by `ss` of iproute."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testinfra.host import Host


@dataclass(frozen=True)
class Listening:
    """An open socket."""

    protocol: str
    address: str
    """`*` for all."""
    port: int

    @property
    def local(self) -> bool:
        """Only this machine reaches it."""
        try:
            return ip_address(self.address.partition("%")[0]).is_loopback
        except ValueError:
            return False


def of(host: Host) -> frozenset[Listening]:
    """All of TCP and UDP."""
    return parse(host.run("ss -lntu").stdout)


def parse(text: str) -> frozenset[Listening]:
    """The lines of `ss -lntu`; the head line is none of them."""
    found = set()
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 5 and words[0] in ("tcp", "udp"):
            address, _, port = words[4].rpartition(":")
            if port.isdigit():
                address = address.strip("[]").removeprefix("::ffff:")
                found.add(Listening(words[0], address, int(port)))
    return frozenset(found)


def tcp(listening: frozenset[Listening], port: int) -> list[Listening]:
    """Those on one TCP port."""
    return sorted(
        (one for one in listening if one.protocol == "tcp" and one.port == port),
        key=lambda one: one.address,
    )
