from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from b2ct.ssh.answer import UnreachableError
from b2ct.ssh.hostkeys import HostKeys
from b2ct.ssh.node import SshNode
from tests.ssh.logins import as_root, door, target
from tests.ssh.sshds import Ground, needs_sshd

pytestmark = needs_sshd


@as_root
def test_another_host_key_than_the_pinned_one_is_refused(field: Ground) -> None:
    other = field["hv2"].host_key
    with pytest.raises(UnreachableError, match="shows another SSH host key than") as caught:
        SshNode(door(field), target(field, field["hv1"], host_key=other))
    assert "`host_key` of hv1 in site.yaml" in caught.value.message
    assert caught.value.message.count("SHA256:") == 2
    assert "write `host_key: ssh-ed25519 AAAA" in caught.value.hint


def test_a_host_key_of_an_unknown_kind(field: Ground) -> None:
    with pytest.raises(UnreachableError, match="of a kind that is not known") as caught:
        SshNode(door(field), target(field, field["hv1"], host_key="ssh-foo AAAAB3NzaC1yc2E="))
    assert "ed25519" in caught.value.hint


def test_an_unknown_host_key_is_refused_with_the_line_to_pin(field: Ground) -> None:
    machine = field["hv1"]
    with pytest.raises(UnreachableError, match="is not known: it shows SHA256:") as caught:
        SshNode(door(field), target(field, machine, host_key=""))
    kind, key = machine.host_key.split()[:2]
    assert f"`host_key: {kind} {key}` to the node hv1 in site.yaml" in caught.value.hint
    assert "--accept-new" in caught.value.hint


@as_root
def test_accept_new_learns_a_key_once_and_refuses_another(field: Ground, tmp_path: Path) -> None:
    file = tmp_path / "folder" / "known_hosts"
    machine, notes = field["hv1"], list[str]()
    learning = HostKeys([file], accept_new=True, notice=notes.append)
    for _ in range(2):
        SshNode(door(field, keys=learning), target(field, machine, host_key="")).close()
    name = f"[{machine.address}]:{machine.port}"
    assert file.read_text() == f"{name} {' '.join(machine.host_key.split()[:2])}\n"
    assert len(notes) == 1
    # What was written is what a run without the option reads, and ssh-keygen understands.
    SshNode(door(field, keys=HostKeys([file])), target(field, machine, host_key="")).close()
    assert name in subprocess.check_output(["ssh-keygen", "-F", name, "-f", file], text=True)
    file.write_text(f"{name} {' '.join(field['hv2'].host_key.split()[:2])}\n")
    again = HostKeys([file], accept_new=True)
    with pytest.raises(UnreachableError, match="than known_hosts says") as caught:
        SshNode(door(field, keys=again), target(field, machine, host_key=""))
    assert f"ssh-keygen -R '{name}'" in caught.value.hint


def test_accept_new_that_cannot_be_written_is_told(field: Ground, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    keys = HostKeys([tmp_path / "file" / "known_hosts"], accept_new=True)
    with pytest.raises(UnreachableError, match="cannot write"):
        SshNode(door(field, keys=keys), target(field, field["hv1"], host_key=""))


@as_root
def test_known_hosts_with_odd_lines_and_hashed_names(field: Ground, tmp_path: Path) -> None:
    machine = field["hv1"]
    name = f"[{machine.address}]:{machine.port}"
    file = tmp_path / "known_hosts"
    file.write_text(f"{name} {machine.host_key}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", file], check=True, capture_output=True)
    file.write_text(f"# a comment\n\ngarbage\n@cert-authority * ssh-foo AA\n{file.read_text()}")
    keys = HostKeys([file])
    SshNode(door(field, keys=keys), target(field, machine, host_key="")).close()


@as_root
def test_a_name_of_known_hosts_by_alias(field: Ground, tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"the-alias {field['hv1'].host_key}\n")
    way = target(field, field["hv1"], host_key="", known_as="the-alias")
    SshNode(door(field, keys=HostKeys([file])), way).close()
