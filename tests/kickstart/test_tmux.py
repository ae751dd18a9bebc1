"""%pre under Anaconda's tmux (EL7 and later): the dialogue gets a window of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from b2ct.site.catalogue import Role
from b2ct.site.model import Site
from tests.kickstart.machine import Machine, pre_of
from tests.kickstart.test_dialogue import CARD, CONFIRM, DISK, ERASE, bare
from tests.kickstart.test_pre import env_of, hypervisor


class Anaconda:
    """A tmux server of our own whose first window runs %pre, and a client that looks at it."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.machine = machine
        self._base = ["tmux", "-S", str(folder / "tmux"), "-f", "/dev/null"]
        # tmux takes PATH from whoever calls it, so that every call has the machine's.
        self._environment = {**os.environ, **machine.environment}
        # As Anaconda's tmux.conf has it: windows stay when their program has ended.
        script = f"bash {machine.root}/ks-script; echo ended with $?; sleep 60"
        self._run("new-session", "-d", "-x", "100", "-y", "40", "-n", "main")
        self._run("set-option", "-g", "remain-on-exit", "on")
        self._run("respawn-pane", "-k", script)
        self.client = pexpect.spawn(
            self._base[0],
            [*self._base[1:], "attach"],
            env={**self._environment, "TERM": "xterm"},
            encoding="utf-8",
            timeout=30,
            dimensions=(40, 100),
        )

    def _run(self, *words: str) -> str:
        done = subprocess.run(
            [*self._base, *words],
            env=self._environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def windows(self) -> list[str]:
        return self._run("list-windows", "-F", "#{window_name}").split()

    def answer(self, question: str, text: str) -> None:
        self.client.expect(question)
        self.client.send(f"{text}\r")

    def kill(self) -> None:
        subprocess.run([*self._base, "kill-server"], capture_output=True, check=False)
        self.client.close(force=True)

    def close_questions(self) -> None:
        self._run("kill-window", "-t", "questions")


@pytest.fixture
def anaconda(tmp_path: Path) -> Iterator[list[Anaconda]]:
    running: list[Anaconda] = []
    yield running
    for one in running:
        one.kill()


def test_the_dialogue_in_a_window_of_its_own(tmp_path: Path, anaconda: list[Anaconda]) -> None:
    one = Anaconda(bare(tmp_path, Site(), roles=[Role.HYPERVISOR]), tmp_path)
    anaconda.append(one)
    one.client.expect(r"\[us\]: ")
    assert one.windows() == ["main", "questions"]
    one.close_questions()  # somebody presses the wrong keys
    one.answer(r"\[us\]: ", "it")
    one.answer("such as hv01: ", "hv01")
    one.answer(CARD, "1")
    one.answer("Address: ", "dhcp")
    one.answer(r"b2ct\.example\.org: ", "example.org")
    one.answer("not known yet: ", "none")
    one.answer(DISK, "1")
    one.answer(ERASE, "sda")
    one.answer(CONFIRM, "yes")
    one.client.expect("ended with 0")
    assert one.windows() == ["main"]
    assert env_of(one.machine)["B2CT_FQDN"] == "hv01.example.org"
    assert one.machine.written("keyboard.ks") == "keyboard it\n"


def test_a_complete_description_opens_no_window(tmp_path: Path, anaconda: list[Anaconda]) -> None:
    one = Anaconda(hypervisor(tmp_path), tmp_path)
    anaconda.append(one)
    one.client.expect("ended with 0")
    assert one.windows() == ["main"]
    assert one.machine.asked() == []


def test_the_script_is_the_one_of_the_kickstart(tmp_path: Path) -> None:
    """What runs above is what Anaconda cuts out of the file."""
    machine = hypervisor(tmp_path)
    text = f"%pre --x\n{machine.script}%end\n"
    assert pre_of(text) == machine.script
