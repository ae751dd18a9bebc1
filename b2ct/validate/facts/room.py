"""Room on file systems, by `df -P`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from b2ct.validate.facts import sections

if TYPE_CHECKING:
    from testinfra.host import Host

# Every file system of the machine's own disks and memory; -l: no file server can hold us.
_DF = "timeout 15 df -P -l -x devtmpfs -x squashfs -x iso9660 -x udf -x efivarfs"
_QUESTIONS = {"bytes": f"{_DF} -k", "inodes": f"{_DF} -i"}
_NOT_OURS = ("/run", "/dev", "/sys", "/proc")
"""The kernel's own, and what ends with a log-in."""


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
    """(bytes, inodes) of every local file system, each once."""
    said = sections.ask(host, _QUESTIONS)
    sizes, inodes = (
        tuple(one for one in parse(said[what]) if not one.place.startswith(_NOT_OURS))
        for what in ("bytes", "inodes")
    )
    return sizes, inodes


def parse(text: str) -> tuple[Room, ...]:
    """The lines of `df -P`, each mount point once."""
    found: dict[str, Room] = {}
    for line in text.splitlines()[1:]:
        words = line.split(None, 5)
        if len(words) == 6 and words[1].isdigit() and words[3].isdigit():
            found.setdefault(words[5], Room(words[5], int(words[1]), int(words[3])))
    return tuple(found.values())
