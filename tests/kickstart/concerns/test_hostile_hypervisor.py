"""A hypervisor that is not what it says: what it can do to the control node's registration."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from b2ct.kickstart import compose
from b2ct.kickstart.render import template_values
from b2ct.site import catalogue
from b2ct.site.catalogue import Role
from tests.kickstart.concerns.machine import site
from tests.kickstart.concerns.network import sshd
from tests.kickstart.concerns.test_trust import Room, build, installed, pytestmark, rooms

__all__ = ["pytestmark", "rooms"]

EVIL = "127.0.0.4"


def ready(rooms: list[Room], folder: Path, machines: int = 1) -> Room:
    """A site whose good hypervisor stands last in the list, after those that are false."""
    room = installed(rooms, build(folder))
    room.hypervisor.run(room.hypervisor.step("trust"))
    room.control.path("/oned.up").touch()
    listed = room.control.path("/etc/b2ct/hypervisors")
    evil = "".join(f"evil{number} {EVIL}\n" for number in range(machines))
    listed.write_text(evil + listed.read_text())
    return room


@contextmanager
def lets_in(room: Room, script: str) -> Iterator[None]:
    """A false hypervisor that accepts oneadmin's log-in and then does this."""
    program = room.hypervisor.root / "evil"
    program.write_text(f"#!/bin/bash\necho $$ >> {program}.pids\n{script}\n")
    program.chmod(0o755)
    pids = program.with_name("evil.pids")
    pids.touch()
    try:
        with sshd(room.hypervisor.root, EVIL, room.port, program):
            yield
    finally:
        for pid in pids.read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)


def state(room: Room) -> dict[str, str]:
    return dict(line.split(" ", 1) for line in room.register().splitlines())


SAYS = r"""
printf '\033]0;pwned\007\033[2J\302\2331m\r\nhv01 registered\000\011 \377 \342\200\256x' >&2
exit 1
"""


def test_what_it_says_cannot_be_taken_for_what_we_say(rooms: list[Room], tmp_path: Path) -> None:
    room = ready(rooms, tmp_path)
    with lets_in(room, SAYS):
        told = state(room)
        shown = room.control.run("/usr/sbin/b2ct-register").stdout
    assert told["hv01"] == "registered"
    assert told["evil0"].startswith("waits: it does not let oneadmin in yet: hv01 registered")
    logged = "".join(room.control.calls("logger"))
    assert re.fullmatch(r"[\n -~]*", shown + room.register() + logged)


def test_one_that_says_nothing_delays_no_other(rooms: list[Room], tmp_path: Path) -> None:
    """One after the other they would take longer than a test waits for a script."""
    room = ready(rooms, tmp_path, machines=8)
    room.control.environment["B2CT_LOG_IN_SECONDS"] = "10"
    with lets_in(room, "exec sleep 300"):
        told = state(room)
    assert told.pop("hv01") == "registered"
    assert len(told) == 8
    for line in told.values():
        assert line.startswith("waits: it does not ")


def test_one_that_never_ends_its_words_is_cut(rooms: list[Room], tmp_path: Path) -> None:
    room = ready(rooms, tmp_path)
    room.control.environment["B2CT_LOG_IN_SECONDS"] = "5"
    with lets_in(room, "exec yes hv01 registered >&2"):
        told = state(room)
    assert told["hv01"] == "registered"
    assert told["evil0"].startswith("waits: it does not let oneadmin in yet: ")
    assert len(told["evil0"]) < 300


@contextmanager
def mute(port: int) -> Iterator[None]:
    """It greets as an sshd does, and then never says a word."""
    with socket.create_server((EVIL, port)) as server:
        held: list[socket.socket] = []

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _ = server.accept()
                    client.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
                    held.append(client)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(10)
            for client in held:
                client.close()


def test_one_that_only_greets_delays_no_other(rooms: list[Room], tmp_path: Path) -> None:
    room = ready(rooms, tmp_path)
    room.control.environment["B2CT_SCAN_SECONDS"] = "3"
    with mute(room.port):
        told = state(room)
    assert told == {"evil0": f"waits: it does not answer ssh at {EVIL} yet", "hv01": "registered"}


@pytest.mark.parametrize("release", catalogue.RELEASES)
def test_what_runs_every_minute_has_an_end(release: str) -> None:
    described = site(release={"version": release})
    values = {**template_values(described, roles=[Role.CONTROL]), "role": Role.CONTROL}
    folder = "registration/files/etc"
    unit = compose.render_part(f"{folder}/systemd/system/b2ct-register.service.j2", values)
    cron = compose.render_part(f"{folder}/cron.d/b2ct-register.j2", values)
    assert ("\nTimeoutStartSec=15min\n" in unit) != (" timeout -s KILL 900 " in cron)
