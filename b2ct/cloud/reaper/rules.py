"""Whose VMs are looked at, and when one is unused. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from b2ct.core.errors import B2ctError
from b2ct.one.objects.vm import Vm
from b2ct.site.cloud import OWN_USERS
from b2ct.site.model import Site

SHORTEST_PREFIX = 3
HINT = "say `cloud: {dirac: {user: dirac}}` or `reaper: {user: dirac}` in site.yaml, or give --user"


@dataclass(frozen=True)
class Scope:
    """The VMs that may be touched at all."""

    user: str
    uid: int
    prefixes: tuple[str, ...]

    def holds(self, vm: Vm) -> bool:
        """Whether it is one of them: owner by number and name, name by its beginning.

        Names are compared as they are, by case.
        """
        return vm.uid == self.uid and vm.owner == self.user and vm.name.startswith(self.prefixes)


@dataclass(frozen=True)
class Rules:
    """When a VM is unused. Times in seconds; None: that rule is off."""

    poweroff: int | None = 600
    failed: int | None = 600
    boot: int | None = 3600
    silent: int | None = 2400
    idle: int | None = 3600
    idle_cpu: float = 5
    """Percent of one processor."""
    grace: int = 1800
    age: int | None = 4 * 86400


def of_site(site: Site) -> Rules:
    """The rules of site.yaml."""
    chosen = site.reaper
    return Rules(
        poweroff=_limit(chosen.poweroff), failed=_limit(chosen.failed), boot=_limit(chosen.boot),
        silent=_limit(chosen.silent), idle=_limit(chosen.idle), idle_cpu=chosen.idle_cpu,
        grace=chosen.grace, age=_limit(site.reaped_age),
    )  # fmt: skip


def checked_user(site: Site, chosen: str | None) -> str:
    """The user whose VMs are looked at. Raises B2ctError where none is named, or OpenNebula's."""
    user = chosen or site.reaped_user
    if not user:
        raise B2ctError("nothing says whose VMs may be terminated", hint=HINT)
    if user.lower() in OWN_USERS:
        raise B2ctError(
            f"{user} is OpenNebula's own user: its VMs are never terminated from here", hint=HINT
        )
    return user


def checked_prefixes(site: Site, chosen: Sequence[str]) -> tuple[str, ...]:
    """The beginnings of names. Raises B2ctError for one that would fit by chance."""
    for prefix in chosen:
        if len(prefix) < SHORTEST_PREFIX or not prefix.isprintable() or prefix.isspace():
            raise B2ctError(
                f"the prefix {prefix!r} is too short to tell DIRAC's VMs from others",
                hint="give at least three characters, as in --prefix VMDIRAC3_",
            )
    return tuple(dict.fromkeys(chosen)) or site.reaper.prefixes


def _limit(value: int | Literal["off"]) -> int | None:
    return None if value == "off" else value
