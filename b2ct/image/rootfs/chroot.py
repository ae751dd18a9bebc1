"""Programs of the tree run in the tree, with a small /dev and nothing of the host besides."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from b2ct.core.run import Completed, run

_DEVICES = ("full", "null", "random", "tty", "urandom", "zero")
_LINKS = {
    "fd": "/proc/self/fd",
    "ptmx": "pts/ptmx",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
}
_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def clean_environment(extra: Mapping[str, str], *, network: bool) -> list[str]:
    """`env -i` with what a program in the image may see; nothing of the user's own.

    With `network`, the proxies of the environment are passed on.
    """
    given = {name: os.environ[name] for name in _PROXIES if network and name in os.environ}
    values = {"PATH": PATH, "HOME": "/root", "LC_ALL": "C.UTF-8", **given, **extra}
    return ["env", "-i", *(f"{name}={value}" for name, value in values.items())]


class Chroot:
    """A context in which the tree has /dev, /proc and /sys. The caller is root in a namespace."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        self._mounted: list[Path] = []

    def __enter__(self) -> Self:
        """Mount all of it, or nothing."""
        try:
            self._mount_all()
        except BaseException:
            self._unmount()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Unmount, so that the tree is files only."""
        self._unmount()

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        network: bool = False,
        check: bool = True,
        hint: str = "",
    ) -> Completed:
        """Run a program of the tree as root, with PID and mount namespaces of its own.

        Whatever it leaves running dies with it. Without `network` it sees no network at all.
        Raises CommandError like core.run.run.
        """
        return run(self.command(argv, env=env, network=network), check=check, hint=hint)

    def command(
        self, argv: Sequence[str], *, env: Mapping[str, str] | None = None, network: bool = False
    ) -> list[str]:
        """The words that `run` runs, for those who want to read along."""
        net = () if network else ("--net",)
        return [
            *("setpriv", "--pdeathsig", "KILL"),
            *("unshare", "--mount", "--pid", "--fork", "--kill-child=SIGKILL", *net),
            *("--ipc", "--root", str(self.tree), "--wd", "/", "--mount-proc", "--"),
            *clean_environment(env or {}, network=network),
            *argv,
        ]

    def _mount_all(self) -> None:
        dev = self.tree / "dev"
        for name in ("dev", "proc", "sys"):
            (self.tree / name).mkdir(mode=0o755, exist_ok=True)
        self._mount(dev, "-t", "tmpfs", "-o", "mode=0755,size=1m", "tmpfs")
        for name in _DEVICES:
            (dev / name).touch(mode=0o666)
            self._mount(dev / name, "--bind", f"/dev/{name}")
        for name, target in _LINKS.items():
            (dev / name).symlink_to(target)
        (dev / "pts").mkdir(mode=0o755)
        (dev / "shm").mkdir()
        (dev / "shm").chmod(0o1777)
        options = "newinstance,ptmxmode=0666,mode=0620"
        self._mount(dev / "pts", "-t", "devpts", "-o", options, "devpts")
        self._mount(self.tree / "proc", "-t", "proc", "proc")
        self._mount(self.tree / "sys", "--rbind", "/sys")

    def _mount(self, point: Path, *words: str) -> None:
        run(["mount", *words, point])
        self._mounted.append(point)

    def _unmount(self) -> None:
        while self._mounted:
            point = self._mounted.pop()
            # Lazily: what still holds a file open there is in a namespace that is ending.
            run(["umount", "--lazy", point], check=False)
