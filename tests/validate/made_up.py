"""Sites, checks and nodes made up for tests of the engine."""

from __future__ import annotations

import threading
from collections.abc import Callable

from b2ct.site.load import load_text
from b2ct.site.model import Site
from b2ct.ssh.answer import Answer, LostError, UnreachableError
from b2ct.validate.check import Check, check, of_function, site_check

SITE = """
site: {name: testing, domain: example.org}
networks: {service: {cidr: 10.77.0.0/24}}
nodes:
  - {name: one, role: control, interfaces: [{network: service, address: 10.77.0.1}]}
  - {name: hv1, role: hypervisor, interfaces: [{network: service, address: 10.77.0.2}]}
  - {name: hv2, role: hypervisor, interfaces: [{network: service, address: 10.77.0.3}]}
"""


def site() -> Site:
    return load_text(SITE)


def node_check(name: str, function: Callable[..., object], **metadata: object) -> Check:
    """A check of nodes; the function's parameters are what it wants."""
    values = {"proves": "p", "why": "w", "remedy": "ssh {user}@{address} mend", **metadata}
    return _made(name, check(**values), function)  # type: ignore[arg-type]


def whole_check(name: str, function: Callable[..., object], **metadata: object) -> Check:
    """A check of the site."""
    values = {"proves": "p", "why": "w", "remedy": "ssh {control} mend", **metadata}
    return _made(name, site_check(**values), function)  # type: ignore[arg-type]


def _made(
    name: str, mark: Callable[..., Callable[..., object]], function: Callable[..., object]
) -> Check:
    function.__name__ = f"test_{name.replace('-', '_')}"
    found = of_function(mark(function), "made up")
    assert found
    return found


class FakeNode:
    """Answers from a table; `lost_after` commands the connection breaks."""

    def __init__(self, name: str, lost_after: int = 1 << 30) -> None:
        self.name = name
        self.lost = ""
        self.commands: list[str] = []
        self.closed = threading.Event()
        self._left = lost_after

    def run(self, command: str, seconds: float | None = None) -> Answer:
        self.commands.append(command)
        self._left -= 1
        if command == "hang":
            self.closed.wait(20)
            self._left = -1
        if self._left < 0:
            self.lost = f"the connection to {self.name} was lost: gone"
            raise LostError(self.lost, hint="look")
        return Answer(0, f"{self.name}: {command}\n".encode(), b"")

    def close(self) -> None:
        self.closed.set()


def away(name: str) -> UnreachableError:
    return UnreachableError(f"{name} does not answer", hint="is it on?")
