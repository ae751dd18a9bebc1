from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from b2ct.ssh.answer import Answer, CommandTimeoutError, LostError, UnreachableError
from b2ct.ssh.node import SshNode
from tests.ssh.logins import as_root, door, target
from tests.ssh.sshds import Ground, ground, needs_sshd

pytestmark = needs_sshd


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
def test_a_command_is_fed_more_than_a_window_holds(field: Ground) -> None:
    node = SshNode(door(field), target(field, field["hv1"]))
    data, told = os.urandom(6 * 2**20), 0

    def advance(count: int) -> None:
        nonlocal told
        told += count

    answer = node.feed("sha256sum; echo also >&2; exit 3", data, 60, advance)
    assert answer.code == 3
    assert hashlib.sha256(data).hexdigest() in answer.stdout.decode()
    assert b"also" in answer.stdout
    assert told == len(data)


@as_root
def test_what_ends_before_it_was_fed_still_says_why(field: Ground) -> None:
    node = SshNode(door(field), target(field, field["hv1"]))
    answer = node.feed("echo no room; exit 1", bytes(8 * 2**20), 60)
    assert (answer.code, answer.stdout) == (1, b"no room\n")


@as_root
def test_what_is_fed_and_hangs_is_left_after_its_time(field: Ground) -> None:
    node = SshNode(door(field), target(field, field["hv1"]))
    with pytest.raises(CommandTimeoutError, match=r"did not end within 1 s"):
        node.feed("exec sleep 5", b"", 1)
    assert node.run("echo on").stdout == b"on\n"
