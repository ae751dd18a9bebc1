"""Where the facts about block devices are read: sysfs, /proc and lsblk. Parsers, no opinions.

Every reader takes the roots of the file systems, so that a recorded machine can be put in place
of this one. Formats: proc_pid_mountinfo(5), proc_swaps(5), Documentation/ABI/stable/sysfs-block.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from b2ct.core.errors import B2ctError
from b2ct.core.run import run

_COLUMNS = "NAME,MAJ:MIN,FSTYPE,LABEL,UUID,PARTUUID,PARTLABEL,VENDOR,MODEL,SERIAL"
"""Known to every util-linux that has --json (2.27 and later)."""
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Roots:
    """Where the kernel's file systems are."""

    sys: Path = Path("/sys")
    proc: Path = Path("/proc")
    etc: Path = Path("/etc")


@dataclass(frozen=True)
class Content:
    """What lsblk knows of what is on a device, and of its maker. Empty: not known."""

    fstype: str = ""
    label: str = ""
    uuid: str = ""
    partuuid: str = ""
    partlabel: str = ""
    vendor: str = ""
    model: str = ""
    serial: str = ""


@dataclass(frozen=True)
class Mount:
    """A line of mountinfo. `number` is `major:minor`, anonymous (0:N) for btrfs, overlay, ZFS."""

    number: str
    point: str
    fstype: str
    source: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Opener:
    """A process that has a device or file open for writing."""

    pid: int
    command: str
    number: str
    """Of the device; empty for a file."""
    file: tuple[int, int]
    """File system number and inode."""


def lsblk() -> str:
    """What lsblk prints as JSON, about all devices, the empty ones too."""
    return run(
        ["lsblk", "--json", "--bytes", "--all", "--output", _COLUMNS], timeout=60, check=False
    ).stdout


def parse_lsblk(text: str) -> dict[str, Content]:
    """`major:minor` -> content, from `lsblk --json` of any version.

    Older ones nest and newer ones too; strings may be null. Raises B2ctError when it is not JSON.
    """
    try:
        rows = json.loads(text)["blockdevices"] if text.strip() else []
    except (ValueError, KeyError, TypeError) as err:
        raise B2ctError(
            "lsblk did not print a list of block devices", hint="run `lsblk --json` to see why"
        ) from err
    return {
        str(row["maj:min"]).strip(): Content(
            **{name: _word(row.get(name)) for name in Content.__dataclass_fields__}
        )
        for row in _flat(rows)
        if row.get("maj:min")
    }


def _flat(rows: object) -> Iterator[dict[str, Any]]:
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict):
            yield row
            yield from _flat(row.get("children"))


def _word(value: object) -> str:
    return str(value).strip() if value is not None else ""


def parse_mountinfo(text: str) -> tuple[Mount, ...]:
    """The mounts of a mountinfo file; lines that are not understood are left out."""
    mounts = []
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        left, right = before.split(" "), after.split(" ")
        if len(left) >= 6 and len(right) >= 2:
            options = tuple(right[2].split(",")) if len(right) > 2 else ()
            mounts.append(Mount(left[2], unescape(left[4]), right[0], unescape(right[1]), options))
    return tuple(mounts)


def unescape(text: str) -> str:
    r"""Undo the kernel's octal escapes: `\040` is a space."""
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), text)


def all_mounts(roots: Roots) -> tuple[Mount, ...]:
    """The mounts of every mount namespace that may be looked at, without repetition."""
    found: dict[Mount, None] = {}
    seen: set[str] = set()
    for process in [roots.proc / "self", *sorted(roots.proc.glob("[0-9]*"))]:
        with suppress(OSError):
            namespace = str((process / "ns" / "mnt").readlink())
            if namespace in seen:
                continue
            seen.add(namespace)
        with suppress(OSError):
            text = (process / "mountinfo").read_text(errors="surrogateescape")
            found.update(dict.fromkeys(parse_mountinfo(text)))
    return tuple(found)


def parse_swaps(text: str) -> tuple[str, ...]:
    """The files and devices that are swapped to."""
    return tuple(unescape(line.split()[0]) for line in text.splitlines()[1:] if line.strip())


def parse_fstab(text: str) -> tuple[tuple[str, str], ...]:
    """(device, mount point) of the lines of fstab(5)."""
    rows = (line.split() for line in text.splitlines() if not line.lstrip().startswith("#"))
    return tuple((unescape(row[0]), unescape(row[1])) for row in rows if len(row) >= 2)


def text_of(path: Path) -> str:
    """The stripped text of a small file of the kernel; empty where it cannot be read."""
    try:
        return path.read_bytes().decode(errors="replace").strip("\0 \n\t")
    except OSError:
        return ""


def openers(roots: Roots) -> tuple[Opener, ...]:
    """Other processes that have a block device or a file open for writing.

    Without root only one's own processes can be seen.
    """
    own = os.getpid()
    found = []
    for process in roots.proc.glob("[0-9]*"):
        if int(process.name) == own:
            continue
        with suppress(OSError):
            found += [
                Opener(int(process.name), text_of(process / "comm"), number, file)
                for number, file in _written_by(process)
            ]
    return tuple(found)


def _written_by(process: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    for link in (process / "fd").iterdir():
        with suppress(OSError):
            status = link.stat()
            block = stat.S_ISBLK(status.st_mode)
            if (block or stat.S_ISREG(status.st_mode)) and _writes(process, link.name):
                number = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}" if block else ""
                yield number, (status.st_dev, status.st_ino)


def _writes(process: Path, handle: str) -> bool:
    for line in text_of(process / "fdinfo" / handle).splitlines():
        if line.startswith("flags:"):
            return int(line.split()[1], 8) & os.O_ACCMODE != os.O_RDONLY
    return False


def signatures(path: Path) -> tuple[str, ...]:
    """Types of all file systems and members found on a device by wipefs (read only; needs root).

    Unlike udev's answer this is read from the device now, and it tells all, not the likeliest.
    """
    done = run(["wipefs", "--no-act", "--parsable", path], timeout=60, check=False)
    rows = (line.split(",") for line in done.stdout.splitlines() if not line.startswith("#"))
    return tuple(dict.fromkeys(row[-1] for row in rows if len(row) > 1 and row[-1]))
