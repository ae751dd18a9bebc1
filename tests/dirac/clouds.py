"""The cloud that DIRAC is to fill: the double of oned, or a live server.

With B2CT_TEST_ONE=http://frontend:2633/RPC2 and ONE_AUTH (a file) the acceptance runs against that
server as well. What it makes there has a prefix of its own and is removed afterwards.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from b2ct.one.client import Client
from b2ct.one.faults import OneError
from b2ct.rehearsal.oned import OnedDouble
from tests.cloud.conftest import LIVE, Ground
from tests.dirac import ground

KINDS = ("double", "live") if LIVE else ("double",)
PATIENCE = 180.0
"""Seconds to wait for a live server."""


class Cloud(Protocol):
    """What the acceptance needs of a cloud."""

    @property
    def url(self) -> str: ...
    @property
    def admin(self) -> Client: ...
    @property
    def prefix(self) -> str:
        """Of the names of what is made."""

    @property
    def lifetime(self) -> int:
        """Seconds that a VM may live; short where nobody can move the clock."""

    def add_hosts(self) -> None:
        """Room for some VMs."""

    def until(self, reached: Callable[[], bool]) -> None:
        """Let time pass until it is so."""

    def age(self, seconds: float) -> None:
        """Let that much time pass."""


@dataclass(frozen=True)
class DoubleCloud:
    """Time is that of the double: it is moved."""

    double: OnedDouble
    admin: Client
    prefix: str = ""
    lifetime: int = 3 * 86400
    door: str = ""
    """Where DIRAC comes in, if that is not oned itself."""

    @property
    def url(self) -> str:
        return self.door or self.double.url

    def add_hosts(self) -> None:
        for name in ("hv1", "hv2"):
            self.double.add_host(name, cores=8, memory_gb=32)

    def until(self, reached: Callable[[], bool]) -> None:
        self.double.until(reached)

    def age(self, seconds: float) -> None:
        self.double.tick(seconds)


@dataclass(frozen=True)
class LiveCloud:
    """Time is everybody's."""

    url: str
    admin: Client
    prefix: str
    lifetime: int = 90

    def add_hosts(self) -> None:
        """One of the dummy drivers, which any server can have."""
        made = self.admin.hosts.allocate(f"{self.prefix}hv", im="dummy", vmm="dummy")
        self.until(lambda: self.admin.hosts.get(made).usable)

    def until(self, reached: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not reached():
            assert time.monotonic() < end, f"not so after {PATIENCE:.0f} s"
            time.sleep(0.3)

    def age(self, seconds: float) -> None:
        time.sleep(seconds)


@contextmanager
def cloud(kind: str) -> Iterator[Cloud]:
    """A new double, or the live server."""
    if kind == "double":
        with on_double() as made:
            yield made
        return
    from b2ct.one import endpoint

    where = endpoint.find(url=LIVE)
    admin = Client(where, deadline=30, notice=lambda _text: None)
    prefix = f"t-{secrets.token_hex(4)}-"
    try:
        yield LiveCloud(LIVE, admin, prefix)
    finally:
        _empty(Ground(where, admin, prefix))


@contextmanager
def on_double() -> Iterator[DoubleCloud]:
    """A double whose clock stands so far back that VMs can grow old."""
    with OnedDouble(clock=ground.past(DoubleCloud.lifetime + 3600)) as double:
        yield DoubleCloud(double, ground.admin(double))


def _empty(live: Ground) -> None:
    """End the VMs of DIRAC's user and of the worker, then remove everything with the prefix."""
    one = live.one
    users = {user.id for user in one.users.all() if user.name.startswith(live.prefix)}
    groups = {group.id for group in one.groups.all() if group.name.startswith(live.prefix)}
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        left = [
            vm for vm in one.vms.all(extended=True)
            if vm.uid in users or vm.user_template.text("B2CT_WORKER").startswith(live.prefix)
        ]  # fmt: skip
        if not left:
            break
        for vm in left:
            with suppress(OneError):
                one.vms.terminate(vm.id, hard=True)
        time.sleep(1)
    # oned makes rules with every group, and keeps them when it goes.
    for rule in one.acls.all():
        if any(str(rule).startswith(f"@{group} ") for group in groups):
            with suppress(OneError):
                one.acls.delete(rule.id)
    live.sweep()
