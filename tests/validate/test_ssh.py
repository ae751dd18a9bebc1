from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from b2ct.validate.answer import Answer, CommandTimeoutError, LostError, UnreachableError
from b2ct.validate.hostkeys import HostKeys
from b2ct.validate.ssh import Door, Jump, SshNode, Target, Times, jump_chain
from tests.validate.sshds import Ground, Machine, ground, needs_sshd

pytestmark = needs_sshd
QUICK = Times(connect=5, command=20)


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with ground(tmp_path_factory.mktemp("field"), "one", "hv1", "hv2") as made:
        yield made


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


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="the sshd of a test lets its own user in")


@as_root
def test_many_commands_over_one_connection(field: Ground) -> None:
    node = SshNode(door(field), target(field, field["hv1"]))
    assert node.name == "hv1"
    shells = {node.run("echo $PPID; exit 4").stdout for _ in range(5)}
    assert len(shells) == 1
    assert node.run("echo err >&2; exit 4") == Answer(4, b"", b"err\n")
    node.close()
    node.close()


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


def test_a_key_that_is_not_admitted(field: Ground, tmp_path: Path) -> None:
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    with pytest.raises(UnreachableError, match="accepts none of your SSH keys") as caught:
        SshNode(door(field, identity=other), target(field, field["hv1"]))
    assert "--identity" in caught.value.hint


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


# --- jump hosts


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


def test_jump_hosts_as_they_are_written() -> None:
    assert jump_chain("gate") == (Jump("gate"),)
    assert jump_chain("a@b:22, [::1]:2222,c") == (
        Jump("b", "a", 22), Jump("::1", "", 2222), Jump("c"),
    )  # fmt: skip


@pytest.mark.parametrize("text", ["@host", "host:", "host:x", "host:70000", ",", "-oX", "a@", ""])
def test_what_is_no_jump_host(text: str) -> None:
    with pytest.raises(UnreachableError, match="is no jump host") as caught:
        jump_chain(text)
    assert "[USER@]HOST[:PORT]" in caught.value.hint


# --- nodes that do not answer


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


def test_a_port_that_says_nothing_costs_one_attempt(field: Ground) -> None:
    with silent() as (port, connections):
        with pytest.raises(UnreachableError, match="cannot be reached by ssh"):
            SshNode(
                door(field, times=Times(connect=0.3)),
                Target("127.0.0.1", "root", port, host_key=field["one"].host_key),
            )
        assert connections() == 1  # type: ignore[operator]


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


# --- what breaks later


@as_root
def test_a_connection_that_breaks_is_made_again_once(tmp_path: Path) -> None:
    with ground(tmp_path, "hv1") as here:
        node = SshNode(door(here), target(here, here["hv1"]))
        first = node.run("echo $PPID").stdout
        here["hv1"].drop()
        assert node.run("echo $PPID").stdout not in (b"", first)
        assert not node.lost
        here["hv1"].drop()
        with pytest.raises(LostError, match="the connection to hv1 was lost") as caught:
            node.run("echo on")
        assert node.lost in caught.value.message
        assert "ssh root@127.77.0.1 -p" in caught.value.hint


@as_root
def test_a_machine_that_goes_down_in_the_middle_of_a_command(tmp_path: Path) -> None:
    with ground(tmp_path, "hv1") as here:
        node = SshNode(door(here), target(here, here["hv1"]))
        timer = threading.Timer(0.3, here["hv1"].stop)
        timer.start()
        with pytest.raises(LostError, match=r"the connection to hv1 was lost: .*; then "):
            node.run("sleep 30")
        timer.join()


