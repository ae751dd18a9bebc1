"""Apply on a server that fails at every moment: nothing is lost, nothing is there twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from b2ct.cloud.apply import UnfinishedError
from b2ct.cloud.steps import Action
from b2ct.core.errors import B2ctError
from b2ct.one.client import Client
from b2ct.one.text import Attributes
from b2ct.one.waiting import wait_image
from b2ct.rehearsal.oned import OnedDouble

from .clouds import PRUNE, Cloud, keys, step
from .conftest import QUICK, Ground, on

WRITING = "one.*.[!iv]*"
"""Methods that are no `info` or `version`."""
OTHER = Attributes.of({"NAME": "t-x"})
MADE = 13
"""Steps of a whole apply: with an image, the template of the worker, too."""


@pytest.fixture
def ground(double: OnedDouble) -> Ground:
    """With the worker's image, so that an apply makes everything that it can make."""
    return ready(double)


def ready(double: OnedDouble) -> Ground:
    ground = on(double, ticking=True)
    wait_image(ground.one, ground.image(), deadline=30)
    double.calls.clear()
    return ground


def writes(double: OnedDouble) -> int:
    return len([m for m in double.calls if not m.endswith(("info", "version"))])


def is_whole(double: OnedDouble, cloud: Cloud) -> None:
    """Everything is there once, has its marks, and nothing is noted as begun any more."""
    state, name = double.cloud, cloud.name
    pools = (state.hosts, state.vnets, state.secgroups, state.templates)
    made = [item for pool in pools for item in pool if item.name.startswith("t-")]
    assert sorted(item.name for item in made) == ["t-guard", "t-hv01", "t-hv02", "t-vms", "t-w"]
    assert all(item.template.get("B2CT_SITE") == name("site") for item in made)
    one = on(double, ticking=True).one
    accounts = [i for i in (*one.users.all(), *one.groups.all()) if i.name.startswith("t-")]
    assert sorted(item.name for item in accounts) == ["t-dirac", "t-dirac", "t-people"]
    assert all(one.owners.made(item, name("site")) for item in accounts)
    assert [ar.size for net in state.vnets for ar in net.ranges] == [100]
    assert len([r for r in state.acl.rules.values() if r.user >> 32 == 1]) == 4
    assert state.users[0].template.get("B2CT_BEGUN_T_SITE") == ""


def ended(double: OnedDouble, cloud: Cloud) -> None:
    """A second run, with nothing in its way, completes it; a third has nothing to do."""
    one = on(double, ticking=True).one
    cloud.apply(one)
    assert cloud.plan(one, PRUNE).pending == ()
    is_whole(double, cloud)


@pytest.mark.parametrize(
    ("fault", "every"), [("reset", 1), ("status", 2), ("truncated", 3), ("garbage", 4)]
)
def test_a_fault_at_any_call_that_writes(fault: str, every: int) -> None:
    """After `reset` and `truncated` the call was carried out, and nobody knows."""
    told = at = 0
    while True:
        with OnedDouble() as double:
            ground, cloud = ready(double), Cloud()
            double.faults.http(fault, method=WRITING, skip=at, status=500)
            told += _fails(cloud, ground.one)
            met = writes(double)
            ended(double, cloud)
            if met < at:
                break
            at += every
    assert at > MADE
    # What was carried out is found by looking again; only what was not is a failure.
    assert bool(told) is (fault in ("status", "garbage"))


def _fails(cloud: Cloud, one: Client) -> bool:
    """Whether an apply fails; if it does, it says what to do."""
    failed: B2ctError | None = None
    try:
        cloud.apply(one)
    except B2ctError as err:
        failed = err
    if isinstance(failed, UnfinishedError):  # else it was the journal, before the first step
        assert "`b2ct apply` again does the rest" in (failed.hint or "")
    assert failed is None or failed.hint
    return failed is not None


def test_an_answer_too_late_to_any_call_that_writes() -> None:
    """The caller has gone; then the server carries it out."""
    at, deadline = 0, 0.1
    while True:
        with OnedDouble() as double:
            ground, cloud = ready(double), Cloud()
            hasty = Client(ground.where, deadline=deadline, pauses=QUICK, notice=lambda _text: None)
            double.faults.http("slow", method=WRITING, skip=at, seconds=3600)
            failed = _fails(cloud, hasty)
            met, before = not double.faults.armed, writes(double)
            if not failed:
                assert not met
                break
            if not met:  # a busy machine: another call was too slow by itself
                deadline *= 2
                continue
            double.faults.clear()  # now it is carried out
            _until(lambda: writes(double) > before)  # noqa: B023 - called at once
            ended(double, cloud)
            at += 1
    assert at > MADE


