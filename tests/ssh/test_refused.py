from __future__ import annotations

import socket
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from b2ct.ssh.answer import UnreachableError
from b2ct.ssh.door import Times
from b2ct.ssh.node import SshNode
from b2ct.ssh.refused import in_words
from b2ct.ssh.target import Target
from tests.ssh.logins import door, target
from tests.ssh.sshds import Ground, needs_sshd

pytestmark = needs_sshd


def test_a_key_that_is_not_admitted(field: Ground, tmp_path: Path) -> None:
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    with pytest.raises(UnreachableError, match="accepts none of your SSH keys") as caught:
        SshNode(door(field, identity=other), target(field, field["hv1"]))
    assert "--identity" in caught.value.hint


def test_an_address_that_swallows_packets(field: Ground) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        fillers = [socket.socket() for _ in range(3)]
        for one in fillers:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        way = Target("127.0.0.1", port=full.getsockname()[1], host_key=field["one"].host_key)
        with pytest.raises(UnreachableError, match="does not answer on port") as caught:
            SshNode(door(field, times=Times(connect=0.3)), way)
        for one in fillers:
            one.close()
    assert "0.3 s" in caught.value.message
    assert "is the machine on" in caught.value.hint


def test_no_sshd_there(field: Ground) -> None:
    with pytest.raises(UnreachableError, match="refuses connections") as caught:
        SshNode(door(field), Target("127.0.0.1", port=1, host_key=field["one"].host_key))
    assert "systemctl enable --now sshd" in caught.value.hint


def test_a_name_that_leads_nowhere(field: Ground) -> None:
    with pytest.raises(UnreachableError, match="cannot be resolved") as caught:
        SshNode(door(field), Target("no-such-host.invalid", node="hv7"))
    assert "`address`" in caught.value.hint


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("No existing session", "the connection ended while we were logging in"),
        ("Error reading SSH protocol banner", "what answers there is no sshd"),
        ("sudo: sorry, you must have a tty to run sudo", "its sudo wants a terminal"),
        ("This account is currently not available.", "the account's shell is nologin"),
        ("sudo: a password is required", "its sudo asks for a password"),
    ],
)
def test_what_libraries_say_is_told_in_words(said: str, told: str) -> None:
    assert in_words(said).startswith(told)
    assert in_words(said).endswith(f"({said})")


def test_a_long_banner_is_cut() -> None:
    assert len(in_words("x" * 300_000)) < 200
    assert len(in_words("No existing session " + "x" * 300_000)) < 250


def test_a_server_that_talks_and_talks(field: Ground) -> None:
    """A banner of 300 KB, as a chat server or a web server has it."""

    def talk(server: socket.socket) -> None:
        with suppress(OSError):
            one, _ = server.accept()
            with one:
                for _ in range(3000):
                    one.sendall(b"x" * 98 + b"\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=talk, args=(server,), daemon=True).start()
        way = Target("127.0.0.1", port=server.getsockname()[1], host_key=field["one"].host_key)
        with pytest.raises(UnreachableError, match="no sshd, or it talks for too long") as caught:
            SshNode(door(field, times=Times(connect=5.0)), way)
    assert len(caught.value.message) < 400
