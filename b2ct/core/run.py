"""The one door for processes: argv as a list, stdin closed, C locale, a failure explained once."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from b2ct.core.errors import B2ctError

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
    completed = Completed(
        (str(argv[0]), *words[1:]),
        done.returncode,
        done.stdout.decode(errors="replace"),
        done.stderr.decode(errors="replace"),
    )
    if check and completed.code != 0:
        raise CommandError(completed, hint=hint)
    return completed