def _until(reached: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_slow_answers_are_waited_for(double: OnedDouble, ground: Ground) -> None:
    cloud = Cloud()
    double.faults.http("slow", times=-1, seconds=0.01)
    cloud.apply(ground.one)
    double.faults.clear()
    assert cloud.plan(ground.one, PRUNE).pending == ()
    is_whole(double, cloud)


class _Before:
    """Does something before calls of a client, reads included: those that `when` names."""

    def __init__(self, one: Client, when: Callable[[int], bool], do: Callable[[], None]) -> None:
        self.call, self.when, self.do = one.transport.call, when, do
        self.number = self.times = 0
        setattr(one.transport, "call", self)  # noqa: B010 - mypy allows it so

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        if self.when(self.number):
            self.do()
            self.times += 1
        self.number += 1
        return self.call(*arguments, **named)


def test_a_restart_between_any_two_calls(double: OnedDouble, ground: Ground) -> None:
    """The run just goes on: each call makes its own connection."""
    before = _Before(ground.one, lambda _number: True, double.restart)
    cloud = Cloud()
    cloud.apply(ground.one)
    assert before.times > 20
    ended(double, cloud)


@pytest.mark.parametrize("first", range(1, 5))
def test_restarts_during_which_nobody_listens(
    double: OnedDouble, ground: Ground, first: int
) -> None:
    """The client that has had an answer before waits for the next one."""

    def restart() -> None:
        double.stop()
        double.cloud.restart()
        threading.Timer(0.05, double.start).start()

    before = _Before(ground.one, lambda number: number % 4 == first % 4 and number > 0, restart)
    cloud = Cloud()
    cloud.apply(ground.one)
    assert before.times > 5
    ended(double, cloud)


def test_a_server_that_dies_for_good_ends_the_run(double: OnedDouble, ground: Ground) -> None:
    cloud = Cloud()
    hasty = Client(ground.where, deadline=0.3, pauses=QUICK, notice=lambda _text: None)
    plan = cloud.plan(hasty)
    _Before(hasty, lambda number: number == 9, double.stop)
    with pytest.raises(UnfinishedError):
        cloud.carry_out(hasty, plan)
    double.start()
    ended(double, cloud)


def _surroundings() -> Iterator[tuple[str, Callable[[Ground, OnedDouble], object]]]:
    """What else may happen between a plan and its being carried out."""
    yield "host", lambda g, _d: g.one.hosts.allocate("t-hv01", im="dummy", vmm="dummy")
    yield "group", lambda g, _d: g.one.groups.allocate("t-people")
    yield "user", lambda g, _d: g.one.users.allocate("t-dirac", "pw-pw-pw")


@pytest.mark.parametrize(("what", "do"), list(_surroundings()))
def test_a_name_that_is_taken_after_the_plan(
    double: OnedDouble, ground: Ground, what: str, do: Callable[[Ground, OnedDouble], object]
) -> None:
    cloud = Cloud()
    plan = cloud.plan(ground.one)
    do(ground, double)
    cloud.carry_out(ground.one, plan)
    ended(double, cloud)


def test_a_name_that_another_user_has(double: OnedDouble, ground: Ground) -> None:
    """Networks are unique per owner: ours is made beside it."""
    one, cloud = ground.one, Cloud()
    other = one.users.allocate("other", "pw-pw-pw")
    theirs = double.rpc("one.vn.allocate", 'NAME="t-vms"\nVN_MAD="dummy"\nBRIDGE="b"', -1)
    one.networks.chown(theirs, other)
    cloud.apply(one)
    ours = [n for n in one.networks.all() if n.name == "t-vms" and n.uid == 0]
    assert [n.bridge for n in ours] == ["br77"]
    plan = cloud.plan(one)
    assert plan.pending == ()
    assert plan.by_hand["network"] == ("t-vms",)
    assert one.networks.get(theirs).bridge == "b"


def test_a_second_template_of_ours_is_told_and_pruned(double: OnedDouble, ground: Ground) -> None:
    """Which two runs at once can make, when one of them dies before it removes its own."""
    one, cloud = ground.one, Cloud()
    cloud.apply(one)
    (kept,) = double.cloud.templates
    twin = one.templates.allocate(one.templates.get(kept.id).template.merged(OTHER))
    double.cloud.templates[twin].name = "t-w"
    plan = cloud.plan(one)
    left = [s for s in plan.steps if s.kind == "template" and s.oid == twin]
    assert [s.action for s in left] == [Action.LEAVE]
    assert "another one of this name" in left[0].why
    cloud.apply(one, PRUNE)
    assert [t.id for t in double.cloud.templates] == [kept.id]
    assert cloud.plan(one, PRUNE).pending == ()


def test_a_network_in_error_is_left_with_a_remedy(double: OnedDouble, ground: Ground) -> None:
    """Which is what becomes of one whose driver refuses it, after oned said yes."""
    cloud = Cloud()

    def fail(method: str) -> None:
        if method == "one.vn.info":
            for network in double.cloud.vnets:
                network.state = 5

    double.faults.before.append(fail)
    with pytest.raises(UnfinishedError) as caught:
        cloud.apply(ground.one)
    assert "onevnet recover" in (caught.value.hint or "")
    double.faults.clear()
    cloud.network["gateway"] = "10.77.0.9"
    plan = cloud.plan(ground.one)
    assert "in state ERROR" in step(plan, "network", "t-vms").why
    assert "network t-vms" in keys(plan.steps, Action.LEAVE)
    cloud.apply(ground.one)
    for network in double.cloud.vnets:
        network.state = 1
    ended(double, cloud)


def test_a_failure_is_told_with_its_step_and_what_to_do(double: OnedDouble, ground: Ground) -> None:
    double.faults.http("garbage", method="one.secgroup.allocate", times=-1)
    with pytest.raises(UnfinishedError) as caught:
        Cloud().apply(ground.one)
    message, hint = caught.value.lines()
    assert message.startswith("+ security group t-guard: ")
    assert hint.endswith(f"5 of {MADE} steps are done: `b2ct apply` again does the rest")
