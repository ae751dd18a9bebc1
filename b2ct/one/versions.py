"""What differs between versions of OpenNebula, as far as a client sees it: rows, one to pick."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from b2ct.core.errors import B2ctError


@dataclass(frozen=True)
class Dialect:
    """One version line. What is not named here is the same from 5.12 on."""

    version: tuple[int, int]
    force_delete: bool = True
    """image.delete takes a force flag, which LOCKED images need (6.8)."""
    ssh_driver: str = "local"
    """TM_MAD of datastores on each machine's own disk (`ssh` up to 6.10)."""
    net_states: bool = True
    """Virtual networks have a STATE (6.4)."""
    shared_drivers: tuple[str, ...] = ("shared", "qcow2")
    """TM_MAD of datastores on a shared file system."""
    flow_template: str = "template_id"
    """Key of a OneFlow role that names its VM template."""
    flow_contents: str = "template_contents"
    """Key of a OneFlow role with further VM attributes."""
    flow_role_type: str = "vm"
    """`type` of such a role; empty: there is no such key."""
    grpc: bool = True
    """It also speaks gRPC (7.2)."""
    server: str = field(default="", compare=False)
    """The whole version of the server that speaks it."""

    def __str__(self) -> str:
        """`6.10`."""
        return ".".join(map(str, self.version))


_7_2 = Dialect((7, 2))
_7_0 = replace(_7_2, version=(7, 0), grpc=False)
_6_10 = replace(
    _7_0, version=(6, 10), ssh_driver="ssh", flow_template="vm_template",
    flow_contents="vm_template_contents", flow_role_type="",
)  # fmt: skip
_6_8 = replace(_6_10, version=(6, 8))
_6_4 = replace(_6_8, version=(6, 4), force_delete=False)
_5_12 = replace(_6_4, version=(5, 12), net_states=False)

DIALECTS: tuple[Dialect, ...] = (_5_12, _6_4, _6_8, _6_10, _7_0, _7_2)
"""Oldest first. A server speaks the newest one that is not newer than itself."""
NEWEST_KNOWN = (7, 4)
"""The newest line whose API was compared; a newer server is spoken to like it, with a word."""
OLDEST = (5, 0)
"""Before 5.0 VM actions had other names, and templates were instantiated in another way."""


def numbers(version: str) -> tuple[int, int]:
    """`6.10.5` -> (6, 10). Raises B2ctError for what is no version."""
    found = re.match(r"(\d{1,4})\.(\d{1,4})", version.strip())
    if not found:
        raise B2ctError(
            f"the server says that its version is {version[:40]!r}",
            hint="does the endpoint really lead to OpenNebula?",
        )
    return int(found[1]), int(found[2])


def other_line(said: str, server: str) -> str:
    """What to tell where site.yaml says another version line than the server is of, or nothing."""
    if not server or numbers(said) == numbers(server):
        return ""
    return f"site.yaml says OpenNebula {said}, the server is {server}"


def dialect(version: str, notice: Callable[[str], None] = lambda _text: None) -> Dialect:
    """How to speak to a server of that version; `notice` hears what is uncertain about it.

    Raises B2ctError for a version that is too old to be spoken to.
    """
    found = numbers(version)
    if found < OLDEST:
        raise B2ctError(
            f"OpenNebula {version} is too old: its API has other methods",
            hint="b2ct speaks to 5.12 and later",
        )
    if found > NEWEST_KNOWN:
        newest = ".".join(map(str, NEWEST_KNOWN))
        notice(f"OpenNebula {version} is newer than {newest}, the newest that b2ct knows")
    elif found < DIALECTS[0].version:
        notice(f"OpenNebula {version} is older than {DIALECTS[0]}: not everything will work")
    row = max(
        (row for row in DIALECTS if row.version <= found),
        key=lambda row: row.version, default=DIALECTS[0],
    )  # fmt: skip
    return replace(row, server=version)
