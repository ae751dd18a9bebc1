"""What a fault is, and how a round of them is carried out on a practice site."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from b2ct.core.run import Completed, run
from b2ct.rehearsal.site import inside, state
from b2ct.rehearsal.site import lifecycle as practice
from b2ct.validate.advice import GIVEN, HANDS
from b2ct.validate.results import Report, Result

SITE = "site"
"""Stands for the site as a whole, where a node's name could stand."""
HEAL = "by its remedy"
"""As `undo`: the remedy that the report gives is pasted into a shell, as it is."""


@dataclass(frozen=True)
class Fault:
    """A row of the table."""

    what: str
    """In words, as it is in docs/faults.md."""
    on: str
    """The node: `one`, `hv1` or `hv2`."""
    do: str
    """A shell command, run as root on the node past sshd. $NET is the site's network, `10.77.9`."""
    finds: tuple[str, ...]
    """The checks that must fail, and no other: NAME for this node, NAME@NODE, NAME@site."""
    undo: str = HEAL
    not_here: str = ""
    """Why the remedy, although a command, mends nothing on a practice node."""
    dressed: str = ""
    """What is not real about it; empty: nothing."""
    remedy: str = ""
    """What the remedy of the first check must contain."""
    then: str = ""
    """A shell command after `undo`: what takes its time is waited for."""

    @property
    def findings(self) -> tuple[tuple[str, str], ...]:
        """(node or SITE, check)."""
        rows = (name.partition("@")[::2] for name in self.finds)
        return tuple((node or self.on, check) for check, node in rows)


def found(report: Report) -> dict[tuple[str, str], Result]:
    """(node or SITE, check) -> what failed or could not run."""
    return {(node or SITE, result.check): result for node, result in report.failures()}


def overlaps(faults: Iterable[Fault]) -> list[str]:
    """Findings that two faults of one round claim: they could not be told apart."""
    seen: dict[tuple[str, str], Fault] = {}
    twice = []
    for fault in faults:
        for finding in fault.findings:
            if finding in seen:
                twice.append(f"{finding}: {seen[finding].what}; {fault.what}")
            seen[finding] = fault
    return twice


@dataclass(frozen=True)
class Desk:
    """Where an administrator sits: a shell on this computer that knows the practice site's keys."""

    site: str
    """Name of the practice site."""
    network: str
    """`10.77.9`."""
    folder: Path
    """For the programs that go before this computer's own."""

    def __post_init__(self) -> None:
        place, program = state.folder(self.site), self.folder / "ssh"
        words = f"-F none -i {place}/admin -o UserKnownHostsFile={place}/known_hosts"
        program.write_text(f'#!/bin/sh\nexec /usr/bin/ssh {words} -o BatchMode=yes "$@"\n')
        program.chmod(0o755)

    def paste(self, remedy: str) -> Completed:
        """Run a remedy as it is. `ssh` is ssh, with the site's key; nobody is there to be asked."""
        place = state.folder(self.site)
        env = {
            "PATH": f"{self.folder}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "ONE_XMLRPC": f"http://{self.network}.10:2633/RPC2",
            "ONE_AUTH": str(place / "one_auth"),
            "NO_PROXY": "*",
        }
        unasked = remedy.replace("b2ct apply", "b2ct apply --yes")
        return run(["bash", "-c", f"cd {place}; {unasked}"], env=env, timeout=120, check=False)


@dataclass(frozen=True)
class Round:
    """Faults that are there together, and do not touch each other."""

    shell: Desk
    faults: Sequence[Fault]

    def inject(self) -> None:
        """Raises CommandError where a fault cannot be made."""
        for fault in self.faults:
            self._on(fault.on, fault.do)

    def wrong(self, report: Report) -> Iterator[str]:
        """What differs from the table, in words."""
        failed = found(report)
        expected = {finding: f for f in self.faults for finding in f.findings}
        for finding, fault in expected.items():
            if finding not in failed:
                yield f"{fault.what}: {finding[1]} on {finding[0]} did not find it"
        for finding, result in failed.items():
            if finding not in expected:
                begins = self.faults[0].what
                yield (
                    f"{finding[1]} on {finding[0]} failed: {result.message} (its round begins with:"
                    f" {begins})"
                )
            elif bad := not_to_paste(result.remedy):
                yield f"{finding[1]} on {finding[0]}: its remedy {bad}: {result.remedy!r}"
        for fault in self.faults:
            first = failed.get(fault.findings[0])
            if first and fault.remedy not in first.remedy:
                yield f"{fault.what}: the remedy is {first.remedy!r}, without {fault.remedy!r}"
            if first and fault.undo == HEAL and first.remedy.startswith(HANDS):
                yield f"{fault.what}: its remedy wants hands: {first.remedy!r}"
            by_test = fault.undo != HEAL and not fault.not_here
            if first and by_test and not first.remedy.startswith(HANDS):
                yield f"{fault.what}: its remedy is not pasted: {first.remedy!r}"

    def undo(self, report: Report) -> None:
        """Take all back, the last first: the next round's checks look again.

        Raises CommandError where that fails; what pasted remedies say is for a person to read.
        """
        failed = found(report)
        pasted: set[str] = set()

        def take_back(fault: Fault) -> None:
            if fault.undo != HEAL:
                self._on(fault.on, fault.undo)
            elif fault.findings[0] in failed:
                remedy = failed[fault.findings[0]].remedy
                if remedy not in pasted:  # what mends two faults is pasted once
                    pasted.add(remedy)
                    self.shell.paste(remedy)

        def take_all_back(squid: bool) -> None:
            for fault in reversed(self.faults):
                if ("squid" in fault.what) is squid:
                    take_back(fault)

        # One after another, as some remedies reach through several nodes; those of squid, which
        # takes seconds to stop, beside the others.
        with ThreadPoolExecutor() as pool:
            list(pool.map(take_all_back, (True, False)))
        for fault in self.faults:
            if fault.then:
                self._on(fault.on, fault.then)
        if inside.on(self.shell.site, "one", "onehost show hv1", check=False).code != 0:
            # A remedy has started the double of oned anew, and it knows nothing any more.
            practice.start(self.shell.site, "one")

    def _on(self, node: str, command: str) -> None:
        inside.on(self.shell.site, node, f"NET={self.shell.network}\n{command}", timeout=60)


_PLACEHOLDER = re.compile(r"\{\w*\}|\b[A-Z]{2,}\b")
_WORDS = {
    "UTC",
    "SELINUX",
    "SELINUXTYPE",
    "READ",
    "COMMITTED",
    "GLOBAL",
    "SET",
    "ONEGATE",
    "ENDPOINT",
}


def not_to_paste(remedy: str) -> str:
    """What is wrong with a remedy, in words; empty: nothing."""
    if not remedy:
        return "is empty"
    if remedy.startswith(GIVEN):
        return "is for the manual"
    if remedy.startswith(HANDS):
        return "has a brace" if re.search(r"\{(node|address|control|user|domain)\}", remedy) else ""
    try:
        shlex.split(remedy)
    except ValueError as err:
        return f"is no command ({err})"
    left = [w[0] for w in _PLACEHOLDER.finditer(remedy) if w[0] not in _WORDS]
    return f"leaves {left[0]} to be filled in" if left else ""
