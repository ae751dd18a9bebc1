"""What a serial console says of a start that failed, in the words of firmware, GRUB and Linux."""

from __future__ import annotations

import re
from collections.abc import Iterator

Failures = tuple[tuple[re.Pattern[str], str], ...]
"""Pattern of a line -> what it means; the group that matched is the detail."""

_CONTROL = re.compile(
    r"\x1b(?:\[[0-9;?=]*[A-Za-z]|[()][A-Za-z0-9]|[a-zA-Z0-9=>])|[\x00-\x08\x0b-\x1f\x7f]"
)


def failures(*rows: tuple[str, str]) -> Failures:
    """Rows of a table of failures, compiled."""
    return tuple((re.compile(pattern), meaning) for pattern, meaning in rows)


FAILURES = failures(
    (r"Kernel panic - not syncing: (.*)", "the kernel panicked"),
    (
        r"No bootable device|No bootable option or device|UEFI Interactive Shell",
        "the firmware found no boot loader",
    ),
    (r"Minimal BASH-like line editing", "the boot loader found no configuration"),
    (r"Entering rescue mode", "the boot loader did not find its parts"),
    (r"Boot failed: (.*)", "the firmware could not boot the medium"),
    (r"error: (.{0,200} not found)\.?$", "the boot loader failed"),
)


def clean(line: str) -> str:
    """A console line without escape sequences and control characters."""
    return _CONTROL.sub("", line)


def told(line: str, table: Failures = FAILURES) -> Iterator[tuple[str, str]]:
    """The failures that a clean console line tells: meaning and detail (or an empty text)."""
    for pattern, meaning in table:
        if found := pattern.search(line):
            yield meaning, next((group.strip() for group in found.groups() if group), "")
