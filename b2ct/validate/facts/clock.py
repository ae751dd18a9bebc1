"""The time service's own word, by `chronyc -c`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testinfra.host import Host


@dataclass(frozen=True)
class Tracking:
    """What chronyd follows."""

    source: str
    stratum: int
    offset: float
    """Seconds between system time and NTP time."""
    leap: str
    """`Normal`, or `Not synchronised`."""

    @property
    def synchronised(self) -> bool:
        """It follows a source."""
        return "not sync" not in self.leap.lower()


def of(host: Host) -> Tracking | None:
    """None where chronyd does not answer."""
    done = host.run("chronyc -n -c tracking")
    return parse(done.stdout) if done.rc == 0 else None


def parse(text: str) -> Tracking | None:
    """The one line of `tracking`; None for something else."""
    words = text.strip().split(",")
    try:
        return Tracking(words[1], int(words[2]), abs(float(words[4])), words[13])
    except (IndexError, ValueError):
        return None
