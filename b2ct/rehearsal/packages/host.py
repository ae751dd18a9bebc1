"""This host's own small programs with their libraries: what runs in a practice tree."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.core.run import find_tool, run

from .package import Item

# What scripts of packages and of our provisioning call; GNU's own, because the scripts may use
# options that only these have.
PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "bash": ("bash",),
    "coreutils": (
        *("[", "basename", "cat", "chgrp", "chmod", "chown", "cksum", "cp", "cut", "date", "dd"),
        *("df", "dirname", "du", "echo", "env", "expr", "false", "head", "id", "install", "join"),
        *("ln", "ls", "md5sum", "mkdir", "mkfifo", "mktemp", "mv", "nproc", "od", "paste"),
        *("printf", "pwd", "readlink", "realpath", "rm", "rmdir", "seq", "sha256sum", "sleep"),
        *("sort", "split", "stat", "stty", "sync", "tail", "tee", "test", "timeout", "touch"),
        *("tr", "true", "truncate", "tty", "uname", "uniq", "wc", "whoami"),
    ),
    "findutils": ("find", "xargs"),
    "grep": ("grep", "egrep", "fgrep"),
    "sed": ("sed",),
    "gawk": ("awk",),
    "tar": ("tar",),
    "gzip": ("gzip", "zcat"),
    "diffutils": ("cmp", "diff"),
    "hostname": ("hostname",),
    "glibc-common": ("getent", "ldconfig"),
    "util-linux": ("mount", "umount", "setpriv", "flock"),
    "shadow-utils": ("useradd", "usermod", "groupadd", "groupmod", "chpasswd"),
    "procps-ng": ("ps", "pgrep"),
}
_SBIN = {*PROGRAMS["shadow-utils"], "ldconfig"}
_LOCALE = Path("/usr/lib/locale/C.utf8")
"""The locale of the builds; without it every program would complain."""
_NEEDED = {"bash", "cat", "chmod", "cp", "find", "grep", "ln", "mkdir", "rm", "sed", "awk", "tar"}


@dataclass(frozen=True)
class Programs:
    """Programs by package, and all libraries."""

    packages: Mapping[str, tuple[Item, ...]]
    libraries: tuple[Item, ...]


def programs() -> Programs:
    """Read them. Raises B2ctError when one that every script needs is missing."""
    found = {name: _find(name) for names in PROGRAMS.values() for name in names}
    packages = {
        package: tuple(_item(name, path) for name in names if (path := found[name]))
        for package, names in PROGRAMS.items()
    }
    return Programs(packages, _libraries(path for path in found.values() if path))


def _find(name: str) -> Path | None:
    path = find_tool(name)
    if path is None and name in _NEEDED:
        raise B2ctError(
            f"the practice base system is made of this host's programs, and {name} is missing",
            hint="install it, or make the APT repository only (--apt)",
        )
    return Path(path).resolve() if path else None


def _item(name: str, path: Path) -> Item:
    folder = "/usr/sbin" if name in _SBIN else "/usr/bin"
    return Item(f"{folder}/{name}", data=path.read_bytes(), mode=0o755)


def _libraries(paths: Iterable[Path]) -> tuple[Item, ...]:
    """The libraries that the programs load, by ldd(1), where the loader of this host seeks them."""
    told = run(["ldd", *sorted({str(path) for path in paths})], check=False).stdout
    names = sorted(set(re.findall(r"(?<!\S)(/\S+) \(0x", told)))
    # In EL /lib and /lib64 are links to folders of /usr.
    places = {name if name.startswith("/usr/") else f"/usr{name}": Path(name) for name in names}
    return tuple(
        Item(place, data=path.read_bytes(), mode=0o755) for place, path in sorted(places.items())
    ) + tuple(
        Item(str(path), data=path.read_bytes())
        for path in sorted(_LOCALE.rglob("*"))
        if path.is_file()
    )
