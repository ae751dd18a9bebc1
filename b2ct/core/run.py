"""The one door for processes: argv as a list, stdin closed, C locale, a failure explained once."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.core.files import explain

TAIL = 12
"""Lines of a failed command's output that are worth showing."""


@dataclass(frozen=True)
class Completed:
    """A finished process: its argv, exit code and decoded output."""

    argv: tuple[str, ...]
    code: int
    stdout: str
    stderr: str


class CommandError(B2ctError):
    """A command failed; carries what it printed."""

    def __init__(self, done: Completed, *, hint: str = "") -> None:
        output = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        why = output[-1].strip() if output else "it printed nothing"
        super().__init__(f"{done.argv[0]} failed with exit code {done.code}: {why}", hint=hint)
        self.done = done

    def lines(self) -> list[str]:
        """The error, then the last lines that the command printed."""
        output = (self.done.stderr or self.done.stdout).splitlines()[-TAIL:]
        return [*super().lines(), *(f"  | {line}" for line in output[:-1])]


class DeadlineError(B2ctError):
    """A command was still running when its time was over; it has been killed."""


def find_tool(name: str) -> str | None:
    """The path of a host tool; also looks where distributions hide administrators' tools."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    return shutil.which(name, path=path)


def need_tool(name: str) -> str:
    """The path of a host tool, or an error that says how to get it."""
    found = find_tool(name)
    if found is None:
        raise B2ctError(
            f"the host tool '{name}' is not installed",
            hint="`b2ct doctor` prints the one line that installs what is missing",
        )
    return found


def run(
    argv: Sequence[str | Path],
    *,
    stdin: bytes | None = None,
    timeout: float | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    check: bool = True,
    hint: str = "",
) -> Completed:
    """Run a host tool to its end and return what it printed.

    `argv[0]` is looked up by `need_tool`; `env` is added to the environment; `timeout` is in
    seconds. Secrets go through `stdin` or `env`, never argv, which every user can read.
    Raises CommandError when the exit code is not 0 and `check` is set, B2ctError when the tool is
    missing or the time is over.
    """
    words = [need_tool(str(argv[0])), *map(str, argv[1:])]
    try:
        done = subprocess.run(
            words,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            timeout=timeout,
            env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})},
            cwd=cwd,
            check=False,
        )
    except subprocess.TimeoutExpired as err:
        raise B2ctError(f"{argv[0]} did not end within {timeout:g} s", hint=hint) from err
    except OSError as err:  # not executable on this machine, or `cwd` is not there
        raise explain(err, f"run {argv[0]}") from err
    completed = Completed(
        (str(argv[0]), *words[1:]),
        done.returncode,
        done.stdout.decode(errors="replace"),
        done.stderr.decode(errors="replace"),
    )
    if check and completed.code != 0:
        raise CommandError(completed, hint=hint)
    return completed


def stream(
    argv: Sequence[str | Path],
    *,
    timeout: float,
    env: Mapping[str, str] | None = None,
    hint: str = "",
    ends: bytes = b"\n",
) -> Generator[str, None, None]:
    """Run a long process and yield its output line by line, as it comes.

    Standard output and error come together, without their line ends; an unfinished last line comes
    at the end. A carriage return as `ends` follows a program that draws its progress. `timeout` is
    in seconds, for the whole run. The process leads a group of its own and that group is killed
    when the iterator is closed or left, so wrap it in `contextlib.closing` when you may leave
    early.
    Raises DeadlineError when the time is over, CommandError when the process ends with a code
    other than 0, B2ctError when the tool is missing.
    """
    words = [need_tool(str(argv[0])), *map(str, argv[1:])]
    process = subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})},
        start_new_session=True,
    )
    tail: list[str] = []
    try:
        for line in _lines(process, time.monotonic() + timeout, ends):
            tail = [*tail[1 - TAIL :], line]
            yield line
        code = process.wait(timeout=10)
    except (TimeoutError, subprocess.TimeoutExpired):
        raise DeadlineError(f"{argv[0]} did not end within {timeout:g} s", hint=hint) from None
    finally:
        _kill_group(process)
    if code != 0:
        done = Completed((str(argv[0]), *words[1:]), code, "\n".join(tail), "")
        raise CommandError(done, hint=hint)


@dataclass(frozen=True)
class Bounded:
    """What a process printed, as far as it was kept; `cut`: there was more."""

    code: int
    stdout: bytes
    stderr: bytes
    cut: bool


def bounded(argv: Sequence[str | Path], *, timeout: float, largest: int) -> Bounded:
    """Run a process and keep at most `largest` bytes of each of its streams.

    It leads a group of its own, which is killed when `timeout` seconds are over; what it leaves in
    the background with its output open is not waited for. Raises DeadlineError, and B2ctError when
    the tool is missing.
    """
    words = [need_tool(str(argv[0])), *map(str, argv[1:])]
    process = subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "LC_ALL": "C"},
        start_new_session=True,
    )
    kept = (bytearray(), bytearray())
    cut = False
    end = time.monotonic() + timeout
    try:
        with selectors.DefaultSelector() as selector:
            for number, pipe in enumerate((process.stdout, process.stderr)):
                assert pipe is not None  # noqa: S101 - asked for above
                selector.register(pipe, selectors.EVENT_READ, number)
            while selector.get_map() and time.monotonic() < end:
                # Looks now and then whether the process itself is still there.
                ready = selector.select(min(max(end - time.monotonic(), 0), 0.25))
                for key, _ in ready:
                    data = os.read(key.fd, 1 << 16)
                    room = largest - len(kept[key.data])
                    kept[key.data].extend(data[:room])
                    cut = cut or len(data) > room
                    if not data:
                        selector.unregister(key.fileobj)
                if not ready and process.poll() is not None:
                    break
        process.wait(max(end - time.monotonic(), 0.01))
    except subprocess.TimeoutExpired:
        raise DeadlineError(f"{argv[0]} did not end within {timeout:g} s") from None
    finally:
        _kill_group(process)
        if process.stderr is not None:
            process.stderr.close()
    return Bounded(process.returncode, bytes(kept[0]), bytes(kept[1]), cut)


class Background:
    """A process that runs beside us; `log` holds what it printed."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self.log = log

    @property
    def code(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._process.poll()

    def ended(self, seconds: float) -> bool:
        """Wait at most so long for its end; whether it came."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=seconds)
        return self.code is not None

    def tail(self) -> list[str]:
        """The last lines that it printed."""
        return self.log.read_text(errors="replace").splitlines()[-TAIL:]


@contextmanager
def background(
    argv: Sequence[str | Path], *, log: Path, env: Mapping[str, str] | None = None
) -> Iterator[Background]:
    """Run a process while the block lasts; its output goes to the file `log`.

    At the end of the block it is killed with all that it started, unless it has ended by itself.
    Raises B2ctError when the tool is missing.
    """
    words = [need_tool(str(argv[0])), *map(str, argv[1:])]
    with log.open("wb") as out:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})},
            start_new_session=True,
        )
    try:
        yield Background(process, log)
    finally:
        _kill_group(process)


def _lines(process: subprocess.Popen[bytes], deadline: float, ends: bytes) -> Iterator[str]:
    """The lines of a process' output until it closes it. Raises TimeoutError at the deadline."""
    assert process.stdout is not None  # noqa: S101 - asked for above
    rest = b""
    over = False
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not over:
            left = deadline - time.monotonic()
            over = left <= 0 or not selector.select(left)
            data = b"" if over else os.read(process.stdout.fileno(), 1 << 16)
            if not data:
                break
            *whole, rest = (rest + data).split(ends)
            for line in whole:
                yield line.decode(errors="replace").rstrip("\r")
    if rest:
        yield rest.decode(errors="replace").rstrip("\r")
    if over:
        raise TimeoutError


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and its children, and reap it: no zombie stays."""
    if process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    if process.stdout is not None:
        process.stdout.close()
    process.wait()
