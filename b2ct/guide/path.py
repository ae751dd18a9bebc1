"""The path from an empty folder to a cloud with jobs, and the next step on it. Pure.

It is the path of docs/quickstart.md; tests/guide/test_path.py compares them.
"""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from b2ct.guide.evidence import Evidence, Unseen
from b2ct.site.catalogue import Role

WIDE = 100
"""Letters of a line: what files and servers say is cut there."""
INDENT = " " * len("later  ")
SHOWN = 3
"""Names of silent machines that are shown."""


class State(StrEnum):
    """How far a step is."""

    DONE = "done"
    NEXT = "next"
    LATER = "later"


@dataclass(frozen=True)
class Found:
    """What is known of a step; `commands` do it."""

    done: bool
    text: str = ""
    commands: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """A step of the path, for this site."""

    title: str
    state: State
    text: str = ""


@dataclass(frozen=True)
class Way:
    """Where a site is on the path."""

    file: str
    steps: tuple[Step, ...]
    commands: tuple[str, ...]
    """What comes next, in their order."""

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        steps = [{"step": s.title, "state": s.state.value, "text": s.text} for s in self.steps]
        following = next((s.title for s in self.steps if s.state is State.NEXT), None)
        return {
            "site": self.file, "steps": steps, "next": following, "commands": list(self.commands),
        }  # fmt: skip

    def as_text(self) -> str:
        """At most ten lines."""
        shown = [_line(step) for step in self.steps if step.state is not State.LATER]
        later = [step.title for step in self.steps if step.state is State.LATER]
        if later:
            shown += textwrap.wrap(f"later  {', '.join(later)}", WIDE, subsequent_indent=INDENT)
        return "\n".join([*shown, *(INDENT + command for command in self.commands)])


def way(seen: Evidence) -> Way:
    """What is done, what comes next, and by which commands."""
    steps: list[Step] = []
    commands: tuple[str, ...] | None = None
    for title, look in STEPS:
        if title == DIRAC and seen.site is not None and seen.site.cloud.dirac is None:
            continue
        if commands is not None:
            steps.append(Step(title, State.LATER))
            continue
        found = look(seen)
        steps.append(Step(title, State.DONE if found.done else State.NEXT, found.text))
        if not found.done:
            commands = found.commands
    if commands is None:
        wrong = seen.proof is not None and seen.proof.failed
        commands = (_command(seen, "validate" if wrong else "status"),)
    return Way(str(seen.file), tuple(steps), commands)


def _line(step: Step) -> str:
    return _cut(f"{step.state:5}  {step.title}" + (f": {step.text}" if step.text else ""))


def _cut(line: str) -> str:
    return line if len(line) <= WIDE else f"{line[: WIDE - 3]}..."


def _command(seen: Evidence, *words: str, site: bool = True) -> str:
    """A command to paste, about the site file that the user named."""
    named = ("--site", str(seen.file)) if seen.named and site else ()
    return shlex.join(["b2ct", *words, *named])


def _describe(seen: Evidence) -> Found:
    if seen.problems:
        more = f" (and {len(seen.problems) - 1} more)" if len(seen.problems) > 1 else ""
        room = WIDE - len("next   : ") - len(DESCRIBE) - len(more)
        first = seen.problems[0]
        text = (first if len(first) <= room else f"{first[: room - 3]}...") + more
        file = [str(seen.file)] if seen.named else []
        return Found(False, text, (_command(seen, "check", *file, site=False),))
    if seen.site is None:
        file = ["-o", str(seen.file)] if seen.named else []
        text = f"there is no {seen.file}" + ("" if seen.named else " here")
        return Found(False, text, (_command(seen, "init", *file, site=False),))
    count = len(seen.site.nodes)
    nodes = f"{count} machine{'' if count == 1 else 's'}" if count else "no machine is named"
    return Found(True, f"{seen.file}, {seen.site.release.version}, {nodes}")


def _installer(seen: Evidence) -> Found:
    if fresh := [medium for medium in seen.media if not medium.old]:
        return Found(True, str(fresh[0].file))
    if seen.proof is not None or _installed(seen):
        return Found(True, "the machines are installed")
    if seen.media:
        file = str(seen.media[0].file)
        text = f"{file} is older than {seen.file}"
        return Found(False, text, _make(seen, file, "--force"))
    return Found(False, "no installer of B2CT is in this folder", _make(seen, "site.iso"))


