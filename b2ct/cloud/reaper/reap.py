"""One run: look, judge, and terminate what the verdict says. All effects are in `Reaper`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from b2ct.cloud.reaper.journal import Journal
from b2ct.cloud.reaper.rules import HINT, Rules, Scope
from b2ct.cloud.reaper.verdict import (
    Evidence,
    Reason,
    Verdict,
    ending,
    needs_reports,
    one_line,
    verdict,
)
from b2ct.core import console
from b2ct.core.errors import B2ctError
from b2ct.one.client import Client
from b2ct.one.faults import (
    MissingError,
    OneError,
    RefusedError,
    UncertainError,
    UnreachableError,
    WrongStateError,
)
from b2ct.one.objects.host import Host
from b2ct.one.objects.vm import Reading, Vm
from b2ct.one.states import VmState

CONFIRM = 90.0
"""Seconds between the two looks at a silent VM: hypervisors report theirs every 30 s."""
RECOVER_DELETE = 3


@dataclass(frozen=True)
class Outcome:
    """What came of a verdict that said: terminate."""

    verdict: Verdict
    result: str
    """`terminated`, `deleted`, `gone`, `spared` (a second look kept it), `failed`, `not tried`."""
    detail: str = ""

    @property
    def bad(self) -> bool:
        """It ought to be gone and is not."""
        return self.result in ("failed", "not tried")


@dataclass(frozen=True)
class Survey:
    """What a look found."""

    verdicts: tuple[Verdict, ...]
    others: int
    """VMs of the user with other names, which were not looked at."""


def find_scope(one: Client, user: str, prefixes: tuple[str, ...]) -> Scope:
    """The user's number. Raises B2ctError when there is no such user, or it may not be known."""
    me = one.me
    if me.name == user:
        return Scope(user, me.id, prefixes)
    found = one.users.find(user)
    if found is None:
        raise B2ctError(f"OpenNebula has no user {user}", hint=HINT)
    return Scope(user, found.id, prefixes)


