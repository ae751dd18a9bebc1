"""Cells: what a program that an image brings, or one that runs such programs, sees of this host.

- `inside`: a program of the tree. The tree is its root (pivot_root(2); the host's files are not
  mounted any more), with a small /dev, and /proc and /sys of which nothing can be changed.
- `beside`: a program of this host that runs the image's scripts by chroot(2), such as dnf. Its root
  holds this host's /usr and a few files of /etc, read-only, and the folders that it works in.
- `aside`: apt-get, which runs no script itself (dpkg has a cell of its own), but writes into the
  tree by paths: to it the host is read-only.

The first two have few capabilities (`confine.CAPABILITIES`), no_new_privs, and no network unless it
is asked for. `confine` makes a cell; here it is described.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from b2ct.core.run import CommandError, Completed, run

_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_UNSHARE = ("--mount", "--pid", "--ipc", "--fork", "--kill-child=SIGKILL", "--mount-proc")


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """What a program in a cell sees; nothing of the user's own."""
    return {"PATH": PATH, "HOME": "/root", "LC_ALL": "C.UTF-8", **extra}


@dataclass(frozen=True)
class Cell:
    """A cell for one program; the caller is root in a namespace. Paths are absolute."""

    kind: Literal["inside", "beside", "aside"]
    tree: Path
    network: bool = False
    chroots: bool = False
    """The program may use chroot(2)."""
    root: Path | None = None
    """Of `beside`: an empty folder of ours on which its root is mounted."""
    writable: tuple[Path, ...] = ()
    """Of `beside` and `aside`: folders of this host that it may write to."""
    visible: tuple[Path, ...] = ()
    """Of `beside`: further files and folders of this host, read-only."""
    binds: Mapping[str, Path] = field(default_factory=dict)
    """Of `beside`: names in the tree at which folders of this host are shown."""
    descriptors: str = ""
    """An option by which the program is told of an open file, such as dpkg's --status-fd."""

    def command(
        self, argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None
    ) -> list[str]:
        """The words that run a program in the cell; it dies with whoever starts it.

        Without `env` it gets the environment of whoever runs these words, without what is ours.
        """
        about = {
            **asdict(self),
            "environment": None if env is None else environment(env),
            # Only by name: these words can be read by every user, and a proxy may have a password.
            "passed": _PROXIES if self.network else (),
            "without": ("APT_CONFIG", "PYTHONPATH", "TMPDIR", *_PROXIES),
        }
        path = os.pathsep.join(path for path in sys.path if path)
        return [
            *("setpriv", "--pdeathsig", "KILL"),
            *("unshare", *_UNSHARE, *(() if self.network else ("--net",)), "--"),
            *("env", f"PYTHONPATH={path}", sys.executable, "-m", "b2ct.image.rootfs.confine"),
            json.dumps(about, default=str),
            *map(str, argv),
        ]

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        check: bool = True,
        hint: str = "",
    ) -> Completed:
        """Run a program to its end. Whatever it leaves running dies with it.

        Raises CommandError, with the program's name, like core.run.run.
        """
        told = run(self.command(argv, env=env or {}), check=False)
        done = replace(told, argv=tuple(map(str, argv)))
        if check and done.code != 0:
            raise CommandError(done, hint=hint)
        return done
