"""An SSH server to which a file is sent."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

USER = "root"
"""site.yaml's admins may log in to the control node as root."""


@dataclass(frozen=True)
class Server:
    """An SSH server, and whose key it must have."""

    host: str
    user: str = USER
    port: int = 22
    host_key: str = ""
    """`type base64`, pinned; empty: known_hosts says."""
    known_hosts: tuple[Path, ...] = ()
    """Read where no key is pinned."""
    identity: Path | None = None
    """A private key, besides those of the agent and of ~/.ssh."""

    @property
    def known_as(self) -> str:
        """Its name in known_hosts, sshd(8) "SSH_KNOWN_HOSTS FILE FORMAT"."""
        return self.host if self.port == 22 else f"[{self.host}]:{self.port}"

    @property
    def ssh(self) -> str:
        """The command line of ssh(1) that leads there."""
        port = "" if self.port == 22 else f"-p {self.port} "
        key = "" if self.identity is None else f"-i {shlex.quote(str(self.identity))} "
        return f"ssh {port}{key}{self.user}@{self.host}"

    def __str__(self) -> str:
        """`root@one.example.org`, as --ssh takes it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.user}@{host}" + ("" if self.port == 22 else f":{self.port}")
