"""What stands between a verb and a stick: the picture, the question, root, the opened door."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from b2ct.core.console import note
from b2ct.core.errors import B2ctError
from b2ct.stick import blockio, survey, trouble
from b2ct.stick.blockio import OpenDevice
from b2ct.stick.devices import Machine
from b2ct.stick.target import Target, acquire


@dataclass(frozen=True)
class Consent:
    """How the user says yes: `yes` with the device's serial, or by typing its name."""

    yes: bool
    serial: str | None
    ask: Callable[[str], str]
    """Asks at the terminal for a line; its argument is the question."""


def picture(target: Target, machine: Machine, what: str) -> list[str]:
    """What is meant, what is on it now, and what will be there."""
    lines = [f"{target.path}  {trouble.mib(target.size)}  {target.title}"]
    if target.block is not None:
        on_it = survey.contents(target.block, machine.partitions(target.block))
        lines += [f"  on it now: {line}" for line in on_it] or ["  on it now: nothing known"]
    return [*lines, f"  everything on it will be lost; it will have {what}"]


def consented(target: Target, consent: Consent) -> None:
    """Return if the user means this very device. Raises B2ctError otherwise."""
    if consent.serial is not None and consent.serial != target.serial:
        raise B2ctError(
            f"--serial says {consent.serial}, but the serial of {target.path} is "
            f"{target.serial or 'not known'}; nothing was written",
            hint="look at `b2ct usb list`",
        )
    if consent.yes:
        if not target.serial:
            raise B2ctError(
                f"{target.path} has no serial number, so --yes cannot name it",
                hint="run it on a terminal without --yes, and type the device's name",
            )
        if consent.serial is None:
            raise B2ctError(
                "--yes needs the serial of the device that is meant; nothing was written",
                hint=f"if it is this one: --serial {shlex.quote(target.serial)}",
            )
        return
    if not sys.stdin.isatty():
        raise B2ctError(
            "there is no terminal to ask on; nothing was written",
            hint=f"--yes --serial {shlex.quote(target.serial)}" if target.serial else "",
        )
    answer = consent.ask(f"type the device's name ({target.name}) to go on")
    if answer.strip() not in (target.name, str(target.path)):
        raise B2ctError(f"that is not {target.name}; nothing was written", hint="start again")


@contextmanager
def opened(target: Target, machine: Machine, consent: Consent, what: str) -> Iterator[OpenDevice]:
    """Show, ask, open exclusively, guard again; the device is given back at the end."""
    need_access(target.path, os.R_OK | os.W_OK)
    for line in picture(target, machine, what):
        note(line)
    consented(target, consent)
    door = acquire(target)
    try:
        yield door
    finally:
        door.close()


@contextmanager
def readable(device: str) -> Iterator[OpenDevice]:
    """A device, or a file that stands in for one, opened for reading only."""
    path = Path(os.path.realpath(device))
    if not (path.is_block_device() or path.is_file()):
        raise B2ctError(f"{device} is not a block device", hint="`b2ct usb list` shows the sticks")
    need_access(path, os.R_OK)
    try:
        door = blockio.open_device(path, write=False)
    except OSError as err:
        raise B2ctError(
            f"cannot open {path}: {(err.strerror or str(err)).lower()}", hint="is it plugged in?"
        ) from err
    try:
        yield door
    finally:
        door.close()


def need_access(path: Path, mode: int) -> None:
    """Raise B2ctError with the exact command if root is needed for the device."""
    if not os.access(path, mode):
        raise B2ctError(
            f"no permission for {path}: only root may use the device itself",
            hint=as_root(sys.argv),
        )


def as_root(argv: Sequence[str]) -> str:
    """The same command as root: sudo has another PATH, so the program's is written out."""
    program = Path(argv[0]).absolute()
    words = [sys.executable, "-m", "b2ct"] if program.name == "__main__.py" else [str(program)]
    return shlex.join(["sudo", *words, *argv[1:]])
