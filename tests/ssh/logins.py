"""Doors and targets of the real sshds that the tests log in to."""

from __future__ import annotations

import os
import socket
import threading

import pytest

from b2ct.ssh.door import Door, Times
from b2ct.ssh.hostkeys import HostKeys
from b2ct.ssh.target import Target
from tests.ssh.sshds import Ground, Machine

QUICK = Times(connect=5, command=20)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="the sshd of a test lets its own user in")


def door(here: Ground, **changes: object) -> Door:
    values: dict[str, object] = {
        "identity": here.key, "times": QUICK, "use_agent": False, **changes,
    }  # fmt: skip
    keys = values.pop("keys", None) or HostKeys([here.key.with_name("no-known-hosts")])
    return Door(keys, **values)  # type: ignore[arg-type]


def target(here: Ground, machine: Machine, **changes: object) -> Target:
    values: dict[str, object] = {
        "host": machine.address, "user": here.user, "port": machine.port,
        "host_key": machine.host_key, "node": machine.name, **changes,
    }  # fmt: skip
    return Target(**values)  # type: ignore[arg-type]


class silent:  # noqa: N801 - used as a function
    """A port that takes connections and says nothing."""

    def __enter__(self) -> tuple[int, object]:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._taken: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()
        return self._server.getsockname()[1], lambda: len(self._taken)

    def _accept(self) -> None:
        try:
            while True:
                self._taken.append(self._server.accept()[0])
        except OSError:
            return

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for one in self._taken:
            one.close()