@as_root
def test_a_command_that_hangs_is_killed_with_all_it_started(field: Ground) -> None:
    node = SshNode(door(field), target(field, field["hv1"]))
    with pytest.raises(CommandTimeoutError, match=r"`sleep 4321\.5 & .*` did not end within 0\.5"):
        node.run("sleep 4321.5 & sleep 4321.5; echo never", 0.5)
    assert node.run("echo on").stdout == b"on\n"
    for _ in range(100):  # the processes go when the signal reaches them
        if not _running("4321.5"):
            break
        time.sleep(0.05)
    assert not _running("4321.5")
    node.close()


def _running(word: str) -> bool:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if word.encode() in words and b"sleep" in words:
            return True
    return False


@as_root
def test_closing_from_another_thread_ends_a_command(field: Ground) -> None:
    node = SshNode(door(field), target(field, field["hv1"]))
    timer = threading.Timer(0.3, node.close)
    timer.start()
    with pytest.raises(LostError):
        node.run("sleep 30")


# --- who we are there


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Where another user can read the keys that admit him; pytest's own folders are closed."""
    with tempfile.TemporaryDirectory(prefix="b2ct-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@as_root
@pytest.mark.skipif(not shutil.which("sudo"), reason="sudo is not installed")
@pytest.mark.parametrize("may", [True, False])
def test_another_user_becomes_root_by_sudo(may: bool, open_folder: Path) -> None:
    tmp_path = open_folder
    accounts = Path("/etc/passwd").read_text()
    (tmp_path / "passwd").write_text(f"{accounts}gustav:x:54321:54321::/tmp:/bin/bash\n")
    (tmp_path / "shadow").write_text("root:*:1::::::\ngustav:*:1::::::\n")
    sudoers = tmp_path / "sudoers"
    sudoers.write_text("gustav ALL=(ALL) NOPASSWD: ALL\n" if may else "gustav ALL=(ALL) ALL\n")
    sudoers.chmod(0o440)
    script = "".join(
        f"mount --bind '{tmp_path}/{name}' /etc/{name} && "
        for name in ("passwd", "shadow", "sudoers")
    )
    before = ("unshare", "--mount", "--propagation", "private", "sh", "-c",
              f'{script}exec "$@"', "sh")  # fmt: skip
    with ground(tmp_path, "hv1", before=before) as here:
        way = target(here, here["hv1"], user="gustav")
        if may:
            node = SshNode(door(here), way)
            assert node.run("id -u; echo $SUDO_USER").stdout == b"0\ngustav\n"
            with pytest.raises(CommandTimeoutError):
                node.run("sleep 5432.1", 0.3)
            assert node.run("id -un").stdout == b"root\n"
            node.close()
        else:
            with pytest.raises(UnreachableError, match="may not become root") as caught:
                SshNode(door(here), way)
            assert "password is required" in caught.value.message
            assert "NOPASSWD" in caught.value.hint


@as_root
def test_an_account_without_a_shell(tmp_path: Path) -> None:
    with (
        ground(tmp_path, "hv1", more="ForceCommand echo closed for today\n") as here,
        pytest.raises(UnreachableError, match="gives no shell: closed for today"),
    ):
        SshNode(door(here), target(here, here["hv1"]))


@as_root
def test_a_tunnel_to_a_port_of_the_node(field: Ground) -> None:
    from b2ct.validate.tunnel import forwarded

    node = SshNode(door(field), target(field, field["hv1"]))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with forwarded(node.tunnel, "127.0.0.1", port) as here:
            listening.accept()[0].close()  # the first is only a trial
            for text in (b"one", b"two" * 100000):
                with socket.create_connection(("127.0.0.1", here)) as client:
                    served, _ = listening.accept()
                    threading.Thread(target=client.sendall, args=(text,), daemon=True).start()
                    got = b""
                    while len(got) < len(text):
                        got += served.recv(1 << 16)
                    served.sendall(b"thanks")
                    served.close()
                    assert got == text
                    assert client.recv(100) == b"thanks"
    with (
        pytest.raises(UnreachableError, match="cannot be reached from hv1"),
        forwarded(node.tunnel, "127.0.0.1", 1),
    ):
        pass
    node.close()
