"""sshd's settings as it applies them (`sshd -T`), and keys that may log in."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from b2ct.validate.check import not_applicable

if TYPE_CHECKING:
    from testinfra.host import Host


SETTINGS = "PATH=$PATH:/usr/sbin sshd -T"


def of(host: Host) -> dict[str, str]:
    """Setting -> value, both in lower case. Ends the check where sshd does not tell."""
    found = parse(host.run(SETTINGS).stdout)
    if not found:
        not_applicable("sshd does not tell its settings: see sshd-settings-are-right")
    return found


def parse(text: str) -> dict[str, str]:
    """The first value of a setting counts, as for sshd itself."""
    found: dict[str, str] = {}
    for line in text.lower().splitlines():
        name, _, value = line.partition(" ")
        if name and value:
            found.setdefault(name, value.strip())
    return found


def keys(text: str) -> tuple[str, ...]:
    """`type base64` of every line of an authorized_keys file, without options and comments."""
    found = []
    for line in text.splitlines():
        words = line.strip().split()
        if not words or words[0].startswith("#"):
            continue
        for first, second in pairwise(words):
            if first.startswith(("ssh-", "ecdsa-", "sk-")) and second.startswith("AAAA"):
                found.append(f"{first} {second}")
                break
    return tuple(found)
