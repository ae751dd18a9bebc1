"""Commands as root: of this host in namespaces of their own, or of a user namespace.

user_namespaces(7), subuid(5), unshare(1). Root gets a mount and a PID namespace, so that mounts
and children vanish with the command. Another user gets a user namespace besides, in which the
user is root and the subordinate IDs of /etc/subuid are the other users of the image.
"""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from b2ct.core import namespaces
from b2ct.core.errors import B2ctError
from b2ct.core.hosttools import this_host
from b2ct.core.run import Completed, find_tool, run

_DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL")
_UNSHARE = ("--mount", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc")
_IDS = 65536
"""What an image needs: user IDs go up to nobody's 65534."""
_FIRST = 100000
_PATIENCE = 30.0


@dataclass(frozen=True)
class Namespace:
    """How a command becomes root."""

    as_root: bool
    """Of this host; else of a user namespace."""

    def command(self, argv: Sequence[str | Path]) -> list[str]:
        """The command inside new namespaces; it dies with whoever starts it."""
        user = () if self.as_root else ("--user", "--map-root-user", "--map-auto")
        return [*_DIES_WITH_US, "unshare", *user, *_UNSHARE, "--", *map(str, argv)]

    def remove(self, folder: Path) -> None:
        """Remove a folder with files of the image's users. Raises CommandError."""
        run(self.command(["rm", "-rf", "--one-file-system", folder]))


@dataclass(frozen=True)
class Host:
    """What decides whether this host gives this user a namespace."""

    uid: int
    user: str
    newidmap: bool
    """newuidmap(1) and newgidmap(1) are installed."""
    subuid: str
    """The text of /etc/subuid."""
    subgid: str
    settings: tuple[tuple[str, str], ...]
    """Files below /proc/sys with their values, where they exist."""
    map_auto: bool
    """unshare(1) knows --map-auto: util-linux 2.38 or later."""
    install: str = "sudo apt-get install -y uidmap"
    """The line that installs newuidmap here."""

    def setting(self, name: str) -> str:
        """The value of a kernel setting; empty where the kernel has no such one."""
        return dict(self.settings).get(name, "")


_SETTINGS = (
    "user/max_user_namespaces",
    "kernel/unprivileged_userns_clone",
    "kernel/apparmor_restrict_unprivileged_userns",
)


def find() -> Namespace:
    """The way to be root on this host, tried out.

    Raises B2ctError with the one line that mends it, when there is none.
    """
    host = this()
    namespace = Namespace(as_root=host.uid == 0)
    problem = None if namespace.as_root else problem_of(host)
    if problem:
        raise problem
    done = run(namespace.command(["true"]), timeout=_PATIENCE, check=False)
    if done.code != 0:
        raise refusal(host, done)
    return namespace


def this(proc: Path = Path("/proc/sys"), etc: Path = Path("/etc")) -> Host:
    """Read the facts of this host."""
    uid = os.geteuid()
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = str(uid)
    package = "shadow-utils" if this_host().family.startswith("el") else "uidmap"
    manager = "dnf" if package == "shadow-utils" else "apt-get"
    return Host(
        uid=uid,
        user=user,
        newidmap=all(find_tool(name) for name in ("newuidmap", "newgidmap")),
        subuid=_read(etc / "subuid"),
        subgid=_read(etc / "subgid"),
        settings=tuple((name, text) for name in _SETTINGS if (text := _read(proc / name).strip())),
        map_auto=uid == 0 or "--map-auto" in run(["unshare", "--help"], check=False).stdout,
        install=f"sudo {manager} install -y {package}",
    )


def problem_of(host: Host) -> B2ctError | None:
    """What stands in the way of a user namespace according to the facts; None: nothing known."""
    if host.setting("user/max_user_namespaces") == "0":
        return _refused("the kernel allows none", "sudo sysctl -w user.max_user_namespaces=15000")
    if host.setting("kernel/unprivileged_userns_clone") == "0":
        return _refused(
            "the kernel allows them to root only",
            "sudo sysctl -w kernel.unprivileged_userns_clone=1",
        )
    if not host.newidmap:
        return _refused("newuidmap and newgidmap are not installed", host.install)
    if not host.map_auto:
        return _refused("unshare(1) of this host is older than util-linux 2.38", "")
    lacking = [
        option
        for option, text in (("--add-subuids", host.subuid), ("--add-subgids", host.subgid))
        if _subordinate(text, host) < _IDS
    ]
    if lacking:
        span = _free(host)
        options = " ".join(f"{option} {span}" for option in lacking)
        files = " and ".join(f"/etc/{option.removeprefix('--add-')[:-1]}" for option in lacking)
        return _refused(
            f"{files} give {host.user} no {_IDS} subordinate IDs",
            f"sudo usermod {options} {host.user}",
        )
    return None


def refusal(host: Host, done: Completed) -> B2ctError:
    """Why unshare(1) failed, in one error."""
    said = (done.stderr or done.stdout).strip().splitlines()
    why = said[-1].removeprefix("unshare: ") if said else f"exit code {done.code}"
    if host.uid == 0:
        return B2ctError(f"root may make no namespaces here: {why}", hint=namespaces.remedy(why))
    if host.setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return _refused(
            f"AppArmor restricts them (as Ubuntu has done since 23.10): {why}",
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        )
    if "/proc" in why:
        return _refused(f"a fresh /proc may not be mounted, as in many containers: {why}", "")
    return _refused(why, "")


def _refused(why: str, line: str) -> B2ctError:
    run_it = f"`{line}`, or run" if line else "run"
    return B2ctError(
        f"this user gets no user namespace: {why}", hint=f"{run_it} the build as root (sudo)"
    )


def _ranges(text: str) -> Iterator[tuple[str, int, int]]:
    """Owner, first ID and count of each line of subuid(5)."""
    for line in text.splitlines():
        if found := re.fullmatch(r"([^:#]+):(\d{1,10}):(\d{1,10})", line.strip()):
            yield found[1], int(found[2]), int(found[3])


def _subordinate(text: str, host: Host) -> int:
    """How many IDs the user's largest range has: --map-auto takes the first one only."""
    mine = [count for owner, _, count in _ranges(text) if owner in (host.user, str(host.uid))]
    return mine[0] if mine else 0


def _free(host: Host) -> str:
    """A range behind all others, as usermod(8) wants it."""
    ends = [start + count for text in (host.subuid, host.subgid) for _, start, count in
            _ranges(text)]  # fmt: skip
    first = max([_FIRST, *ends])
    return f"{first}-{first + _IDS - 1}"


def _read(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(errors="replace")
    return ""
