"""What lies between nodes: pings of a given size, log-ins of oneadmin, clocks."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from b2ct.validate.given import fresh

if TYPE_CHECKING:
    from testinfra.host import Host

HEADERS = 28
"""Bytes of an IPv4 and an ICMP header."""
SSH_SECONDS = 10
AT_ONCE = 16


@dataclass(frozen=True)
class Way:
    """From one node to an address of another, on one network."""

    network: str
    source: str
    target: str
    address: str
    size: int
    """Bytes of the largest packet that must get through."""


def ring(network: str, addresses: Mapping[str, str], size: int) -> tuple[Way, ...]:
    """Each node to the next one, the last to the first: every node sends and receives once."""
    names = list(addresses)
    if len(names) < 2:
        return ()
    pairs = zip(names, [*names[1:], names[0]], strict=True)
    return tuple(Way(network, a, b, addresses[b], size) for a, b in pairs)


def ping_command(ways: Sequence[Way]) -> str:
    """A line `ADDRESS small large` for each: `ok`, or what ping said."""
    asked = " ".join(f"{way.address}:{way.size - HEADERS}" for way in ways)
    return (
        f"for w in {asked}; do a=${{w%:*}}; s=${{w#*:}}; small=lost; large=lost;"
        " ping -n -q -c 1 -W 2 $a > /dev/null 2>&1 && small=ok;"
        " ping -n -q -c 2 -i 0.3 -W 2 -M do -s $s $a > /dev/null 2>&1 && large=ok;"
        ' echo "$a $small $large"; done'
    )


def pings(host: Host, ways: Sequence[Way]) -> dict[str, tuple[bool, bool]]:
    """Address -> (a small packet gets there, one of full size does). Equal for equal `ways`."""
    rows = (line.split() for line in host.run(ping_command(ways)).stdout.splitlines())
    return {row[0]: (row[1] == "ok", row[2] == "ok") for row in rows if len(row) == 3}


def log_in_command(targets: Sequence[str], *, through: str = "") -> str:
    """As oneadmin to all targets beside each other: a line `NAME ok` or `NAME why not`.

    `through`: from that node, with the key lent to it by an agent that ends with the command, as
    OpenNebula's own agent lends it.
    """
    # oneadmin's own settings count: known host keys only, no questions.
    ssh = f"ssh -o BatchMode=yes -o ConnectTimeout={SSH_SECONDS} -o LogLevel=ERROR"
    loop = (
        f"for t in {' '.join(targets)}; do"
        f' (e=$({ssh} $t true 2>&1 < /dev/null) && echo "$t ok" ||'
        ' echo "$t $(echo "$e" | tail -n 1)") &'
        " done; wait"
    )
    if through:
        far = loop.replace("'", "'\\''")
        loop = f"{ssh} -A {through} '{far}' < /dev/null"
    inner = f"ssh-add -q 2> /dev/null; {loop}".replace("'", "'\\''")
    return f"cd /; runuser -u oneadmin -- ssh-agent bash -c '{inner}'"


def log_ins(host: Host, targets: Sequence[str], *, through: str = "") -> dict[str, str]:
    """Target -> why oneadmin cannot log in there; empty: it can."""
    text = host.run(log_in_command(targets, through=through)).stdout
    found = dict.fromkeys(targets, "no answer")
    for line in text.splitlines():
        name, _, said = line.strip().partition(" ")
        if name in found:
            found[name] = "" if said == "ok" else said or "no reason given"
    return found


@dataclass(frozen=True)
class Reading:
    """A node's clock against this computer's, in seconds."""

    ahead: float
    unsure: float
    """By so much the reading may be wrong: half of the way there and back."""


def clock(host: Host) -> Reading | None:
    """The best of three readings."""
    found = []
    for _ in range(3):
        before = time.time()
        said = fresh(host, "date +%s.%N").stdout.strip()
        after = time.time()
        try:
            found.append(Reading(float(said) - (before + after) / 2, (after - before) / 2))
        except ValueError:
            return None
    return min(found, key=lambda one: one.unsure)
