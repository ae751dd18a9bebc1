"""testinfra over our connections: commands are remembered, and kept as evidence."""

from __future__ import annotations

import threading
from typing import Any

from testinfra.backend.base import BaseBackend, CommandResult
from testinfra.host import Host

from b2ct.ssh.answer import Answer, Asked, CommandTimeoutError


class RememberingBackend(BaseBackend):  # type: ignore[misc]  # testinfra has no types
    """What testinfra asks goes to `asked`; the same question is asked once.

    One thread at a time asks: a node's checks run one after the other.
    """

    NAME = "b2ct"

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked.name)
        self._asked = asked
        self._lock = threading.RLock()
        self._known: dict[str, Answer | CommandTimeoutError] = {}
        self._evidence: dict[str, Answer | None] = {}
        self.asked = 0
        """Commands that went over the line."""
        self.remembered = 0
        """Commands that did not have to."""

    def run(self, command: str, *args: str, **_kwargs: Any) -> CommandResult:
        """Run a command as root, or repeat what it answered before."""
        return self._result(self.get_command(command, *args), fresh=False)

    def run_fresh(self, command: str, *args: str) -> CommandResult:
        """The same, always asked."""
        return self._result(self.get_command(command, *args), fresh=True)

    @property
    def tunnel(self) -> Any:
        """Opens a connection from the node to a host and port; None where this is the node."""
        return getattr(self._asked, "tunnel", None)

    def get_encoding(self) -> str:
        """Asking the node would cost a Python interpreter there."""
        return "UTF-8"

    def decode(self, data: bytes) -> str:
        """Text of whatever came: a check must not break on a byte."""
        return data.decode(errors="replace")

    def encode(self, data: str) -> bytes:
        """The opposite."""
        return data.encode(errors="surrogateescape")

    def evidence(self) -> dict[str, Answer | None]:
        """Commands since the last call with their answers; None: it did not end."""
        with self._lock:
            taken, self._evidence = self._evidence, {}
        return taken

    def _result(self, command: str, *, fresh: bool) -> CommandResult:
        with self._lock:
            answer = self._answer(command, fresh=fresh)
            self._evidence.pop(command, None)
            if isinstance(answer, CommandTimeoutError):
                self._evidence[command] = None
                raise answer
            self._evidence[command] = answer
        return CommandResult(self, answer.code, self.encode(command), answer.stdout, answer.stderr)

    def _answer(self, command: str, *, fresh: bool) -> Answer | CommandTimeoutError:
        if not fresh and command in self._known:
            self.remembered += 1
            return self._known[command]
        self.asked += 1
        answer: Answer | CommandTimeoutError
        try:
            answer = self._asked.run(command)
        except CommandTimeoutError as late:
            answer = late
        self._known[command] = answer
        return answer


def host_of(asked: Asked) -> Host:
    """A testinfra Host that asks a node."""
    backend = RememberingBackend(asked)
    host = Host(backend)
    backend.set_host(host)
    return host
