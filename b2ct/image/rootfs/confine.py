"""Runs a program in a cell: `python -m b2ct.image.rootfs.confine CELL-AS-JSON PROGRAM WORD...`.

Called in new mount, PID and IPC namespaces (see `cell`). Makes the cell, gives up what the program
does not need, and runs it as a child: this process stays, as the namespace's init, which reaps what
is orphaned and whose end is everybody's.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from b2ct.image.rootfs import mounts
from b2ct.image.tree import Tree

_DEVICES = ("full", "null", "random", "tty", "urandom", "zero")
_LINKS = {
    "fd": "/proc/self/fd",
    "ptmx": "pts/ptmx",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
}
# Of the kernel's own files: what changes the machine is read-only, what tells of it is hidden.
_READ_ONLY = ("proc/sys", "proc/irq", "proc/bus", "proc/fs", "proc/sysrq-trigger")
_HIDDEN = (
    *("proc/acpi", "proc/scsi", "proc/kcore", "proc/keys", "proc/key-users", "proc/kmsg"),
    *("proc/kallsyms", "proc/timer_list", "proc/sched_debug", "proc/latency_stats"),
    *("sys/firmware", "sys/fs", "sys/kernel", "sys/devices/virtual/dmi"),
)
CAPABILITIES = frozenset((0, 1, 3, 4, 5, 6, 7, 29, 31))
"""CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, AUDIT_WRITE, SETFCAP: what installing
packages and adding users needs. See capabilities(7), linux/capability.h."""
_SYS_CHROOT = 18
# What programs of this host read in /etc; nothing else of it is in their cell.
_ETC = (
    *("alternatives", "crypto-policies", "debian_version", "gai.conf", "group", "host.conf"),
    *("hosts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "magic", "nsswitch.conf"),
    *("os-release", "passwd", "pki/ca-trust", "pki/rpm-gpg", "pki/tls/cert.pem", "pki/tls/certs"),
    *("pki/tls/openssl.cnf", "protocols", "resolv.conf", "rpm", "services", "ssl/certs"),
    *("ssl/openssl.cnf", "system-release"),
)
_ROOT = ("bin", "lib", "lib32", "lib64", "libx32", "sbin", "usr")


def main(words: Sequence[str]) -> int:
    """Make the cell and run the program; its exit code, 128 and more for a signal."""
    cell: Mapping[str, Any] = json.loads(words[0])
    program = list(words[1:])
    kept = _descriptors(program, cell["descriptors"])
    if cell["kind"] != "aside":
        program = _shortened(program, cell["tree"])
    try:
        _KINDS[cell["kind"]](cell)
        mounts.hide_from_others()
    except OSError as err:
        print(f"cannot make a cell for {program[0]}: {err}", file=sys.stderr)
        return 125
    child = os.fork()
    if child == 0:
        _become(program, cell, kept)
    return _reap(child)


def _become(program: Sequence[str], cell: Mapping[str, Any], kept: Iterable[int]) -> None:
    """The child: gives up its powers and turns into the program."""
    try:
        os.setsid()  # a terminal of whoever builds is no terminal of the program
        _close_all_but(kept)
        if cell["kind"] != "aside":
            chroots = frozenset((_SYS_CHROOT,)) if cell["chroots"] else frozenset()
            mounts.keep_capabilities(CAPABILITIES | chroots)
            mounts.no_new_privileges()
        os.umask(0o022)
        os.execvpe(program[0], list(program), _environment(cell))  # noqa: S606 - as core.run does
    except OSError as err:
        print(f"cannot run {program[0]}: {err}", file=sys.stderr)
    os._exit(127)


def _reap(child: int) -> int:
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _environment(cell: Mapping[str, Any]) -> dict[str, str]:
    """What is asked for, or what dpkg is given by apt, without what is ours."""
    if cell["environment"] is not None:
        passed = {name: os.environ[name] for name in cell["passed"] if name in os.environ}
        return {**passed, **cell["environment"]}
    return {name: value for name, value in os.environ.items() if name not in cell["without"]}


def _descriptors(program: Sequence[str], option: str) -> list[int]:
    """The open files that the program is given: standard ones, and those that an option names."""
    pairs = pairwise(program)
    return [0, 1, 2, *(int(value) for name, value in pairs if option and name == option)]


def _shortened(program: Sequence[str], tree: str) -> list[str]:
    """Paths below the tree as the program sees them."""
    return [word.removeprefix(tree) if word.startswith(f"{tree}/") else word for word in program]


def _close_all_but(kept: Iterable[int]) -> None:
    wanted = set(kept)
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names, not paths
        if int(name) not in wanted:
            with suppress(OSError):
                os.close(int(name))


def _inside(cell: Mapping[str, Any]) -> None:
    """The tree is all there is."""
    tree = str(cell["tree"])
    mounts.bind(tree, tree, recursive=False)
    _furnish(Path(tree))
    mounts.pivot(tree)


def _beside(cell: Mapping[str, Any]) -> None:
    """Programs of this host, read-only, and the folders that they work in; the tree is furnished
    as well, for what they run in it by chroot(2).
    """
    root = str(cell["root"])
    mounts.mount("tmpfs", root, "tmpfs", mounts.NODEV | mounts.NOSUID, "mode=0755,size=64m")
    for folder in ("etc", "dev", "proc", "run", "root", "sys", "tmp", "var/lib/dpkg", "var/tmp"):
        Path(root, folder).mkdir(parents=True, mode=0o755)
    for name in (*_ROOT, *(f"etc/{name}" for name in _ETC)):
        _show(root, f"/{name}")
    for name in cell["visible"]:
        _show(root, name)
    for name in cell["writable"]:
        Path(root, name.lstrip("/")).mkdir(parents=True, exist_ok=True)
        mounts.bind(name, f"{root}{name}")
    tree = Path(f"{root}{cell['tree']}")
    for name, folder in cell["binds"].items():
        _at(tree, name, partial(mounts.bind, str(folder)))
    _furnish(tree)
    _furnish(Path(root))
    mounts.pivot(root)


def _aside(cell: Mapping[str, Any]) -> None:
    """This host as it is, but read-only up to the folders that are named."""
    for name in cell["writable"]:
        mounts.bind(name, name)
    mounts.make_read_only("/")
    for name in cell["writable"]:
        mounts.make_writable(os.path.realpath(name))


_KINDS = {"inside": _inside, "beside": _beside, "aside": _aside}


def _show(root: str, name: str) -> None:
    """A file, folder or link of this host at the same place, read-only; none is no error."""
    target = Path(root, name.lstrip("/"))
    if os.path.lexists(target) or not os.path.lexists(name):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    # A link of /etc may lead anywhere: what it leads to is shown in its place.
    if Path(name).is_symlink() and not name.startswith("/etc/"):
        target.symlink_to(Path(name).readlink())
    elif Path(name).is_dir():
        target.mkdir()
        mounts.bind(name, str(target), read_only=True)
    elif Path(name).is_file():
        target.touch()
        mounts.bind(name, str(target), read_only=True)


def _furnish(tree: Path) -> None:
    """A small /dev, /proc and /sys, of which nothing can be changed that is not the tree's."""
    door = Tree(tree)
    for name in ("dev", "proc", "sys"):
        door.make_folder(name)
    _at(tree, "dev", lambda dev: mounts.mount("tmpfs", dev, "tmpfs", mounts.NOEXEC, "mode=0755"))
    for name in _DEVICES:
        door.write(f"dev/{name}", "", 0o666)
        _at(tree, f"dev/{name}", partial(mounts.bind, f"/dev/{name}"))
    for name, target in _LINKS.items():
        door.link(f"dev/{name}", target)
    door.make_folder("dev/pts")
    door.make_folder("dev/shm", 0o1777)
    options = "newinstance,ptmxmode=0666,mode=0620"
    _at(tree, "dev/pts", lambda pts: mounts.mount("devpts", pts, "devpts", 0, options))
    quiet = mounts.NOSUID | mounts.NODEV | mounts.NOEXEC
    _at(tree, "proc", lambda proc: mounts.mount("proc", proc, "proc", quiet))
    _at(tree, "sys", lambda sys_: mounts.bind("/sys", sys_, read_only=True))
    for name in _READ_ONLY:
        if door.exists(name):
            _at(tree, name, lambda there: mounts.bind(there, there, read_only=True))
    for name in _HIDDEN:
        _hide(tree, name)


def _hide(tree: Path, name: str) -> None:
    door = Tree(tree)
    if door.is_folder(name):
        options = mounts.RDONLY, "mode=0555,size=4k"
        _at(tree, name, lambda there: mounts.mount("tmpfs", there, "tmpfs", *options))
    elif door.exists(name):
        _at(tree, name, lambda there: mounts.bind("/dev/null", there, read_only=True))


def _at(tree: Path, name: str, act: Callable[[str], object]) -> None:
    """Do something to what a name leads to in the tree, by the path that this really has."""
    handle = Tree(tree).open(name, os.O_PATH)
    try:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        # A path without links, of a tree in which nothing runs now.
        if path.lstat()[:3] != os.fstat(handle)[:3]:
            raise OSError(f"{path} has changed")
        act(str(path))
    finally:
        os.close(handle)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
