"""Whether a VM is unused, from what the server says of it. Pure.

The rules are the union of what DIRAC's VM directors and Vcycle do: VMs that have powered off or
failed, that take too long to start, that nobody hears of, that do nothing, that are too old.

What each rests on:

- poweroff, failed, boot: STATE and LCM_STATE; since when: the latest time in the VM's history.
- silent: `one.vm.monitoring`. A hypervisor's agent reports its VMs every half a minute or so. A VM
  is silent for as long as its hypervisor has been heard of after the VM's last report. So a
  front-end that was away, or a hypervisor that is, makes no VM silent. Nothing is measured inside
  the guest: one that has hung but whose QEMU process is there is not silent.
- idle: MONITORING/CPU of all reports of the period: what the VM's processors did on the hypervisor.
- age: STIME, the VM's creation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from b2ct.cloud.reaper.rules import Rules, Scope
from b2ct.one.objects.vm import Reading, Vm
from b2ct.one.states import VmState

FEWEST_READINGS = 3
SKEW = 120
"""Seconds by which clocks may differ."""
_WAITING = (VmState.INIT, VmState.PENDING, VmState.CLONING)
_PAUSED = (VmState.HOLD, VmState.STOPPED, VmState.SUSPENDED, VmState.UNDEPLOYED)
_ENDING = ("SHUTDOWN", "EPILOG", "CANCEL", "CLEANUP_DELETE")
_ON = ("RUNNING", "UNKNOWN")


class Reason(StrEnum):
    """Why a VM is unused."""

    POWEROFF = "poweroff"
    FAILED = "failed"
    BOOT = "boot"
    SILENT = "silent"
    IDLE = "idle"
    AGE = "age"


@dataclass(frozen=True)
class Evidence:
    """A VM, and what was heard of it and of its hypervisor."""

    vm: Vm
    readings: tuple[Reading, ...] | None = None
    """By time; None: not known. Empty: nothing was ever heard of it."""
    host_seen: int = 0
    """When its hypervisor last reported, seconds since 1970; 0: unknown."""
    host_usable: bool = False


@dataclass(frozen=True)
class Verdict:
    """What is to become of a VM, and why, in words."""

    vm: Vm
    reason: Reason | None
    """None: it is kept."""
    why: str
    hard: bool = False
    """It is ended without asking the guest."""

    @property
    def reap(self) -> bool:
        """It is terminated."""
        return self.reason is not None


def verdict(found: Evidence, scope: Scope, rules: Rules, now: int) -> Verdict:
    """The verdict on one VM. `now`: seconds since 1970, by the front-end's clock."""
    vm = found.vm
    if kept := _untouchable(vm, scope, now):
        return Verdict(vm, None, kept)
    told = []
    for reason, why, counts in _findings(found, rules, now):
        if counts:
            return Verdict(vm, reason, why, hard=vm.status in _ON)
        told.append(why)
    return Verdict(vm, None, "; ".join(told) or f"{vm.status} is none of the rules' business")


def needs_reports(vm: Vm) -> bool:
    """Whether the verdict rests on what its hypervisor says."""
    return vm.status in _ON


def ending(vm: Vm) -> bool:
    """It is gone, or about to be."""
    return vm.done or (vm.state is VmState.ACTIVE and vm.status in _ENDING)


def _untouchable(vm: Vm, scope: Scope, now: int) -> str:
    """Why it is not looked at any further, or nothing."""
    reasons = (
        (not scope.holds(vm), f"it is not one of {scope.user}'s with these names"),
        (vm.locked_by is not None, "somebody locked it (onevm unlock)"),
        (vm.done, "it is gone already"),
        (ending(vm), f"it is ending already ({vm.status} for {_time(now - vm.changed)})"),
        (vm.started <= 0, "the server does not say when it was created"),
        (
            max(vm.started, vm.changed) > now + SKEW,
            "it comes from the future: the clocks here and on the front-end differ",
        ),
    )
    return next((why for holds, why in reasons if holds), "")


