from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2ct.ssh.answer import LARGEST, Answer
from b2ct.ssh.shell import EndedError, Shell, last_line
from tests.ssh.shells import streams


@pytest.fixture
def shell() -> Iterator[Shell]:
    with streams() as made:
        yield Shell(made, 10)


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("echo out; echo err >&2; exit 3", Answer(3, b"out\n", b"err\n")),
        ("printf none", Answer(0, b"none", b"")),
        ("true", Answer(0, b"", b"")),
        (r"printf '\000\377\012'", Answer(0, b"\0\xff\n", b"")),
        ("cat", Answer(0, b"", b"")),
        ("printf '%s' \"it's\" 'a \"b\"' '$HOME' '\\\\'", Answer(0, b'it\'sa "b"$HOME\\\\', b"")),
        ("echo one\necho two", Answer(0, b"one\ntwo\n", b"")),
        ("cat <<END\nhere\nEND", Answer(0, b"here\n", b"")),
        ("kill -9 $(exec sh -c 'echo $PPID')", Answer(137, b"", b"")),
        ("printf %s \u00e4", Answer(0, "\u00e4".encode(), b"")),
    ],
)
def test_a_command_answers(shell: Shell, command: str, answer: Answer) -> None:
    for _ in range(2):
        found = shell.run(command, 10)
        assert (found.code, found.stdout) == (answer.code, answer.stdout)
        assert found.stderr == answer.stderr or b"illed" in found.stderr


@pytest.mark.parametrize("bad", ["echo 'unfinished", "if true", ")", "exit 2", "exec false", "}"])
def test_no_command_ends_the_shell(shell: Shell, bad: str) -> None:
    assert shell.run(bad, 10).code != 0
    assert shell.run("echo here", 10) == Answer(0, b"here\n", b"")


def test_commands_do_not_leak_into_each_other(shell: Shell) -> None:
    shell.run("cd /; x=1; umask 0; set -e; alias ls=false", 10)
    assert shell.run('echo "$PWD ${x:-unset}"; false; echo on', 10).stdout.endswith(b"unset\non\n")


def test_what_is_left_in_the_background_does_not_disturb(shell: Shell) -> None:
    assert shell.run("(sleep 0.2; echo late) & echo now", 10).stdout == b"now\n"
    assert shell.run("sleep 0.4; echo then", 10).stdout.splitlines()[-1] == b"then"


@pytest.mark.parametrize("to", ["", " >&2"])
def test_a_huge_output_is_bounded_and_the_shell_goes_on(shell: Shell, to: str) -> None:
    answer = shell.run(f"head -c {3 * LARGEST} /dev/zero{to}; exit 5", 30)
    assert answer.cut
    assert answer.code == 5
    assert max(len(answer.stdout), len(answer.stderr)) == LARGEST
    assert shell.run("echo on", 10) == Answer(0, b"on\n", b"")


def test_both_streams_at_once_do_not_block_each_other(shell: Shell) -> None:
    answer = shell.run(
        "head -c 300000 /dev/zero >&2 & head -c 300000 /dev/zero; wait; echo end >&2", 30
    )
    assert (len(answer.stdout), len(answer.stderr)) == (300000, 300004)


def test_it_knows_who_it_is(shell: Shell) -> None:
    assert shell.uid == os.geteuid()
    assert os.getpgid(shell.group) == shell.group


def test_a_command_that_hangs(shell: Shell) -> None:
    with pytest.raises(TimeoutError):
        shell.run("sleep 60", 0.2)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("sh", "-c", "echo banner; echo 'sudo: a password is required' >&2"), "sudo: a password"),
        (("sh", "-c", "exec <&-; sleep 0.2; echo This account is not available."), "not available"),
        (("sh", "-c", "exit 1"), "it ended"),
    ],
)
def test_no_shell_is_told_with_what_it_said(argv: tuple[str, ...], said: str) -> None:
    with streams(*argv) as made, pytest.raises(EndedError, match=said):
        Shell(made, 5)


def test_noise_before_the_first_answer_is_passed_over() -> None:
    with streams("sh", "-c", "echo Welcome; echo '(motd)' >&2; exec sh") as made:
        shell = Shell(made, 10)
        assert shell.run("echo hi", 10) == Answer(0, b"hi\n", b"")


class _Scripted:
    """Streams that answer as a shell would, in pieces of given sizes."""

    def __init__(self, out: bytes, err: bytes, sizes: list[int]) -> None:
        self._texts = [out, err]
        self._sizes = sizes
        self._todo: list[tuple[bytes, bytes]] = []

    def send(self, data: bytes) -> None:
        found = re.search(rb"printf '%s%s;' (\S+) ", data)
        if not found:
            return
        asks_group = b"/proc/self/stat" in data
        out, err = (b"0\n1\n", b"") if asks_group else self._texts
        pending = [out + found[1] + b"7;", err + found[1] + b";"]
        sizes = iter(self._sizes * 10000)
        while any(pending):
            pieces = []
            for number in (0, 1):
                size = next(sizes)
                pieces.append(pending[number][:size])
                pending[number] = pending[number][size:]
            self._todo.append((pieces[0], pieces[1]))

    def receive(self, seconds: float) -> tuple[bytes, bytes]:
        return self._todo.pop(0)


@given(
    st.binary(max_size=200),
    st.binary(max_size=200),
    st.lists(st.integers(1, 60), min_size=1, max_size=5),
)
def test_marks_are_found_wherever_the_pieces_break(
    out: bytes, err: bytes, sizes: list[int]
) -> None:
    shell = Shell(_Scripted(out, err, sizes), 5)
    assert shell.run("anything", 5) == Answer(7, out, err)


def test_the_last_line_is_printable() -> None:
    assert last_line(b"one\n\x1b[31mtwo\x07 \n\n") == "?[31mtwo?"
    assert last_line(b"\n") == ""
