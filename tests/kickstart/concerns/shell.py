"""The commands of our shell scripts, as far as a test has to tell them apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from tests.kickstart.concerns.machine import rendered, site, split_post, variants

ASSIGNED = re.compile(r"(?:^|\s)(?:local )?([A-Za-z_]\w*)=(\S*)")
_BETWEEN = re.compile(r"\|\|?|&&|;;?|\$\(|\(|\bthen\b|\bif\b|\belse\b|\buntil\b|\bdo\b|[{!]\s")


def lines(script: str) -> list[str]:
    """Without comments, and each whole."""
    whole = re.sub(r"\\\n\s*", "", script)
    return [re.sub(r"(^|\s)#.*", "", line) for line in whole.splitlines()]


def commands(line: str) -> Iterator[list[str]]:
    """The words of each command of a line, without the variables set for it."""
    for command in _BETWEEN.split(line):
        words = command.split()
        while words and ASSIGNED.match(words[0]):
            words.pop(0)
        if words:
            yield words


@cache
def scripts() -> frozenset[tuple[str, str]]:
    """Name and text of each script of every release, version and role."""
    storages = [{"type": "ssh"}, {"type": "nfs", "server": "nfs.example.org", "export": "/one"}]
    found = set()
    for index, (release, version, role) in enumerate(variants()):
        described = site(
            release={"version": release},
            opennebula={"version": version},
            storage=storages[index % 2],
            packages={"all": ["emacs-nox"]},
            cloud={"dirac": {}},
            secrets={"dirac_password": {"file": "dirac.txt"}},
            gateway={"clients": ["192.0.2.0/24"]},
        )
        for name, parts in rendered(described, role).items():
            files, post = split_post(parts.post)
            found.add((f"{name}: %post", post))
            found |= {(path, text) for path, (text, _) in files.items() if "sh" in text[:40]}
    return frozenset(found)