def _findings(found: Evidence, rules: Rules, now: int) -> Iterator[tuple[Reason, str, bool]]:
    """The rules that concern its state: reason, what was found, whether that is enough."""
    vm = found.vm
    since = now - vm.changed
    if vm.failed:
        said = f": {one_line(vm.error)}" if vm.error else ""
        yield _over(Reason.FAILED, f"{vm.status} for {_time(since)}{said}", since, rules.failed)
    elif vm.state is VmState.POWEROFF:
        yield _over(Reason.POWEROFF, f"powered off for {_time(since)}", since, rules.poweroff)
    elif _starting(vm):
        said = f": {one_line(vm.scheduler_message)}" if vm.scheduler_message else ""
        yield _over(Reason.BOOT, f"{vm.status} for {_time(since)}{said}", since, rules.boot)
    elif vm.status in _ON:
        yield _silent(found, rules.silent)
        yield _idle(found, rules, now)
    elif vm.state not in _PAUSED:
        # A migration, a snapshot: the server would refuse, and it passes.
        yield Reason.AGE, f"the server is busy with it ({vm.status})", False
        return
    age = now - vm.started
    yield _over(Reason.AGE, f"{_time(age)} old", age, rules.age)


def _starting(vm: Vm) -> bool:
    if vm.state in _WAITING:
        return True
    return vm.state is VmState.ACTIVE and vm.status.startswith(("LCM_INIT", "PROLOG", "BOOT"))


def _over(reason: Reason, what: str, seconds: int, limit: int | None) -> tuple[Reason, str, bool]:
    if limit is None:
        return reason, f"{what} (the rule `{reason}` is off)", False
    counts = seconds >= limit
    return reason, f"{what}, {'over' if counts else 'under'} the limit of {_time(limit)}", counts


def _silent(found: Evidence, limit: int | None) -> tuple[Reason, str, bool]:
    vm, host = found.vm, found.vm.host or "its hypervisor"
    if found.readings is None:
        return Reason.SILENT, "the server does not tell what was heard of it", False
    if not found.host_usable or not found.host_seen:
        return Reason.SILENT, f"{host} itself is not heard of, so nothing is known of it", False
    last = max(found.readings[-1].time if found.readings else 0, vm.running_since, vm.started)
    seconds = max(0, found.host_seen - last)
    if not found.readings:
        what = f"{host} has never reported it, in {_time(seconds)}"
    else:
        what = f"{host} reports, but nothing of it for {_time(seconds)}"
    if vm.status == "UNKNOWN":
        what += " (UNKNOWN: it is not among the VMs that run there)"
    return _over(Reason.SILENT, what, seconds, limit)


def _idle(found: Evidence, rules: Rules, now: int) -> tuple[Reason, str, bool]:
    period = rules.idle
    if period is None:
        return Reason.IDLE, "the rule `idle` is off", False
    running = now - max(found.vm.running_since, found.vm.started)
    if running < max(rules.grace, period):
        return Reason.IDLE, f"running for {_time(running)} only, so it cannot be idle yet", False
    most, unknown = _most_load(found.readings, period, now)
    if most is None:
        return Reason.IDLE, unknown, False
    what = f"at most {most:g} % of a processor in {_time(period)}"
    if most > rules.idle_cpu:
        return Reason.IDLE, f"{what}: it works", False
    return Reason.IDLE, f"{what}, which is idle (up to {rules.idle_cpu:g} %)", True


def _most_load(
    readings: tuple[Reading, ...] | None, period: int, now: int
) -> tuple[float | None, str]:
    """The highest load of the period that ends with the last report, or why it is not known.

    All of the period has to be covered: not its end alone, and without long holes in it.
    """
    if not readings:
        return None, "nothing is known of its load"
    last = readings[-1].time
    if now - last > period // 4:
        return None, f"the last report of its load is {_time(now - last)} old"
    inside = [one for one in readings if last - period <= one.time]
    loads = [one.cpu for one in inside if one.cpu is not None]
    times = [last - period, *(one.time for one in inside)]
    hole = max(later - earlier for earlier, later in pairwise(times))
    if len(loads) < max(FEWEST_READINGS, len(inside)) or hole > period // 4:
        return None, f"too little is known of its load in {_time(period)} ({len(loads)} reports)"
    return max(loads), ""


def one_line(text: str, most: int = 160) -> str:
    """What others wrote, as it may be printed: one line without control characters."""
    shown = "".join(char if char.isprintable() else " " for char in text)
    return shown if len(shown) <= most else f"{shown[: most - 3]}..."


def _time(seconds: int) -> str:
    """Seconds as a person says them: `47 s`, `12 min`, `5 h 10 min`, `3 d 4 h`."""
    seconds = max(0, seconds)
    if seconds < 120:
        return f"{seconds} s"
    minutes = seconds // 60
    hours, days = minutes // 60, minutes // 1440
    if hours < 1:
        return f"{minutes} min"
    if days < 2:
        return f"{hours} h" + (f" {minutes % 60} min" if minutes % 60 else "")
    return f"{days} d" + (f" {hours % 24} h" if hours % 24 else "")
