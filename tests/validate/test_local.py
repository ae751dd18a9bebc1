from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.core.run import DeadlineError, bounded
from b2ct.ssh.answer import LARGEST, Answer, CommandTimeoutError
from b2ct.validate.local import LocalNode, this_node
from tests.validate.made_up import site

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="the checks need root")


@as_root
def test_commands_of_root() -> None:
    node = LocalNode("one")
    assert node.run("id -u; echo err >&2; exit 3") == Answer(3, b"0\n", b"err\n")
    assert node.run(r"printf '\000\377'").stdout == b"\0\xff"
    assert node.run("cat").stdout == b""
    assert node.run("echo $LC_ALL").stdout == b"C\n"
    node.close()


@as_root
def test_what_hangs_and_what_never_ends() -> None:
    node = LocalNode("one", seconds=0.3)
    with pytest.raises(CommandTimeoutError, match=r"`sleep 50` did not end within 0\.3 s"):
        node.run("sleep 50")
    with pytest.raises(CommandTimeoutError):
        node.run("cat /dev/zero")
    huge = node.run(f"head -c {2 * LARGEST} /dev/zero", 30)
    assert (len(huge.stdout), huge.cut) == (LARGEST, True)


def test_a_process_is_killed_with_its_children(tmp_path: Path) -> None:
    mark = tmp_path / "late"
    with pytest.raises(DeadlineError):
        bounded(["sh", "-c", f"(sleep 1; touch '{mark}') & sleep 50"], timeout=0.2, largest=10)
    time.sleep(1.2)
    assert not mark.exists()


def test_what_is_left_in_the_background_is_not_waited_for() -> None:
    timer = threading.Timer(20, os._exit, (1,))
    timer.start()
    done = bounded(["sh", "-c", "sleep 60 & echo now; exit 4"], timeout=30, largest=100)
    timer.cancel()
    assert (done.code, done.stdout, done.cut) == (4, b"now\n", False)


def test_this_machine_is_found_by_its_name() -> None:
    nodes = site().nodes
    assert this_node(nodes, "HV1.example.org").name == "hv1"
    with pytest.raises(B2ctError, match=r"called laptop.*\(it has: one, hv1, hv2\)") as caught:
        this_node(nodes, "laptop")
    assert "--node NAME" in caught.value.hint
