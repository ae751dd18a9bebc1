"""A front-end's sshd on the loopback network, and a line to it that breaks."""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from b2ct.ssh.door import Door
from b2ct.ssh.hostkeys import HostKeys
from b2ct.ssh.sftp import Line
from b2ct.ssh.target import Target
from tests.kickstart.concerns.network import (
    free_port,
    make_host_key,
    make_privilege_separation_folder,
    stop,
    wait_for,
)

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
needs_sshd = pytest.mark.skipif(not SSHD, reason="sshd is not installed")


@dataclass(frozen=True)
class FrontEnd:
    """A running sshd; `key` is the private key that it accepts."""

    port: int
    host_key: str
    key: Path
    user: str = field(default_factory=getpass.getuser)

    def line(self, **changes: Any) -> Line:
        """The way there; `changes` are fields of the target, `known_hosts` or `identity`."""
        identity = changes.pop("identity", self.key)
        keys = HostKeys(changes.pop("known_hosts", ()))
        values = {"host": "127.0.0.1", "user": self.user, "port": self.port,
                  "host_key": self.host_key, **changes}  # fmt: skip
        return Line(Door(keys, identity=identity, again=True), Target(**values))


@contextmanager
def front_end(root: Path, *, more: str = "", sftp: bool = True) -> Iterator[FrontEnd]:
    """An sshd with SFTP below `root`; `more` are lines of its configuration."""
    assert SSHD
    make_privilege_separation_folder()
    host_key = make_host_key(root, "ed25519")
    key = root / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    (root / "authorized_keys").write_bytes((root / "id_ed25519.pub").read_bytes())
    port = free_port("127.0.0.1")
    config = root / "sshd_config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {root}/etc/ssh/ssh_host_ed25519_key\n"
        f"AuthorizedKeysFile {root}/authorized_keys\nPidFile none\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        "PermitRootLogin prohibit-password\n"
        + ("Subsystem sftp internal-sftp\n" if sftp else "")
        + more
    )
    log = root / "sshd.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", str(config)], stdout=out, stderr=out, stdin=subprocess.DEVNULL
        )
        try:
            wait_for("127.0.0.1", port, process, log)
            yield FrontEnd(port, host_key, key)
        finally:
            stop(process)


@dataclass
class BreakingLine:
    """A TCP line to a port; `cuts` says after how many bytes each connection breaks."""

    port: int
    cuts: list[int]
    connections: int = 0
    silent: bool = False
    """What breaks says nothing: the connection stays open, and nothing comes through any more."""


@contextmanager
def breaking_line(to: int, cuts: list[int], *, silent: bool = False) -> Iterator[BreakingLine]:
    """Connections beyond those of `cuts` hold."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        line = BreakingLine(listening.getsockname()[1], list(cuts), silent=silent)
        threading.Thread(target=_accept, args=(listening, line, to), daemon=True).start()
        yield line


def _accept(listening: socket.socket, line: BreakingLine, to: int) -> None:
    with suppress(OSError):
        while True:
            here, _ = listening.accept()
            line.connections += 1
            left = line.cuts.pop(0) if line.cuts else 1 << 62
            there = socket.create_connection(("127.0.0.1", to))
            for source, target, limit in ((here, there, left), (there, here, 1 << 62)):
                ends = (source, target, limit, line.silent)
                threading.Thread(target=_pipe, args=ends, daemon=True).start()


def _pipe(source: socket.socket, target: socket.socket, limit: int, silent: bool) -> None:
    with suppress(OSError):
        while limit > 0 and (data := source.recv(min(65536, limit))):
            target.sendall(data)
            limit -= len(data)
    if silent and limit <= 0:
        return
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
