"""The node that this runs on, without ssh."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING

from b2ct.core import run
from b2ct.core.errors import B2ctError
from b2ct.ssh.answer import LARGEST, Answer, CommandTimeoutError, UnreachableError

if TYPE_CHECKING:
    from b2ct.site.model import Node

PRELUDE = 'PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"; '


class LocalNode:
    """Commands of root on this machine."""

    def __init__(self, name: str, seconds: float = 30.0) -> None:
        """`seconds` is the usual time of a command. Raises UnreachableError without root."""
        self.name = name
        self.lost = ""
        self._seconds = seconds
        self._argv = ("sh", "-c") if os.geteuid() == 0 else ("sudo", "-n", "--", "sh", "-c")
        if self.run("id -u").stdout.strip() != b"0":
            raise UnreachableError(
                "the checks need root, and sudo asks for a password", hint="run it with sudo"
            )

    def run(self, command: str, seconds: float | None = None) -> Answer:
        """What a shell command answers. Raises CommandTimeoutError."""
        seconds = self._seconds if seconds is None else seconds
        try:
            done = run.bounded([*self._argv, PRELUDE + command], timeout=seconds, largest=LARGEST)
        except run.DeadlineError:
            raise CommandTimeoutError(
                f"`{command[:80]}` did not end within {seconds:g} s"
            ) from None
        return Answer(done.code, done.stdout, done.stderr, done.cut)

    def close(self) -> None:
        """Nothing is held."""


def this_node(nodes: Iterable[Node], host_name: str = "") -> Node:
    """The node of site.yaml that has this machine's name. Raises B2ctError."""
    name = host_name or socket.gethostname()
    short = name.partition(".")[0].lower()
    nodes = tuple(nodes)
    for node in nodes:
        if node.name.partition(".")[0].lower() == short:
            return node
    known = ", ".join(node.name for node in nodes) or "none"
    raise B2ctError(
        f"this machine is called {name}, and site.yaml has no such node (it has: {known})",
        hint="--node NAME says which one it is; without --local the nodes are asked over ssh",
    )
