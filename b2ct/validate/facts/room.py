"""Room on file systems, by `df -P`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from b2ct.validate.facts import sections

if TYPE_CHECKING:
    from testinfra.host import Host

LOCAL = (
    *("/", "/boot", "/boot/efi", "/var", "/var/log", "/var/lib", "/var/spool/squid"),
    "/tmp",  # noqa: S108 - a name
)
_QUESTIONS = {
    "bytes": f"df -P -k -- {' '.join(LOCAL)}",
    "inodes": f"df -P -i -- {' '.join(LOCAL)}",
}


@dataclass(frozen=True)
class Room:
    """A file system's size and what is left of it, in KiB or in inodes."""

    place: str
    size: int
    free: int

    @property
    def used(self) -> float:
        """The share that is taken, 0 to 1."""
        return 1 - self.free / self.size if self.size else 0.0


def local(host: Host) -> tuple[tuple[Room, ...], tuple[Room, ...]]:
    """(bytes, inodes) of the system's own file systems, each once."""
    said = sections.ask(host, _QUESTIONS)
    return parse(said["bytes"]), parse(said["inodes"])


def parse(text: str) -> tuple[Room, ...]:
    """The lines of `df -P`, each mount point once."""
    found: dict[str, Room] = {}
    for line in text.splitlines()[1:]:
        words = line.split(None, 5)
        if len(words) == 6 and words[1].isdigit() and words[3].isdigit():
            found.setdefault(words[5], Room(words[5], int(words[1]), int(words[3])))
    return tuple(found.values())
