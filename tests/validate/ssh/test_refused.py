from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from b2ct.validate.answer import UnreachableError
from b2ct.validate.ssh.door import Times
from b2ct.validate.ssh.node import SshNode
from b2ct.validate.ssh.target import Target
from tests.validate.ssh.logins import door, target
from tests.validate.sshds import Ground, needs_sshd

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
