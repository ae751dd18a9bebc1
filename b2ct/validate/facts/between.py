"""What lies between nodes: pings of a given size, log-ins of oneadmin, clocks."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from b2ct.validate.check import not_applicable
from b2ct.validate.given import fresh

if TYPE_CHECKING:
    from testinfra.host import Host

HEADERS = 28
"""Bytes of an IPv4 and an ICMP header."""
SSH_SECONDS = 10
AT_ONCE = 32
"""Nodes from which log-ins are tried beside each other."""


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
        "command -v ping > /dev/null || { echo no-ping; exit; };"
        f" for w in {asked}; do a=${{w%:*}}; s=${{w#*:}}; small=lost; large=lost;"
        " ping -n -q -c 1 -W 2 $a > /dev/null 2>&1 && small=ok;"
        " ping -n -q -c 2 -i 0.3 -W 2 -M do -s $s $a > /dev/null 2>&1 && large=ok;"
        ' echo "$a $small $large"; done'
    )


def pings(host: Host, ways: Sequence[Way]) -> dict[str, tuple[bool, bool]]:
    """Address -> (a small packet gets there, one of full size does). Equal for equal `ways`."""
    said = host.run(ping_command(ways)).stdout
    if "no-ping" in said:
        not_applicable("ping is not installed on a node (package iputils)")
    rows = (line.split() for line in said.splitlines())
    return {row[0]: (row[1] == "ok", row[2] == "ok") for row in rows if len(row) == 3}


def silent(host: Host, urls: Sequence[str]) -> tuple[str, ...]:
    """The web servers that give no answer of any kind, twice."""
    asked = " ".join(map(shlex.quote, urls))
    once = "curl -s --noproxy '*' -o /dev/null --max-time 5"
    text = f"for u in {asked}; do {once} $u || {once} $u || echo $u; done"
    return tuple(url for url in host.run(text).stdout.split() if url in urls)


def log_in_command(ways: Mapping[str, Sequence[str]]) -> str:
    """As oneadmin from each source to its targets: a line `SOURCE TARGET ok`, or why not.

    The source `-` is the node itself. From another one it goes with the key lent to it by an agent
    that ends with the command, as OpenNebula's own agent lends it.
    """
    asked = []
    for source, targets in ways.items():
        # oneadmin's own settings count: known host keys only, no questions.
        loop = (
            f"for t in {' '.join(targets)}; do"
            f" (e=$({_ssh(SSH_SECONDS)} $t true 2>&1 < /dev/null); c=$?;"
            ' [ $c = 124 ] && e="it lets nobody in within so many seconds";'
            f' [ $c = 0 ] && echo "{source} $t ok" ||'
            f' echo "{source} $t $(echo $e | tail -c 400)") &'
            " done; wait"
        )
        if source != "-":
            loop = f"{_ssh(2 * SSH_SECONDS)} -A {source} {shlex.quote(loop)} < /dev/null"
        asked.append(f"{{ {loop}; }} &")
    batches = [asked[i : i + AT_ONCE] for i in range(0, len(asked), AT_ONCE)]
    inner = "ssh-add -q 2> /dev/null; " + " wait; ".join(map(" ".join, batches)) + " wait"
    return f"cd /; runuser -u oneadmin -- ssh-agent bash -c {shlex.quote(inner)}"


def _ssh(seconds: int) -> str:
    # ConnectTimeout is for the connection alone: a log-in may hang after it.
    return f"timeout {seconds} ssh -o BatchMode=yes -o ConnectTimeout={seconds} -o LogLevel=ERROR"


def log_ins(
    host: Host, ways: Mapping[str, Sequence[str]], *, again: bool = False
) -> dict[tuple[str, str], str]:
    """(source, target) -> why oneadmin cannot log in there; empty: it can.

    `again`: tried anew, whatever was answered before.
    """
    found = {(source, target): "no answer" for source in ways for target in ways[source]}
    command = log_in_command(ways)
    done = fresh(host, command) if again else host.run(command)
    # Where not even the agent starts, none of the ways says anything.
    if not done.stdout.strip() and done.stderr.strip():
        found = dict.fromkeys(found, " ".join(done.stderr.split())[:300])
    for line in done.stdout.splitlines():
        source, _, rest = line.strip().partition(" ")
        target, _, said = rest.partition(" ")
        if (source, target) in found:
            found[source, target] = "" if said == "ok" else said or "no reason given"
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
