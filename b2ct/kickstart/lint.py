"""What is wrong with a kickstart, by pykickstart's validator, by bash, and by rules of our own.

pykickstart is under the GPL: it is run as a program and never imported by this package.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from sys import executable
from tempfile import TemporaryDirectory

from b2ct.core.errors import B2ctError
from b2ct.core.run import find_tool, run
from b2ct.site import catalogue

_SCRIPT = re.compile(r"%(pre|post)\b.*")
_DESTROYS = re.compile(
    r"(clearpart|zerombr|ignoredisk|part|partition|volgroup|logvol|raid|autopart)\b"
)
_WRITES = re.compile(r"> \"\$W/([a-z.]+)\"")
_INCLUDE = re.compile(r"%include /tmp/b2ct/(\S+)")
_TIMEOUT = 60.0
"""Seconds for one tool."""


@dataclass(frozen=True)
class Script:
    """A script section: its header, the 1-based line where its text begins, and the text."""

    header: str
    line: int
    text: str


def lint(text: str, release: str) -> list[str]:
    """All findings on a rendered kickstart, empty for a good one.

    `release` is a key of the catalogue. Raises B2ctError where ksvalidator is not installed.
    """
    return [*_validator(text, catalogue.release(release).pykickstart), *_bash(text), *_own(text)]


def scripts(text: str) -> Iterator[Script]:
    """The %pre and %post sections, in their order."""
    header, start, lines = "", 0, list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        if header and line.rstrip() == "%end":
            yield Script(header, start, "".join(f"{x}\n" for x in lines))
            header = ""
        elif header:
            lines.append(line)
        elif _SCRIPT.fullmatch(line):
            header, start, lines = line, number + 1, []


def validator() -> str:
    """The path of ksvalidator: beside this Python, or on PATH."""
    beside = Path(executable).parent / "ksvalidator"
    found = str(beside) if beside.exists() else find_tool("ksvalidator")
    if found is None:
        raise B2ctError(
            "--lint needs ksvalidator, which is not installed",
            hint="pip install 'b2ct[lint]', or install your distribution's pykickstart",
        )
    return found


def _validator(text: str, version: str) -> Iterator[str]:
    """Errors and warnings of pykickstart for the release. What %pre writes is not there yet."""
    tool = validator()
    with TemporaryDirectory(prefix="b2ct-lint-") as folder:
        file = Path(folder) / "kickstart.ks"
        file.write_text(text, encoding="utf-8")
        done = run([tool, "-v", version, file], timeout=_TIMEOUT, check=False)
    told = f"{done.stdout}\n{done.stderr}".replace(str(file), "the kickstart")
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    if done.code != 0 or any("warning" in line.lower() for line in lines):
        yield f"ksvalidator ({version}): {' '.join(lines) or f'exit code {done.code}'}"


def _bash(text: str) -> Iterator[str]:
    """Scripts that bash cannot parse."""
    for script in scripts(text):
        done = run(["bash", "-n"], stdin=script.text.encode(), timeout=_TIMEOUT, check=False)
        if done.code != 0:
            why = (done.stderr.strip().splitlines() or ["bash cannot parse it"])[0]
            yield f"line {script.line}: {script.header}: {why}"


def _own(text: str) -> Iterator[str]:
    """Our own rules: %pre writes what is included, and nothing else may name a disk."""
    inside = False
    written = {name for script in scripts(text) for name in _WRITES.findall(script.text)}
    for number, line in enumerate(text.splitlines(), start=1):
        if inside:
            inside = line.rstrip() != "%end"
        elif found := _INCLUDE.match(line):
            if found[1] not in written:
                yield f"line {number}: nothing writes {found[1]}, which is included"
        elif line.startswith("%"):
            inside = True
        elif _DESTROYS.match(line):
            yield f"line {number}: '{line}' names disks before the machine was asked"
