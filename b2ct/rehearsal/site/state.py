"""Where practice sites that run are written down: /run/b2ct/practice/NAME."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from b2ct.core import namespaces
from b2ct.core.errors import B2ctError
from b2ct.core.run import run

FOLDER = Path("/run/b2ct/practice")
"""Only root writes there; it is empty after a restart of the computer, as sites are gone."""


def need_root() -> None:
    """Raise B2ctError where we may not make network devices and control groups."""
    if os.geteuid() != 0:
        raise B2ctError(
            "a practice site needs root: it makes network devices, mounts and control groups",
            hint='run it as root: sudo env PATH="$PATH" b2ct practice site',
        )


def need_namespaces() -> None:
    """Raise B2ctError where not even root may make nodes, as in most containers."""
    need_root()
    kinds = ("--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup", "--fork")
    tried = run(["unshare", *kinds, "true"], check=False)
    why = tried.stderr.strip() if tried.code else ""
    group = control_group(f"try-{os.getpid()}")
    try:
        group.mkdir()
        group.rmdir()
    except OSError as error:
        why = why or f"{group}: {error.strerror}"
    if why:
        raise B2ctError(f"root may make no nodes here: {why}", hint=namespaces.remedy(why))


def folder(name: str) -> Path:
    """Of a site."""
    return FOLDER / name


def control_group(name: str) -> Path:
    """The control group below which those of the nodes' systemd are; see cgroups(7).

    Always of version 2, which a host with version 1 has beside it: so a node's systemd sees nothing
    but its own group. Raises B2ctError where this computer has none.
    """
    for line in Path("/proc/self/mounts").read_text(errors="replace").splitlines():
        words = line.split()
        if len(words) > 2 and words[2] == "cgroup2":
            return Path(words[1]) / f"b2ct-practice-{name}"
    raise B2ctError(
        "control groups of version 2 are not mounted on this computer",
        hint="mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified",
    )


@contextmanager
def locked() -> Iterator[None]:
    """One at a time makes or removes a site."""
    FOLDER.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (FOLDER / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def names() -> list[str]:
    """Of all sites that are there, also of half dead ones."""
    if not FOLDER.is_dir():
        return []
    return sorted(path.name for path in FOLDER.iterdir() if path.is_dir())


def leader(name: str) -> int | None:
    """The process with which all of the site ends; None where it has ended."""
    return _process(name, "leader")


def supervisor(name: str) -> int | None:
    """The process that tidies up after the site; None where it has done so."""
    return _process(name, "supervisor")


_REBOOT = {129: "restarting", 130: "switched off"}
"""What reboot(2) in a node did to its first process (pid_namespaces(7)), as a shell tells it."""


def ended(name: str, node: str) -> str:
    """How a node of a site has ended, in words; empty: it has not."""
    try:
        code = int((folder(name) / "nodes" / node / "ended").read_text())
    except (OSError, ValueError):
        return ""
    return _REBOOT.get(code, "dead")


def nodes(name: str) -> list[str]:
    """Of a site, in their order: the control node first."""
    places = (folder(name) / "nodes").glob("*/node.env")
    return sorted((place.parent.name for place in places), key=lambda node: (node != "one", node))


def _process(name: str, what: str) -> int | None:
    """Its number; that of another program that has the number by now is not taken for it."""
    try:
        number = int((folder(name) / what).read_text())
        words = Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return number if str(folder(name)).encode() in words else None
