"""How the nodes of a site are reached: what the user said, made into connections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from b2ct.core.console import note
from b2ct.core.errors import B2ctError
from b2ct.ssh.answer import Asked
from b2ct.validate.remedy import reached

if TYPE_CHECKING:
    from b2ct.site.model import Node, Site
    from b2ct.ssh.target import Target


@dataclass(frozen=True)
class Access:
    """As the options of the command line say it; what they leave out is as ssh_config says."""

    user: str | None = None
    port: int | None = None
    identity: Path | None = None
    known_hosts: Path | None = None
    ssh_config: Path | None = None
    accept_new: bool = False
    jump: str = ""
    connect_seconds: float = 10.0
    command_seconds: float = 30.0
    local: bool = False


@contextmanager
def opener(site: Site, access: Access) -> Iterator[Callable[[Node], Asked]]:
    """What connects to a node of the site, while the block lasts.

    Raises B2ctError for a key, a file or a jump host that cannot be.
    """
    if access.local:
        from b2ct.validate.local import LocalNode

        yield lambda node: LocalNode(node.name, access.command_seconds)
        return
    from b2ct.ssh.door import Door, Times
    from b2ct.ssh.hostkeys import HostKeys
    from b2ct.ssh.node import SshNode

    if access.known_hosts is not None and not access.accept_new:
        _need_file(access.known_hosts)
    keys = HostKeys(
        (access.known_hosts,) if access.known_hosts else (),
        accept_new=access.accept_new,
        notice=note,
    )
    times = Times(access.connect_seconds, access.command_seconds)
    door = Door(keys, identity=access.identity, times=times)
    ways = Ways(site, access)
    try:
        yield lambda node: SshNode(door, ways.to(node))
    finally:
        door.close()


class Ways:
    """Where and as whom each node is logged in to."""

    def __init__(self, site: Site, access: Access) -> None:
        """Raises B2ctError for an ssh_config that cannot be read, and for a wrong --jump."""
        from b2ct.ssh.config import SshConfig

        self._site = site
        self._access = access
        self._config = SshConfig(access.ssh_config)
        self._nodes: dict[str, Node] = {}
        for node in site.nodes:
            self._nodes.update(dict.fromkeys((node.name, reached(node, site)), node))
        self._jumps = self._chain(access.jump)

    def to(self, node: Node) -> Target:
        """The way to a node. Raises UnreachableError for a ProxyJump that is none."""
        from b2ct.ssh.target import Target

        address, access = reached(node, self._site), self._access
        said = self._config.of(address, node.name)
        return Target(
            host=said.host or address,
            user=access.user or said.user or "root",
            port=access.port or said.port or 22,
            host_key=_key(node),
            node=node.name,
            jumps=self._jumps or self._chain(said.jump),
            known_as=said.known_as,
            identities=said.identities,
        )

    def _chain(self, text: str) -> tuple[Target, ...]:
        """Jump hosts; one that is a node of the site must show that node's key."""
        from b2ct.ssh.target import Jump, Target, jump_chain

        def made(jump: Jump) -> Target:
            said = self._config.of(jump.host)
            known = self._nodes.get(jump.host)
            return Target(
                host=said.host or jump.host,
                user=jump.user or said.user or self._access.user or "root",
                port=jump.port or said.port or 22,
                host_key=_key(known) if known else "",
                node=known.name if known else "",
                known_as=said.known_as,
                identities=said.identities,
            )

        return tuple(made(jump) for jump in jump_chain(text)) if text else ()


def _key(node: Node) -> str:
    return " ".join(node.host_key.split()[:2]) if node.host_key else ""


def _need_file(path: Path) -> None:
    if not path.expanduser().is_file():
        raise B2ctError(f"there is no file {path}", hint="correct --known-hosts")
