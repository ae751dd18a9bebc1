"""Whole runs against the double of oned: what is asked of it, and what is left standing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from b2ct.cloud.reaper.journal import Journal, read
from b2ct.cloud.reaper.reap import find_scope
from b2ct.cloud.reaper.rules import Rules
from b2ct.core.errors import B2ctError
from b2ct.one.faults import UnreachableError
from b2ct.rehearsal.oned import Clock, OnedDouble
from b2ct.rehearsal.oned.entities import Lock
from b2ct.rehearsal.oned.states import Lcm, VmState
from b2ct.rehearsal.oned.vm import Vm

from .field import HOUR, PREFIX, Field

IDLE = [0.3] * 70


def test_one_of_each(field: Field, tmp_path: Path) -> None:
    unused = {
        field.vm(state=VmState.POWEROFF, since=700).id: "poweroff",
        field.vm(lcm=Lcm.BOOT_FAILURE, since=700).id: "failed",
        field.running(age=2 * HOUR, heard=2500).id: "silent",
        field.running(age=2 * HOUR, loads=IDLE).id: "idle",
        field.running(age=100 * HOUR).id: "age",
        field.vm(state=VmState.PENDING, age=2 * HOUR).id: "boot",
    }
    kept = [
        field.vm(state=VmState.POWEROFF, since=300).id,
        field.running(age=2 * HOUR).id,
        field.running(age=HOUR // 2, loads=IDLE).id,
        field.vm(lcm=Lcm.EPILOG, age=100 * HOUR).id,
        field.vm("web", lcm=Lcm.RUNNING, age=100 * HOUR).id,
        field.running(uid=field.other, age=100 * HOUR).id,
        field.running(uid=0, age=100 * HOUR).id,
    ]
    journal = Journal(tmp_path / "journal")
    reaper = field.reaper(journal=journal)
    survey = reaper.look()
    assert {v.vm.id: v.reason for v in survey.verdicts if v.reap} == unused
    assert survey.others == 1
    assert field.changes == []
    outcomes = reaper.reap(survey.verdicts)
    assert {o.verdict.vm.id: o.result for o in outcomes} == dict.fromkeys(unused, "terminated")
    changed = [arguments for name, arguments in field.changes if name == "one.vm.action"]
    assert sorted(number for _, number in changed) == sorted(unused)
    hard = {number for action, number in changed if action == "terminate-hard"}
    assert hard == {n for n, why in unused.items() if why in ("silent", "idle", "age")}
    field.double.tick(60)
    vms = field.double.cloud.vms
    assert all(vms[number].state is VmState.DONE for number in unused)
    assert all(vms[number].state is not VmState.DONE for number in kept)
    # Two lines each: before, and what came of it.
    events = [(e["vm"], e["event"]) for e in read(tmp_path / "journal")]
    assert sorted(events) == sorted((n, e) for n in unused for e in ("terminate", "terminated"))
    assert {e["vm"]: e["reason"] for e in read(tmp_path / "journal")} == unused


def test_a_second_run_finds_nothing_to_do(field: Field) -> None:
    field.vm(state=VmState.POWEROFF, since=700)
    field.running(age=100 * HOUR)
    assert len(field.run()) == 2
    assert field.run() == {}  # one is in SHUTDOWN still
    field.double.tick(60)
    assert field.run() == {}
    assert len(field.changes) == 2


def test_what_boots_for_ever_is_deleted_where_terminate_is_refused(field: Field) -> None:
    stuck = field.vm(lcm=Lcm.PROLOG, age=2 * HOUR)
    assert field.run() == {stuck.id: "deleted"}
    assert [name for name, _ in field.changes[-2:]] == ["one.vm.action", "one.vm.recover"]
    assert stuck.state is VmState.DONE


def test_a_locked_vm_stays(field: Field) -> None:
    kept = field.running(age=100 * HOUR)
    kept.lock = Lock(1, 0, 0, 0)
    (found,) = field.reaper().look().verdicts
    assert (found.reap, "locked" in found.why) == (False, True)


def test_silent_ones_get_a_second_look(field: Field) -> None:
    """After a restart of the front-end the VMs are heard of a moment later than their host."""
    back = field.running(age=2 * HOUR, heard=3000)
    gone = field.running(age=2 * HOUR, heard=3000)
    reaper = field.reaper()

    def heard_meanwhile(seconds: float) -> None:
        field.slept.append(seconds)
        field.double.tick(seconds)
        field.host.monitored()
        back.reports.append((field.now - 5, 90.0))

    reaper.sleep = heard_meanwhile
    outcomes = {o.verdict.vm.id: o.result for o in reaper.reap(reaper.look().verdicts)}
    assert outcomes == {back.id: "spared", gone.id: "terminated"}
    assert field.slept == [90.0]
    assert back.state is VmState.ACTIVE


def test_a_front_end_that_was_away_takes_nobody_for_silent(field: Field) -> None:
    """For an hour nothing was monitored; then oned is back, and has heard of no hypervisor yet."""
    for _ in range(3):
        field.running(age=2 * HOUR)
    field.double.tick(HOUR)
    field.double.restart()
    assert field.run() == {}
    field.host.fail("down")
    assert field.run() == {}


def test_it_is_looked_at_again_right_before(field: Field) -> None:
    """Between the survey and the act somebody resumed one, and gave another away."""
    resumed = field.vm(state=VmState.POWEROFF, since=700)
    given = field.vm(state=VmState.POWEROFF, since=700)
    gone = field.vm(state=VmState.POWEROFF, since=700)
    reaper = field.reaper()
    survey = reaper.look()
    resumed.state, resumed.lcm = VmState.ACTIVE, Lcm.RUNNING
    given.uid = field.other
    field.double.cloud.vms.remove(gone.id)
    results = {o.verdict.vm.id: o.result for o in reaper.reap(survey.verdicts)}
    assert results == {resumed.id: "spared", given.id: "spared", gone.id: "gone"}
    assert not [name for name, _ in field.changes if name.startswith("one.vm.")]


def test_a_lost_answer_is_settled_by_looking(field: Field) -> None:
    vm = field.vm(state=VmState.POWEROFF, since=700)
    field.double.faults.http("reset", method="one.vm.action")
    assert field.run() == {vm.id: "terminated"}
    assert [a for n, a in field.changes if n == "one.vm.action"] == [("terminate", vm.id)]


def test_a_refusal_of_one_does_not_keep_the_others(field: Field) -> None:
    first = field.vm(state=VmState.POWEROFF, since=700)
    second = field.vm(state=VmState.POWEROFF, since=700)
    field.double.faults.http("garbage", method="one.vm.action", times=1)
    results = field.run()
    assert set(results) == {first.id, second.id}
    assert results[second.id] == "terminated"
    assert field.run().get(first.id, "terminated") == "terminated"


def test_oned_away_in_mid_run_stops_it_and_the_next_run_goes_on(field: Field) -> None:
    vms = [field.vm(state=VmState.POWEROFF, since=700) for _ in range(3)]
    reaper = field.reaper()
    survey = reaper.look()
    reaper.one.transport.deadline = 0.5
    done = []

    def once(method: str) -> None:
        if method == "one.vm.action":
            done.append(method)

    field.double.faults.before.append(once)
    inner = reaper._reap_one

    def stopping(verdict: object) -> object:
        outcome = inner(verdict)  # type: ignore[arg-type]
        field.double.stop()
        return outcome

    reaper._reap_one = stopping  # type: ignore[method-assign, assignment]
    results = [o.result for o in reaper.reap(survey.verdicts)]
    assert results == ["terminated", "not tried", "not tried"]
    field.double.start()
    assert set(field.run()) == {vm.id for vm in vms[1:]}


def test_oned_away_from_the_start(field: Field) -> None:
    field.double.stop()
    with pytest.raises(UnreachableError):
        field.reaper()
    field.double.start()


def test_no_journal_no_termination(field: Field, tmp_path: Path) -> None:
    field.vm(state=VmState.POWEROFF, since=700)
    folder = tmp_path / "log"
    folder.mkdir()
    reaper = field.reaper(journal=Journal(folder / "journal"))
    survey = reaper.look()
    (folder / "journal").unlink()
    folder.rmdir()
    with pytest.raises(B2ctError, match="cannot write the journal"):
        reaper.reap(survey.verdicts)
    assert not [name for name, _ in field.changes if name.startswith("one.vm.")]


def test_a_user_that_is_not_there(field: Field) -> None:
    with pytest.raises(B2ctError, match="OpenNebula has no user nobody"):
        find_scope(field.client(), "nobody", (PREFIX,))


NAMES = st.one_of(
    st.sampled_from(
        [
            *(PREFIX, f"{PREFIX}1", f"{PREFIX.lower()}1", f" {PREFIX}1", f"x{PREFIX}1"),
            *(PREFIX[:-1], f"{PREFIX[:-1]}-1", "VMDIRAC3_%n", "VMDIRAC3_*", "one-7", "VMDIRAC3_é"),
            *("VMDIRAC3_\u202e1", "VMDIRAC3_" + "x" * 119, "\uff36MDIRAC3_1", "V\u200bMDIRAC3_1"),
        ]
    ),
    # What OpenNebula takes for a name and XML can carry.
    st.text(
        st.characters(
            exclude_characters="&|:\\\";/'#{}$<>", exclude_categories=("Cc", "Cs", "Cn", "Co")
        ),
        min_size=1,
        max_size=20,
    ),
)
VMS = st.tuples(
    NAMES,
    # Mostly such as would be taken if user and name were not looked at.
    st.sampled_from([*["dirac"] * 4, "someone", "oneadmin", "Dirac", "dirac2"]),
    st.integers(0, 3),  # the group
    st.sampled_from([*[VmState.ACTIVE, VmState.POWEROFF] * 6, *VmState]),
    st.one_of(st.just(Lcm.RUNNING), st.sampled_from(list(Lcm))),
    st.sampled_from([0, 900, 5000, 500_000, 500_000]),  # age
    st.sampled_from([None, 5, 3000]),  # heard of
    st.booleans(),  # idle
    st.sampled_from(["000000000", "111111111"]),
    # What befalls it between the survey and its turn.
    st.sampled_from(["", "", "given away", "renamed"]),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(VMS, max_size=8), st.booleans())
def test_nobody_else_s_vm_is_touched_whatever_there_is(
    rows: list[tuple[str, str, int, VmState, Lcm, int, int | None, bool, str, str]], strict: bool
) -> None:
    """By what the server received: every call that changes a VM is about one in scope."""
    with OnedDouble(clock=Clock()) as double:
        field = Field(double)
        users = {"dirac": field.dirac, "someone": field.other, "oneadmin": 0}
        for name in ("Dirac", "dirac2"):
            users[name] = double.rpc("one.user.allocate", name, "x", "core")
        allowed = set()
        moved: dict[str, list[Vm]] = {"": [], "given away": [], "renamed": []}
        for name, owner, group, state, lcm, age, heard, idle, permissions, fate in rows:
            loads = IDLE if idle else None
            vm = field.vm(
                name, uid=users[owner], state=state, lcm=lcm, age=age, heard=heard, loads=loads
            )
            vm.gid, vm.permissions = group, permissions
            moved[fate].append(vm)
            if owner == "dirac" and name.startswith(PREFIX) and not fate:
                allowed.add(vm.id)
        field.asked.clear()
        eager = Rules(poweroff=0, failed=0, boot=0, silent=0, idle=600, grace=0, age=0)
        reaper = field.reaper(None if strict else eager)
        verdicts = reaper.look().verdicts
        for vm in moved["given away"]:
            vm.uid = field.other
        for vm in moved["renamed"]:
            vm.name = f"kept-{vm.name}"
        before = {vm.id: (vm.state, vm.lcm, vm.name) for vm in double.cloud.vms}
        reaper.reap(verdicts)
        for method, arguments in field.changes:
            assert method in ("one.vm.action", "one.vm.recover"), method
            if method == "one.vm.action":
                assert arguments[0] in ("terminate", "terminate-hard")
                assert arguments[1] in allowed
            else:
                assert arguments == (arguments[0], 3)
                assert arguments[0] in allowed
        for vm in double.cloud.vms:
            if vm.id not in allowed:
                assert (vm.state, vm.lcm, vm.name) == before[vm.id]
