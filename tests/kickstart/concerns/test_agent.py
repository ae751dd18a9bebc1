"""What the agent gives away that OpenNebula's drivers lend to a hypervisor while they move a disk.

OpenNebula 5.12 to 7.4 (SSH_FWD in src/mad/sh/scripts_common.sh): clone, mv, cpds, mvds and the
like of the drivers `ssh`, `fs_lvm_ssh` and `ceph` log in with ForwardAgent=yes. docs/security.md
says what follows; here it is tried, on real sshds.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from b2ct.core.data import data_folder
from tests.kickstart.concerns.machine import user
from tests.kickstart.concerns.network import free_port, make_host_key, sshd

FALSE, TRUE = "127.0.0.4", "127.0.0.5"

pytestmark = pytest.mark.skipif(
    not shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin"),
    reason="sshd is not installed",
)


@dataclass(frozen=True)
class Pair:
    """A false and a true hypervisor, and oneadmin's key in an agent."""

    port: int
    agent: str

    def as_oneadmin(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A log-in from the control node to the false hypervisor."""
        return subprocess.run(
            [*ssh(self.port), *words], capture_output=True, text=True, check=False, timeout=30,
            env={**os.environ, "SSH_AUTH_SOCK": self.agent},
        )  # fmt: skip


def ssh(port: int) -> list[str]:
    return [
        "ssh", "-F", "/dev/null", "-p", str(port), "-o", "BatchMode=yes", "-o", "LogLevel=ERROR",
        "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
        "-o", "IdentityFile=none",
    ]  # fmt: skip


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    port = free_port(FALSE, TRUE)
    roots = [tmp_path / "false", tmp_path / "true"]
    for root in roots:
        make_host_key(root, "ed25519")
        keys = root / "var/lib/one/.ssh/authorized_keys"
        keys.parent.mkdir(parents=True)
        keys.write_text(key.with_suffix(".pub").read_text())
    said = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
    agent, number = re.findall(r"SSH_AUTH_SOCK=([^;]+);|SSH_AGENT_PID=(\d+);", said)
    environment = {**os.environ, "SSH_AUTH_SOCK": agent[0], "SSH_AGENT_PID": number[1]}
    try:
        subprocess.run(["ssh-add", "-q", key], env=environment, check=True)
        with sshd(roots[0], FALSE, port), sshd(roots[1], TRUE, port):
            yield Pair(port, agent[0])
    finally:
        subprocess.run(["ssh-agent", "-k"], env=environment, check=False, capture_output=True)


def test_while_it_is_lent_its_root_logs_in_elsewhere(pair: Pair) -> None:
    """It can use the key, and have no copy of it."""
    further = " ".join([*ssh(pair.port), f"{user()}@{TRUE}", "echo in"])
    lent = pair.as_oneadmin("-o", "ForwardAgent=yes", f"{user()}@{FALSE}", further)
    assert lent.stdout == "in\n", lent.stderr
    listed = pair.as_oneadmin("-o", "ForwardAgent=yes", f"{user()}@{FALSE}", "ssh-add -L")
    assert listed.stdout.startswith("ssh-ed25519 ")
    assert "PRIVATE" not in listed.stdout


def test_otherwise_it_gets_nothing(pair: Pair) -> None:
    further = " ".join([*ssh(pair.port), f"{user()}@{TRUE}", "echo in"])
    assert pair.as_oneadmin(f"{user()}@{FALSE}", further).stdout == ""


def test_no_script_of_ours_lends_the_agent() -> None:
    """`validate` alone does, to the hypervisors that it asks to log in to each other."""
    texts = [path.read_text() for path in data_folder("kickstart").rglob("*") if path.is_file()]
    assert sum("ssh " in text for text in texts) > 3
    assert not [t for t in texts if re.search(r"ForwardAgent[= ]yes|\bssh( -\S+)* -\w*A\b", t)]
