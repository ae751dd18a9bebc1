"""How the nodes of a site are reached: what the user said, made into connections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from b2ct.core.console import note
from b2ct.core.errors import B2ctError
from b2ct.site import places
from b2ct.ssh.answer import Asked

if TYPE_CHECKING:
    from b2ct.site.model import Node, Site
    from b2ct.ssh.ways import Ways


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
    made = ways(site, access)
    try:
        yield lambda node: SshNode(door, made.at(places.reached(node, site)))
    finally:
        door.close()


def ways(site: Site, access: Access) -> Ways:
    """Where and as whom each node is logged in to.

    Raises B2ctError for an ssh_config that cannot be read, and for a wrong --jump.
    """
    from b2ct.ssh.ways import Ways, Wishes

    wishes = Wishes(access.user, access.port, access.jump, access.ssh_config)
    return Ways(places.places(site), wishes)


def _need_file(path: Path) -> None:
    if not path.expanduser().is_file():
        raise B2ctError(f"there is no file {path}", hint="correct --known-hosts")
