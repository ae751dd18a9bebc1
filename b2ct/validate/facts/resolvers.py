"""Which name servers answer: each is asked by itself, as no tool for that is on every machine."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testinfra.host import Host

MOST = 3
"""Name servers that the resolver asks: MAXNS of resolv.conf(5)."""
_SECONDS = 3
# Who serves the root? Every name server has an answer, be it that it refuses (RFC 1035, 4.1).
_QUESTION = "\\x12\\x34\\x01\\x00\\x00\\x01" + "\\x00" * 6 + "\\x00\\x00\\x02\\x00\\x01"


def command(servers: Sequence[str]) -> str:
    """The shell command: a line for each that answers."""
    one = (
        f'exec 3<> /dev/udp/$1/53 && printf "{_QUESTION}" >&3'
        f' && [ -n "$(timeout {_SECONDS} head -c 1 <&3 | od -An -tx1)" ] && echo "$1"'
    )
    asked = " ".join(f"bash -c {shlex.quote(one)} ask {shlex.quote(s)} &" for s in servers)
    return f"{{ {asked} wait; }} 2> /dev/null"


def dead(host: Host, servers: Sequence[str]) -> tuple[str, ...]:
    """Those that do not answer in some seconds, twice: packets get lost."""
    living: set[str] = set()
    for again in ("", " # again"):
        asked = [server for server in servers if server not in living]
        if asked:
            living |= set(host.run(command(asked) + again).stdout.split())
    return tuple(server for server in servers if server not in living)
