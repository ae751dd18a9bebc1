"""What a check may ask for, by the names of its parameters.

    host     testinfra's Host of the node
    node     the node as site.yaml describes it
    site     the whole of site.yaml
    options  what the user chose (`Options`)
    hosts    every node that answers (`Hosts`); checks of the site only
    cloud    OpenNebula's client, on the control node's oned; checks of the site only
    to_cloud a function that makes it, for checks that can say something when it does not answer

The same command asked twice of a node is answered once in a run, for checks only read. Where time
passes between two looks (an object fetched a second time, a VM that is to come up), ask with
`fresh(host, ...)` instead of `host.run(...)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from b2ct.core.errors import B2ctError
from b2ct.validate.check import Check, Subject

if TYPE_CHECKING:
    from testinfra.backend.base import CommandResult
    from testinfra.host import Host

    from b2ct.one.client import Client
    from b2ct.site.model import Node, Site

TO_NODES = frozenset({"host", "node", "site", "options"})
TO_SITE = frozenset({"hosts", "site", "cloud", "to_cloud", "options"})
WIDEST = 32
"""Nodes that are asked at once by `Hosts.each`."""

Answer = TypeVar("Answer")


def _no_password() -> str:
    raise B2ctError(
        "the password of DIRAC's user is not at hand here", hint="run `b2ct validate --dirac`"
    )


@dataclass(frozen=True)
class Options:
    """What the user chose, for checks that have a choice."""

    dirac: bool = False
    """Also ask DIRAC for a job."""
    test_vms: bool = True
    """Start a VM from each worker template, and remove it again."""
    vm_seconds: float = 60.0
    """In which a test VM has to run and to be contextualised."""
    folder: Path = field(default_factory=Path)
    """That of site.yaml, to which the files it names are relative."""
    identity: Path | None = None
    """The private key that the user named."""
    dirac_password: Callable[[], str] = _no_password
    """Looks the password of DIRAC's user up. Raises B2ctError where it cannot."""


class Hosts(Mapping[str, "Host"]):
    """The nodes that answer, by name, in the order of site.yaml."""

    def __init__(self, hosts: Mapping[str, Host]) -> None:
        self._hosts = dict(hosts)

    def __getitem__(self, name: str) -> Host:
        """The node of that name. Raises KeyError for one that does not answer."""
        return self._hosts[name]

    def __iter__(self) -> Iterator[str]:
        """Names, in the order of site.yaml."""
        return iter(self._hosts)

    def __len__(self) -> int:
        """How many answer."""
        return len(self._hosts)

    def each(self, ask: Callable[[str, Host], Answer]) -> dict[str, Answer]:
        """Ask all nodes at once: `ask(name, host)` for each, the answers by name, in order.

        Raises what the first `ask` (in order) raised, when all have ended.
        """
        if not self._hosts:
            return {}
        with ThreadPoolExecutor(min(WIDEST, len(self._hosts))) as pool:
            asked = {name: pool.submit(ask, name, host) for name, host in self._hosts.items()}
        return {name: answer.result() for name, answer in asked.items()}


def fresh(host: Host, command: str, *args: str) -> CommandResult:
    """`host.run` that really asks, whatever was asked before. `%s` are quoted as there."""
    ask = getattr(host.backend, "run_fresh", host.backend.run)
    result: CommandResult = ask(command, *args)
    return result


def unknown(check: Check) -> tuple[str, ...]:
    """The parameters of a check that nothing is given for."""
    known = TO_NODES if check.subject is Subject.NODE else TO_SITE
    return tuple(name for name in check.wants if name not in known)


def arguments(
    check: Check,
    site: Site,
    options: Options,
    *,
    host: Host | None = None,
    node: Node | None = None,
    hosts: Hosts | None = None,
    cloud: Callable[[], Client] | None = None,
) -> dict[str, Any]:
    """The arguments of a check. `cloud` is called only for one that wants it."""
    have: dict[str, Any] = {
        "host": host, "node": node, "site": site, "options": options, "hosts": hosts,
        "to_cloud": cloud,
    }  # fmt: skip
    if "cloud" in check.wants and cloud is not None:
        have["cloud"] = cloud()
    return {name: have[name] for name in check.wants}
