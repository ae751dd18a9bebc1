"""The way to a machine: what the user said, else ssh_config(5), else what is usual.

So that every verb reaches what `ssh NAME` reaches.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from b2ct.ssh.config import SshConfig
from b2ct.ssh.target import Target, jump_chain
from b2ct.ssh.words import Words

USER = "root"
PORT = 22


class Known(Protocol):
    """A machine of the site."""

    @property
    def name(self) -> str:
        """In site.yaml."""

    @property
    def host(self) -> str:
        """How it is reached."""

    @property
    def names(self) -> frozenset[str]:
        """All that it is called."""

    @property
    def host_key(self) -> str:
        """`type base64`; empty: known_hosts says."""


@dataclass(frozen=True)
class Wishes:
    """As the options of the command line say it; what they leave out is as ssh_config says."""

    user: str | None = None
    port: int | None = None
    jump: str = ""
    """`[user@]host[:port]`, several with commas; empty: as ssh_config says."""
    ssh_config: Path | None = None
    """Instead of ~/.ssh/config."""


class Ways:
    """Where and as whom each machine is logged in to."""

    def __init__(self, known: Iterable[Known], wishes: Wishes, words: Words | None = None) -> None:
        """Raises B2ctError for an ssh_config that cannot be read, and for a wrong `jump`."""
        self._wishes = wishes
        self._config = SshConfig(wishes.ssh_config, words)
        self._known = {name: one for one in known for name in (*one.names, one.host)}
        self._jumps = self._chain(wishes.jump)

    def at(self, host: str, user: str | None = None, port: int | None = None) -> Target:
        """To whatever the user calls `host`: a machine of the site, an alias, a name, an address.

        Raises UnreachableError for a ProxyJump that is none.
        """
        known = self._known.get(host)
        said = self._config.of(host, *([known.name] if known else []))
        return Target(
            host=said.host or host,
            user=user or self._wishes.user or said.user or USER,
            port=port or self._wishes.port or said.port or PORT,
            host_key=known.host_key if known else "",
            node=known.name if known else "",
            jumps=self._jumps or self._chain(said.jump),
            known_as=said.known_as,
            identities=said.identities,
        )

    def _chain(self, text: str) -> tuple[Target, ...]:
        """Jump hosts; one that is a machine of the site must show that one's key."""
        chain = []
        for jump in jump_chain(text) if text else ():
            said = self._config.of(jump.host)
            known = self._known.get(jump.host)
            chain.append(
                Target(
                    host=said.host or jump.host,
                    user=jump.user or said.user or self._wishes.user or USER,
                    port=jump.port or said.port or PORT,
                    host_key=known.host_key if known else "",
                    node=known.name if known else "",
                    known_as=said.known_as,
                    identities=said.identities,
                )
            )
        return tuple(chain)
