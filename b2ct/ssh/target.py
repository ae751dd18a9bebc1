"""Where and as whom to log in, and the jump hosts on the way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from b2ct.ssh.answer import UnreachableError
from b2ct.ssh.hostkeys import Pin


@dataclass(frozen=True)
class Target:
    """Where and as whom to log in."""

    host: str
    user: str = "root"
    port: int = 22
    host_key: str = ""
    """`type base64`, from site.yaml; empty: known_hosts says."""
    node: str = ""
    """Its name in site.yaml, for messages."""
    jumps: tuple[Target, ...] = ()
    """Through these, the first of them first."""
    known_as: str = ""
    """Its name in known_hosts, where it is not the usual one."""
    identities: tuple[Path, ...] = ()
    """Private keys for this one, besides the usual ones."""

    @property
    def pin(self) -> Pin:
        """Whose key it must show."""
        name = self.host if self.port == 22 else f"[{self.host}]:{self.port}"
        return Pin(name, self.host_key, self.node, self.known_as)

    @property
    def account(self) -> str:
        """`root@one.example.org`, or with its port, as scp(1) and people write it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.user}@{host}" + ("" if self.port == 22 else f":{self.port}")

    def __str__(self) -> str:
        """`root@one.example.org`, as ssh(1) takes it."""
        return f"{self.user}@{self.host}" + (f" -p {self.port}" if self.port != 22 else "")


@dataclass(frozen=True)
class Jump:
    """A jump host as somebody wrote it; what is not said is empty."""

    host: str
    user: str = ""
    port: int = 0


def jump_chain(text: str) -> tuple[Jump, ...]:
    """`[user@]host[:port]`, several with commas, as ssh -J takes them. Raises UnreachableError."""
    chain = []
    for part in text.split(","):
        name, at, place = part.strip().rpartition("@")
        host, colon, port = _place(place)
        number = int(port) if port.isdigit() and len(port) < 6 else 0
        if not host or host.startswith("-") or number > 65535 or (at and not name):
            raise _no_jump(text)
        if colon and not number:
            raise _no_jump(text)
        chain.append(Jump(host, name, number))
    return tuple(chain)


def _no_jump(text: str) -> UnreachableError:
    return UnreachableError(
        f"{text!r} is no jump host",
        hint="give [USER@]HOST[:PORT], such as gate.example.org; several with commas",
    )


def _place(text: str) -> tuple[str, str, str]:
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, rest[:1], rest[1:]
    return text.partition(":")
