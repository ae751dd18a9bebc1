"""What is looked at in the VM: a command, and a pure judge of what it printed. A row a check."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from b2ct.core.findings import Finding, judged
from b2ct.image.trial.scenario import Source
from b2ct.image.trial.told import MARK, WORD, Told

GROWN = 0.95
"""Part of the disk that the root file system must have after it has grown."""


@dataclass(frozen=True)
class Trial:
    """What the judges know of the trial. `disk` is in bytes."""

    told: Told
    source: Source
    disk: int


def told_of(subject: str, passed: bool, found: str, expected: str) -> Finding:
    """A finding; of what is wrong it says what was expected."""
    more = "" if passed or not expected else f"; expected: {expected}"
    return judged(passed, subject, f"{found}{more}")


@dataclass(frozen=True)
class Check:
    """A check: its name, the shell command that runs in the VM, and the judge of its output."""

    name: str
    command: Callable[[Trial], str]
    judge: Callable[[Trial, int, str], tuple[bool, str, str]]

    def finding(self, trial: Trial, code: int, text: str) -> Finding:
        """The judge's word on an exit code and an output."""
        passed, found, expected = self.judge(trial, code, text)
        return told_of(self.name, passed, found, expected)


def _equals(expected: Callable[[Trial], str]) -> Callable[[Trial, int, str], tuple[bool, str, str]]:
    def judge(trial: Trial, _code: int, text: str) -> tuple[bool, str, str]:
        return text == expected(trial), _short(text), expected(trial)

    return judge


def _says(good: str, wrong: str) -> Callable[[Trial, int, str], tuple[bool, str, str]]:
    """The command prints nothing and succeeds when all is well; else it prints what is not."""

    def judge(_trial: Trial, code: int, text: str) -> tuple[bool, str, str]:
        passed = code == 0 and not text
        return passed, good if passed else _short(text or f"exit code {code}"), wrong

    return judge


def _short(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    shown = "; ".join(lines[:3]) or "nothing"
    return shown if len(shown) <= 160 else f"{shown[:157]}..."


def _cloud_init(trial: Trial, _code: int, text: str) -> tuple[bool, str, str]:
    wanted = {
        Source.OPENNEBULA: "DataSourceOpenNebula",
        Source.NOCLOUD: "DataSourceNoCloud",
    }[trial.source]
    return (
        "status: done" in text and wanted in text,
        _short(text),
        f"status: done, with {wanted}",
    )


def _grown(trial: Trial, _code: int, text: str) -> tuple[bool, str, str]:
    size = int(text) if text.isdigit() else 0
    return (
        size >= GROWN * trial.disk,
        f"{size / 2**30:.2f} GiB of a disk of {trial.disk / 2**30:.2f} GiB",
        f"at least {GROWN:.0%} of the disk",
    )


def sums(trial: Trial) -> dict[str, str]:
    """SHA-256 of every file that the context brings, by path."""
    return {
        file.path: hashlib.sha256(file.text.encode()).hexdigest()
        for file in trial.told.context.files
    }


def _files(trial: Trial, _code: int, text: str) -> tuple[bool, str, str]:
    found = {path: digest for digest, _, path in (row.partition("  ") for row in text.splitlines())}
    wrong = [path for path, digest in sums(trial).items() if found.get(path) != digest]
    if wrong:
        return False, f"missing or different: {', '.join(wrong)}", "each as the context says"
    return True, f"{len(found)} files as the context says", ""


def _proxy(trial: Trial) -> str:
    file = trial.told.context.file("/etc/cvmfs/default.local")
    lines = file.text.splitlines() if file else []
    words = [line.partition("=")[2] for line in lines if line.startswith("CVMFS_HTTP_PROXY=")]
    return "".join(shlex.split(words[-1])) if words else ""


def _has_mark(_trial: Trial, _code: int, text: str) -> tuple[bool, str, str]:
    return text == WORD, _short(text), WORD


def _no_passwords(_trial: Trial, _code: int, text: str) -> tuple[bool, str, str]:
    """`text` is /etc/shadow: a field that begins with `!` or `*` lets nobody in."""
    rows = dict(line.split(":")[:2] for line in text.splitlines() if ":" in line)
    if "root" not in rows:
        return False, "/etc/shadow could not be read", "every account locked"
    lax = [name for name, password in rows.items() if not password.startswith(("!", "*"))]
    return not lax, f"open: {', '.join(lax)}" if lax else "all locked", "every account locked"


def _sh(command: str) -> Callable[[Trial], str]:
    return lambda _trial: command


_UNITS = """
for unit in "$@"; do
    systemctl is-active --quiet "$unit" || echo "$unit: $(systemctl is-active "$unit")"
done
systemctl --failed --plain --no-legend | while read -r unit rest; do echo "$unit: failed"; done
"""


def _services(*names: str) -> Callable[[Trial], str]:
    return _sh(f"set -- {shlex.join(names)}\n{_UNITS}")


CHECKS = (
    Check(
        "cloud-init",
        _sh("cloud-init status --wait >/dev/null 2>&1; cloud-init status --long"),
        _cloud_init,
    ),
    Check("host name", _sh("hostname"), _equals(lambda trial: trial.told.hostname)),
    Check("user script", _sh(f"cat {MARK}"), _has_mark),
    Check("root grows", _sh("df --output=size -B1 / | tail -n 1 | tr -d ' '"), _grown),
    Check(
        "context's files",
        lambda trial: f"sha256sum {shlex.join(sums(trial))} 2>/dev/null",
        _files,
    ),
    Check(
        "CVMFS proxy",
        _sh(". /etc/cvmfs/default.local; printf %s \"$CVMFS_HTTP_PROXY\""),
        _equals(_proxy),
    ),
    Check(
        "services",
        _services("autofs.service", "b2ct-idle.service"),
        _says("autofs and idle rule active, none failed", "all active, none failed"),
    ),
    Check(
        "host keys",
        # Keys that came with the image would be older than this boot.
        _sh(
            "ls /etc/ssh/ssh_host_*_key >/dev/null && "
            'find /etc/ssh -name "ssh_host_*_key" ! -newer /proc/1/comm'
        ),
        _says("made at this boot", "keys that are younger than the boot"),
    ),
    Check("passwords", _sh("cat /etc/shadow"), _no_passwords),
)  # fmt: skip
"""In the order in which they are made; the first waits until cloud-init is through."""


def all_of(trial: Trial, run: Callable[[str], tuple[int, str]]) -> Iterator[Finding]:
    """Every finding, as `run` (command to exit code and output) brings them."""
    for check in CHECKS:
        yield check.finding(trial, *run(check.command(trial)))
