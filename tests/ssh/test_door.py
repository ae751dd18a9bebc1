from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from b2ct.ssh.answer import LostError, UnreachableError
from b2ct.ssh.door import Times
from b2ct.ssh.node import SshNode
from b2ct.ssh.target import Target
from tests.ssh.logins import as_root, door, silent, target
from tests.ssh.sshds import Ground, ground, needs_sshd

pytestmark = needs_sshd


@pytest.mark.parametrize(
    ("make", "said", "hint"),
    [
        (lambda path: path.write_text("no key"), "is no private key", "without .pub"),
        (lambda _path: None, "cannot read the private key", "correct --identity"),
        (
            lambda path: subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", path], check=True
            ),
            "has a passphrase",
            "ssh-add",
        ),
    ],
)
def test_identities_that_cannot_be_used(
    make: object, said: str, hint: str, field: Ground, tmp_path: Path
) -> None:
    make(tmp_path / "id")  # type: ignore[operator]
    with pytest.raises(UnreachableError, match=said) as caught:
        door(field, identity=tmp_path / "id")
    assert hint in caught.value.hint


@as_root
def test_through_two_jump_hosts_with_one_connection_each(field: Ground) -> None:
    jumps = (target(field, field["one"]), target(field, field["hv2"]))
    through = door(field)
    nodes = [SshNode(through, target(field, field["hv1"], jumps=jumps)) for _ in range(3)]
    said = {node.run("echo $SSH_CONNECTION").stdout.split()[2] for node in nodes}
    assert said == {field["hv1"].address.encode()}
    assert len(through._jumps) == 2
    through.close()
    with pytest.raises(LostError):
        nodes[0].run("echo gone")


@as_root
def test_a_jump_host_that_forwards_nothing(field: Ground, tmp_path: Path) -> None:
    with ground(tmp_path, "gate", more="AllowTcpForwarding no\n") as other:
        gate = target(other, other["gate"])
        way = target(field, field["hv1"], jumps=(gate,))
        with pytest.raises(UnreachableError, match="cannot be reached from the jump host") as err:
            SshNode(door(other), way)
    assert "AllowTcpForwarding" in err.value.hint


@as_root
def test_behind_a_jump_host_nobody_listens(field: Ground) -> None:
    way = target(field, field["hv1"], port=1, jumps=(target(field, field["one"]),))
    with pytest.raises(UnreachableError, match="cannot be reached from the jump host"):
        SshNode(door(field), way)


def test_a_jump_host_that_is_away_is_tried_once(field: Ground) -> None:
    with silent() as (port, connections):
        gate = Target("127.0.0.1", "root", port, host_key=field["one"].host_key)
        through = door(field, times=Times(connect=0.3))
        for _ in range(3):
            with pytest.raises(UnreachableError, match="the jump host does not let us in"):
                SshNode(through, target(field, field["hv1"], jumps=(gate,)))
    assert connections() == 1  # type: ignore[operator]


def test_a_port_that_says_nothing_costs_one_attempt(field: Ground) -> None:
    with silent() as (port, connections):
        with pytest.raises(UnreachableError, match="cannot be reached by ssh"):
            SshNode(
                door(field, times=Times(connect=0.3)),
                Target("127.0.0.1", "root", port, host_key=field["one"].host_key),
            )
        assert connections() == 1  # type: ignore[operator]
