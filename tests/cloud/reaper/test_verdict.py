"""Each rule, at its limit and before it; and what no rule may touch."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from b2ct.cloud.reaper.rules import Rules, Scope
from b2ct.cloud.reaper.verdict import Evidence, Reason, Verdict, one_line, verdict
from b2ct.one.objects.vm import Reading, Vm
from b2ct.one.states import _LCM, LCM_RUNNING, LCM_UNKNOWN, VmState
from b2ct.one.text import Attributes

NOW = 1_800_000_000
HOUR, DAY = 3600, 86400
SCOPE = Scope("dirac", 5, ("VMDIRAC3_",))
BASE = Vm(
    id=7, name="VMDIRAC3_x", uid=5, owner="dirac", state=VmState.ACTIVE, lcm_state=LCM_RUNNING,
    user_template=Attributes(), started=NOW - 2 * HOUR, ended=0, deploy_id="", host_id=0,
    host="hv01", running_since=NOW - 2 * HOUR + 60, changed=NOW - 2 * HOUR + 60,
)  # fmt: skip


def lcm(name: str) -> int:
    return _LCM.index(name)


def vm(**parts: Any) -> Vm:
    return dataclasses.replace(BASE, **parts)


def heard(*loads: float, every: int = 60, last: int = 10) -> tuple[Reading, ...]:
    times = [NOW - last - every * i for i in range(len(loads))][::-1]
    return tuple(Reading(time, load) for time, load in zip(times, loads, strict=True))


def judge(found: Vm, readings: tuple[Reading, ...] | None = None, **more: Any) -> Verdict:
    rules = more.pop("rules", Rules())
    readings = heard(90.0) if readings is None else readings
    host = {"host_seen": NOW - 20, "host_usable": True, **more}
    return verdict(Evidence(found, readings, **host), SCOPE, rules, NOW)


IDLE = heard(*[0.5] * 65)
BOOTING = {"lcm_state": lcm("PROLOG"), "running_since": 0}

# (what, VM, readings, what is said); at the limit, and a second before it
AT_THE_LIMIT: list[tuple[Reason, dict[str, Any], dict[str, Any]]] = [
    (
        Reason.POWEROFF,
        {"state": VmState.POWEROFF, "changed": NOW - 600},
        {"state": VmState.POWEROFF, "changed": NOW - 599},
    ),
    (
        Reason.FAILED,
        {"lcm_state": lcm("BOOT_FAILURE"), "changed": NOW - 600},
        {"lcm_state": lcm("BOOT_FAILURE"), "changed": NOW - 599},
    ),
    (Reason.BOOT, {**BOOTING, "changed": NOW - HOUR}, {**BOOTING, "changed": NOW - HOUR + 1}),
    (
        Reason.BOOT,
        {"state": VmState.PENDING, "changed": NOW - HOUR},
        {"state": VmState.PENDING, "changed": NOW - HOUR + 1},
    ),
    (Reason.AGE, {"started": NOW - 4 * DAY}, {"started": NOW - 4 * DAY + 1}),
    (
        Reason.AGE,
        {"state": VmState.SUSPENDED, "started": NOW - 4 * DAY},
        {"state": VmState.SUSPENDED, "started": NOW - 4 * DAY + 1},
    ),
]


@pytest.mark.parametrize(("reason", "over", "under"), AT_THE_LIMIT)
def test_at_the_limit_and_before_it(
    reason: Reason, over: dict[str, Any], under: dict[str, Any]
) -> None:
    assert judge(vm(**over)).reason is reason
    kept = judge(vm(**under))
    assert not kept.reap
    assert "under the limit" in kept.why or "busy" in kept.why


@pytest.mark.parametrize("state", _LCM)
def test_every_state_has_a_verdict_and_passing_ones_are_left_alone(state: str) -> None:
    """Old enough for every rule; what ends or moves already is not touched."""
    found = judge(vm(lcm_state=lcm(state), started=NOW - 90 * DAY, changed=NOW - 90 * DAY))
    passing = ("SAVE", "MIGRATE", "HOTPLUG", "DISK", "BACKUP", "RESTORE", "SHUTDOWN", "EPILOG")
    touched = not (
        state.startswith((*passing, "CANCEL", "CLEANUP")) and not state.endswith("FAILURE")
    )
    assert found.reap is touched, (state, found.why)
    assert found.hard is (touched and state in ("RUNNING", "UNKNOWN"))


def test_silent_is_measured_against_the_hypervisor_s_own_reports() -> None:
    last = (Reading(NOW - 20 - 2400, 50.0),)
    assert judge(vm(), last).reason is Reason.SILENT
    assert not judge(vm(), (Reading(NOW - 20 - 2399, 50.0),)).reap
    # The front-end or the hypervisor was away: nothing was heard of anybody.
    assert not judge(vm(), last, host_seen=NOW - 2400).reap
    assert not judge(vm(), last, host_seen=0).reap
    assert not judge(vm(), last, host_usable=False).reap
    assert "itself is not heard of" in judge(vm(), last, host_usable=False).why


def test_a_vm_of_which_nothing_was_ever_heard() -> None:
    never = judge(vm(running_since=NOW - 3000), ())
    assert (never.reason, "never reported" in never.why) == (Reason.SILENT, True)
    assert not judge(vm(running_since=NOW - 2000), ()).reap


def test_what_the_server_does_not_tell_is_not_silence() -> None:
    found = verdict(Evidence(vm(), None, NOW - 20, True), SCOPE, Rules(), NOW)
    assert (found.reap, "does not tell" in found.why) == (False, True)


def test_unknown_is_silent_in_its_time() -> None:
    gone = vm(lcm_state=LCM_UNKNOWN)
    assert not judge(gone, (Reading(NOW - 1000, 1.0),)).reap
    found = judge(gone, (Reading(NOW - 3000, 1.0),))
    assert (found.reason, found.hard) == (Reason.SILENT, True)
    assert "UNKNOWN" in found.why


def test_idle() -> None:
    found = judge(vm(), IDLE)
    assert found.reason is Reason.IDLE
    assert found.why == "at most 0.5 % of a processor in 1 h, which is idle (up to 5 %)"
    assert judge(vm(), heard(*[5.0] * 65)).reap


@pytest.mark.parametrize(
    ("readings", "why"),
    [
        (heard(*[0.5] * 40, 5.1, *[0.5] * 24), "it works"),
        (heard(*[0.5] * 30), "too little is known"),  # the end of the period only
        (IDLE[:20] + IDLE[50:], "too little is known"),  # a hole of half an hour
        (heard(0.5, 0.5), "too little is known"),
        (tuple(dataclasses.replace(r, cpu=None) for r in IDLE), "too little is known"),
        ((*IDLE[:-1], dataclasses.replace(IDLE[-1], cpu=None)), "too little is known"),
        (heard(*[0.5] * 65, last=1000), "is 16 min old"),
        ((), "nothing is known of its load"),
    ],
)
def test_not_idle(readings: tuple[Reading, ...], why: str) -> None:
    found = judge(vm(), readings, rules=Rules(silent=None))
    assert (found.reap, why in found.why) == (False, True), found.why


def test_a_young_vm_is_not_idle() -> None:
    assert not judge(vm(running_since=NOW - HOUR + 1), IDLE).reap
    rules = Rules(idle=600, grace=2 * HOUR)
    assert "cannot be idle yet" in judge(vm(), IDLE, rules=rules).why


OFF = Rules(poweroff=None, failed=None, boot=None, silent=None, idle=None, age=None)


@pytest.mark.parametrize("over", [case[1] for case in AT_THE_LIMIT] + [{}])
def test_rules_that_are_off_reap_nothing(over: dict[str, Any]) -> None:
    found = judge(vm(**over), IDLE if not over else (), rules=OFF)
    assert not found.reap
    assert "is off)" in found.why or "busy" in found.why


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"uid": 6}, "not one of dirac's"),
        ({"owner": "dirac2"}, "not one of dirac's"),
        ({"name": "vmdirac3_x"}, "not one of dirac's"),
        ({"name": " VMDIRAC3_x"}, "not one of dirac's"),
        ({"locked_by": 3}, "locked"),
        ({"state": VmState.DONE}, "gone already"),
        ({"lcm_state": lcm("EPILOG")}, "ending already"),
        ({"started": 0}, "does not say when"),
        ({"started": NOW + 600}, "the clocks"),
        ({"changed": NOW + 600}, "the clocks"),
    ],
)
def test_never(parts: dict[str, Any], why: str) -> None:
    old = {"started": NOW - 90 * DAY, "changed": NOW - 90 * DAY}
    found = judge(vm(**{**old, **parts}))
    assert (found.reap, why in found.why) == (False, True), found.why


def test_what_the_server_quotes_is_one_line() -> None:
    said = Attributes.of({"ERROR": "line\n\x1b[31mtwo" + "x" * 500})
    found = judge(vm(lcm_state=lcm("BOOT_FAILURE"), user_template=said, changed=NOW - HOUR))
    assert found.why.isprintable()
    assert len(found.why) < 300
    assert one_line("a\tb") == "a b"