def _make(seen: Evidence, output: str, *more: str) -> tuple[str, ...]:
    site = seen.site
    given = [node.role for node in site.nodes] if site else []
    roles = [role for role in Role if role in given] or [Role.CONTROL, Role.HYPERVISOR]
    words = [word for role in roles for word in ("--role", role.value)]
    return _command(seen, "iso", *words, "-o", output, *more), _boot(output)


def _boot(medium: str) -> str:
    return shlex.join(["b2ct", "boot", medium, "--firmware", "uefi", "--as", "usb"])


def _installed(seen: Evidence) -> bool:
    """Whether a machine answers, or OpenNebula does."""
    answering = not isinstance(seen.machines, Unseen) and seen.machines.answering > 0
    return answering or not isinstance(seen.cloud, Unseen)


def _install(seen: Evidence) -> Found:
    start = f"start each from {seen.media[0].file}" if seen.media else "start each from its medium"
    commands = ("b2ct usb list",)
    machines = seen.machines
    if isinstance(machines, Unseen):
        if seen.proof is not None or _installed(seen):
            return Found(True, f"their state was not looked at: {machines.why}")
        return Found(False, f"not looked at: {machines.why}; {start}", commands)
    asked = machines.answering + len(machines.silent)
    text = f"{machines.answering} of {asked} answer"
    text += f", {machines.more} were not asked" if machines.more else ""
    if not machines.silent:
        return Found(True, text)
    names = ", ".join(machines.silent[:SHOWN])
    text += f"; silent: {names}{', ...' if len(machines.silent) > SHOWN else ''}"
    # Once it was proven, a silent machine is a fault for `b2ct validate`.
    return Found(seen.proof is not None, text if seen.proof else f"{text}; {start}", commands)


def _prove(seen: Evidence) -> Found:
    proof = seen.proof
    commands = (_command(seen, "validate"),)
    if proof is None:
        return Found(False, "no report is in this folder", commands)
    if proof.old:
        return Found(False, f"the report of {proof.day} is older than {seen.file}", commands)
    wrong = f"{proof.failed} checks failed" if proof.failed else "all is well"
    return Found(True, f"report of {proof.day}: {wrong}")


def _cloud(seen: Evidence) -> Found:
    commands = (_command(seen, "plan"), _command(seen, "apply"))
    if isinstance(seen.cloud, Unseen):
        first = (seen.cloud.remedy,) if seen.cloud.remedy else ()
        return Found(False, f"not looked at: {seen.cloud.why}", (*first, *commands))
    pending = seen.cloud.pending
    if pending:
        return Found(False, f"{pending} step{'' if pending == 1 else 's'} to do", commands)
    return Found(True, f"as {seen.file} says")


def _image(seen: Evidence) -> Found:
    assert not isinstance(seen.cloud, Unseen)  # noqa: S101 - the step before is not done then
    if not seen.cloud.missing:
        return Found(True, "its image is registered")
    name = seen.cloud.missing[0]
    file = f"{name}.qcow2"
    register = _command(seen, "register-image", file)
    if name in seen.images:
        return Found(False, f"{file} is not registered", (register,))
    build = (_command(seen, *words, site=False) for words in
             (("image", "build", name), ("image", "test", file)))  # fmt: skip
    return Found(False, f"there is no image {name} yet", (*build, register))


def _vm(seen: Evidence) -> Found:
    assert not isinstance(seen.cloud, Unseen)  # noqa: S101 - as in _image
    assert seen.site is not None  # noqa: S101 - as in _image
    if seen.cloud.vms:
        return Found(True, f"{seen.cloud.vms} in OpenNebula")
    worker = next(iter(seen.site.described_workers))
    return Found(False, "there is none", (_command(seen, "instantiate", worker, "--wait"),))


def _dirac(seen: Evidence) -> Found:
    assert not isinstance(seen.cloud, Unseen)  # noqa: S101 - as in _image
    if seen.cloud.of_dirac:
        return Found(True, f"{seen.cloud.of_dirac} VMs of DIRAC's user")
    commands = (_command(seen, "dirac", "config"), _command(seen, "dirac", "check"))
    return Found(False, "DIRAC has no VMs here", commands)


DESCRIBE = "describe the site"
DIRAC = "bring in DIRAC"
STEPS: Sequence[tuple[str, Callable[[Evidence], Found]]] = (
    (DESCRIBE, _describe),
    ("make the installer", _installer),
    ("install the machines", _install),
    ("prove them", _prove),
    ("build the cloud", _cloud),
    ("register a worker", _image),
    ("start a first VM", _vm),
    (DIRAC, _dirac),
)