@dataclass
class Reaper:
    """Looks at the VMs of a scope and terminates unused ones.

    `now` gives seconds since 1970 by the front-end's clock; `sleep` waits.
    """

    one: Client
    scope: Scope
    rules: Rules
    journal: Journal | None = None
    confirm: float = CONFIRM
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    note: Callable[[str], None] = console.note
    _hosts: dict[int, Host | None] = field(default_factory=dict)

    def look(self) -> Survey:
        """Judge every VM of the user that has one of the names; nothing is changed."""
        self._hosts.clear()
        listed = [vm for vm in self.one.vms.all(self.scope.uid) if vm.uid == self.scope.uid]
        mine = [vm for vm in listed if self.scope.holds(vm)]
        judged = (self._judge(vm.id) for vm in mine)
        return Survey(tuple(v for v in judged if v), len(listed) - len(mine))

    def reap(self, verdicts: Iterable[Verdict]) -> list[Outcome]:
        """Terminate those whose verdict says so, each after a fresh look at it.

        Silent ones come last, after a pause: after a restart of the front-end, VMs are heard of
        within half a minute. Raises B2ctError when the journal cannot be written.
        """
        wanted = [v for v in verdicts if v.reap]
        silent = [v for v in wanted if v.reason is Reason.SILENT]
        outcomes: list[Outcome] = []
        self._each([v for v in wanted if v.reason is not Reason.SILENT], outcomes)
        if silent and not any(o.result == "not tried" for o in outcomes):
            self.note(f"{len(silent)} silent: looking again in {self.confirm:g} s")
            self.sleep(self.confirm)
        self._hosts.clear()
        self._each(silent, outcomes)
        return outcomes

    def _each(self, verdicts: Iterable[Verdict], outcomes: list[Outcome]) -> None:
        for one in verdicts:
            if any(o.result == "not tried" for o in outcomes):
                outcomes.append(Outcome(one, "not tried", "OpenNebula does not answer"))
                continue
            try:
                outcomes.append(self._reap_one(one))
            except UnreachableError as err:
                outcomes.append(Outcome(one, "not tried", err.message))
            except OneError as err:
                outcomes.append(Outcome(one, "failed", _told(err)))

    def _reap_one(self, before: Verdict) -> Outcome:
        fresh = self._judge(before.vm.id)
        if fresh is None:
            return Outcome(before, "gone")
        if not fresh.reap:
            return Outcome(fresh, "gone" if ending(fresh.vm) else "spared", fresh.why)
        self._write("terminate", fresh)
        outcome = self._terminate(fresh)
        self._write(outcome.result, outcome.verdict, outcome.detail)
        return outcome

    def _terminate(self, one: Verdict) -> Outcome:
        vm = one.vm
        try:
            self.one.vms.terminate(vm.id, hard=one.hard)
        except MissingError:
            return Outcome(one, "gone")
        except WrongStateError as err:
            return self._wrong_state(one, err)
        except UncertainError as err:
            return self._settled(one, err)
        except RefusedError as err:
            return Outcome(one, "failed", _told(err))
        return Outcome(one, "terminated")

    def _wrong_state(self, one: Verdict, err: WrongStateError) -> Outcome:
        """It has moved on; or it is being copied or booted, where only `recover` helps."""
        found = self._judge(one.vm.id)
        if found is None or ending(found.vm):
            return Outcome(one, "gone")
        stuck = found.reap and found.vm.state is VmState.ACTIVE and not needs_reports(found.vm)
        if not stuck:
            return Outcome(one, "failed", _told(err))
        try:
            self.one.vms.recover(found.vm.id, RECOVER_DELETE)
        except RefusedError as refused:
            return Outcome(found, "failed", _told(refused))
        except UncertainError as lost:
            return self._settled(found, lost)
        return Outcome(found, "deleted")

    def _settled(self, one: Verdict, err: OneError) -> Outcome:
        """The answer was lost: the VM itself tells."""
        found = self._judge(one.vm.id)
        if found is None or ending(found.vm):
            return Outcome(one, "terminated")
        return Outcome(one, "failed", _told(err))

    def _judge(self, vm_id: int) -> Verdict | None:
        """The verdict on a VM as it is now; None: there is no such VM any more."""
        try:
            vm = self.one.vms.get(vm_id)
            readings = self._readings(vm)
        except MissingError:
            return None
        host = self._host(vm) if needs_reports(vm) else None
        found = Evidence(vm, readings, host.last_seen if host else 0, bool(host and host.usable))
        return verdict(found, self.scope, self.rules, int(self.now()))

    def _readings(self, vm: Vm) -> tuple[Reading, ...] | None:
        """What was heard of it; None where that is not needed, or the server does not tell."""
        if not needs_reports(vm) or not self.scope.holds(vm) or vm.locked_by is not None:
            return None
        try:
            return self.one.vms.monitoring(vm.id)
        except MissingError:
            raise
        except RefusedError:
            return None

    def _host(self, vm: Vm) -> Host | None:
        """Its hypervisor, asked once a look; None where it may not be seen or is gone."""
        if vm.host_id not in self._hosts:
            try:
                self._hosts[vm.host_id] = self.one.hosts.get(vm.host_id)
            except UnreachableError:
                raise
            except OneError:
                self._hosts[vm.host_id] = None
        return self._hosts[vm.host_id]

    def _write(self, event: str, one: Verdict, detail: str = "") -> None:
        if self.journal is None:
            return
        self.journal.append(
            {
                "time": datetime.fromtimestamp(self.now(), UTC).isoformat(timespec="seconds"),
                "event": event,
                "endpoint": self.one.endpoint.host,
                **described(one),
                **({"detail": detail} if detail else {}),
            }
        )


def described(one: Verdict) -> dict[str, object]:
    """A verdict for programs."""
    vm = one.vm
    return {
        "vm": vm.id, "name": vm.name, "user": vm.owner, "uid": vm.uid, "state": vm.status,
        "host": vm.host, "created": vm.started, "reason": one.reason.value if one.reason else None,
        "why": one.why, "hard": one.hard,
    }  # fmt: skip


def _told(err: OneError) -> str:
    return one_line("; ".join(err.lines()), 400)
