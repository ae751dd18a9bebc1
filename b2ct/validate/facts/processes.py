"""How many processes and threads there are, and how many there may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from b2ct.validate.facts import sections

if TYPE_CHECKING:
    from testinfra.host import Host

MANY_DEAD = 50
"""Zombies from which they are mentioned: some come and go on every machine."""
_QUESTIONS = {
    "dead": "ps -eo stat=,ppid= | awk '$1 ~ /^Z/ {print $2}' | sort | uniq -c | sort -rn"
    " | head -n 1",
    "zombies": "ps -eo stat= | grep -c '^Z'",
    "all": "ps -eLo pid= | wc -l",
    "most": "cat /proc/sys/kernel/pid_max /proc/sys/kernel/threads-max | sort -n | head -n 1",
    "oneadmin": "ps -Lu oneadmin -o pid= | wc -l",
    "limit": "runuser -u oneadmin -- bash -c 'ulimit -u'",
}
_PARENT = "ps -o unit= -o comm= -p {pid}"


@dataclass(frozen=True)
class Processes:
    """What there is."""

    zombies: int
    parent: str
    """Who left most of them behind, with its number."""
    unit: str
    """The service of that one; empty: none."""
    counts: tuple[tuple[str, int, int], ...]
    """(whose, how many, at most): the machine and oneadmin; 0: no limit, or it is not told."""

    @staticmethod
    def raise_by(who: str) -> str:
        """What raises a limit."""
        return "a file of /etc/security/limits.d" if who == "oneadmin" else "sysctl kernel.pid_max"


def of(host: Host) -> Processes:
    """Ask the node; of dead processes also whose they are."""
    said = sections.ask(host, _QUESTIONS)
    zombies, words = _number(said["zombies"]), said["dead"].split()
    parent = unit = ""
    if zombies > MANY_DEAD and len(words) == 2 and words[1].isdigit():
        unit, _, name = host.run(_PARENT.format(pid=words[1])).stdout.strip().partition(" ")
        parent = f"{name.strip() or 'a program'} (process {words[1]})"
        unit = unit if unit.endswith(".service") and "@" not in unit else ""
    counts = (
        ("the machine", _number(said["all"]), _number(said["most"])),
        ("oneadmin", _number(said["oneadmin"]), _number(said["limit"])),
    )
    return Processes(zombies, parent, unit, counts)


def _number(text: str) -> int:
    return int(text) if text.strip().isdigit() else 0
