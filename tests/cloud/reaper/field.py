"""A cloud full of VMs in any state, whoever they belong to, and what was asked of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from b2ct.cloud.reaper.journal import Journal
from b2ct.cloud.reaper.reap import Reaper, find_scope
from b2ct.cloud.reaper.rules import Rules
from b2ct.one.client import Client
from b2ct.one.endpoint import Endpoint
from b2ct.one.transport import Pauses
from b2ct.rehearsal.oned import OnedDouble
from b2ct.rehearsal.oned.states import Lcm, VmState
from b2ct.rehearsal.oned.vm import History, Vm

PREFIX = "VMDIRAC3_"
HOUR = 3600
CHANGES = ("one.vm.action", "one.vm.recover", "one.vm.update", "one.vm.rename", "one.vm.migrate")


@dataclass
class Field:
    """A double with a user `dirac`, a hypervisor, and VMs that tests put there."""

    double: OnedDouble
    asked: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dirac = self.double.rpc("one.user.allocate", "dirac", "secret", "core")
        self.other = self.double.rpc("one.user.allocate", "someone", "secret", "core")
        self.host = self.double.add_host("hv01")
        cloud = self.double.cloud
        inner = cloud.call

        def noted(name: str, arguments: Sequence[Any]) -> bytes:
            self.asked.append((name, tuple(arguments[1:])))
            return inner(name, arguments)

        cloud.call = noted  # type: ignore[method-assign]

    @property
    def now(self) -> int:
        return self.double.clock.seconds

    def vm(
        self,
        name: str = f"{PREFIX}a",
        *,
        uid: int | None = None,
        state: VmState = VmState.ACTIVE,
        lcm: Lcm = Lcm.LCM_INIT,
        age: int = HOUR,
        since: int | None = None,
        heard: int | None = 10,
        loads: list[float] | None = None,
    ) -> Vm:
        """A VM that is `age` s old, and for `since` s (as long, if left out) in its state.

        `heard`: seconds since its hypervisor's last report; `loads`: a report every 60 s with
        these loads, the last one then.
        """
        cloud, now = self.double.cloud, self.now
        changed = now - (age if since is None else since)
        made = Vm(cloud, cloud.vms.take_id(), name, uid=self.dirac if uid is None else uid)
        made.state, made.lcm, made.stime = state, lcm, now - age
        if state is VmState.ACTIVE or state is VmState.POWEROFF:
            stay = History(
                self.host.id, "hv01", 0, 0, "kvm", "ssh", now - age, prolog=(now - age, now - age)
            )
            stay.running = (changed, 0)
            if state is VmState.POWEROFF:
                stay.running, stay.end = (now - age, changed), changed
            made.history.append(stay)
            self.host.vms.add(made.id)
        if heard is not None:
            loads = [90.0] if loads is None else loads
            last = now - heard
            made.reports = [(last - 60 * i, cpu) for i, cpu in enumerate(reversed(loads))][::-1]
        cloud.vms.add(made)
        return made

    def running(self, **more: Any) -> Vm:
        return self.vm(**{"lcm": Lcm.RUNNING, **more})

    def client(self) -> Client:
        where = Endpoint(self.double.url, self.double.auth, proxy="")
        quick = Pauses(first=0.02, longest=0.05)
        return Client(where, deadline=5, pauses=quick, notice=lambda _text: None)

    def reaper(self, rules: Rules | None = None, journal: Journal | None = None) -> Reaper:
        one = self.client()
        return Reaper(
            one, find_scope(one, "dirac", (PREFIX,)), rules or Rules(), journal,
            now=lambda: self.now, sleep=self.slept.append, note=lambda _text: None,
        )  # fmt: skip

    def run(self, rules: Rules | None = None) -> dict[int, str]:
        """A whole run; the results by VM."""
        reaper = self.reaper(rules)
        outcomes = reaper.reap(reaper.look().verdicts)
        return {one.verdict.vm.id: one.result for one in outcomes}

    @property
    def changes(self) -> list[tuple[str, tuple[Any, ...]]]:
        """Calls that were received and change anything at all."""
        reads = ("info", "infoextended", "infoset", "monitoring", "version")
        return [(n, a) for n, a in self.asked if n.rpartition(".")[2] not in reads]
