"""Whole runs against a whole server: the double of oned, or a live one (see ../conftest.py)."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from b2ct.cloud.reaper.reap import Reaper, find_scope
from b2ct.cloud.reaper.rules import Rules
from b2ct.one.faults import OneError
from b2ct.one.objects.vm import Vm
from b2ct.one.states import VmState
from b2ct.one.text import Attributes
from b2ct.one.waiting import wait_vm

from ..conftest import Ground

HOUR = 3600
READS = ("info", "infoextended", "monitoring", "version")
EAGER = Rules(poweroff=0, failed=0, boot=0, silent=0, idle=600, grace=0, age=0)


@dataclass
class Pasture:
    """A user `dirac`, another one, a hypervisor, a template; and what was sent to oned."""

    ground: Ground
    sent: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    made: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        one = self.one = self.ground.one
        self.prefix = self.ground.name("VMDIRAC3_")
        self.users = {
            name: one.users.allocate(self.ground.name(name), "secret")
            for name in ("dirac", "dirac2", "Dirac")
        } | {"oneadmin": 0}
        self.template = one.templates.allocate(
            Attributes.of({"NAME": self.ground.name("template"), "CPU": 0.1, "MEMORY": 64})
        )
        call = one.transport.call

        def noted(method: str, *arguments: Any, **more: Any) -> Any:
            if method.rpartition(".")[2] not in READS:
                self.sent.append((method, arguments))
            return call(method, *arguments, **more)

        one.transport.call = noted  # type: ignore[method-assign]

    def vm(self, name: str, owner: str = "dirac", *, hold: bool = False, **more: Any) -> int:
        made = self.one.templates.instantiate(
            self.template, name=name, hold=hold, extra=Attributes.of(more)
        )
        self.made.append(made)
        self.one.vms.chown(made, self.users[owner], -1)
        return made

    def running(self, name: str, owner: str = "dirac") -> int:
        made = self.vm(name, owner)
        wait_vm(self.one, made, deadline=60)
        return made

    def off(self, name: str, owner: str = "dirac") -> int:
        made = self.running(name, owner)
        self.one.vms.action(made, "poweroff-hard")
        self.until(made, lambda vm: vm.state is VmState.POWEROFF)
        return made

    def until(self, number: int, reached: Callable[[Vm], bool]) -> None:
        end = time.monotonic() + 60
        while not reached(self.one.vms.get(number)):
            assert time.monotonic() < end, self.one.vms.get(number).status
            self.one.sleep(0.1)

    def reaper(self, rules: Rules, *, later: int) -> Reaper:
        """`later`: seconds after the youngest VM's creation."""
        now = max(vm.started for vm in self.one.vms.all()) + later
        scope = find_scope(self.one, self.ground.name("dirac"), (self.prefix,))
        return Reaper(self.one, scope, rules, confirm=0, now=lambda: now, note=lambda _text: None)


@pytest.fixture
def pasture(ground: Ground) -> Iterator[Pasture]:
    ground.one.hosts.allocate(ground.name("hv"))
    made = Pasture(ground)
    yield made
    for number in made.made:  # among them such as have names that the ground does not know
        with suppress(OneError):
            ground.one.vms.terminate(number, hard=True)


def test_one_of_each(pasture: Pasture) -> None:
    prefix = pasture.prefix
    unused = {
        pasture.off(f"{prefix}off"): "poweroff",
        pasture.vm(f"{prefix}huge", CPU=9999): "boot",
        pasture.running(f"{prefix}old"): "age",
        pasture.vm(f"{prefix}held", hold=True): "age",
    }
    kept = {
        pasture.off(f"x{prefix}off"),
        pasture.running(pasture.ground.name("web")),
        pasture.running(f"{prefix}old", "oneadmin"),
        pasture.off(f"{prefix}off", "Dirac"),
        pasture.vm(f"{prefix}held", "dirac2", hold=True),
    }
    pasture.sent.clear()
    reaper = pasture.reaper(Rules(age=2 * HOUR), later=3 * HOUR)
    survey = reaper.look()
    assert {v.vm.id: v.reason for v in survey.verdicts if v.reap} == unused
    assert pasture.sent == []
    outcomes = reaper.reap(survey.verdicts)
    assert {o.verdict.vm.id: o.result for o in outcomes} == dict.fromkeys(unused, "terminated")
    assert {arguments[1] for _, arguments in pasture.sent} == set(unused)
    assert {method for method, _ in pasture.sent} == {"vm.action"}
    for number in unused:
        pasture.until(number, lambda vm: vm.done)
    assert not any(pasture.one.vms.get(number).done for number in kept)


def test_under_its_limits_nothing_is_touched(pasture: Pasture) -> None:
    pasture.off(f"{pasture.prefix}off")
    pasture.running(f"{pasture.prefix}new")
    pasture.vm(f"{pasture.prefix}waits", CPU=9999)
    pasture.sent.clear()
    reaper = pasture.reaper(Rules(), later=300)
    survey = reaper.look()
    assert len(survey.verdicts) == 3
    assert [v.why for v in survey.verdicts if v.reap] == []
    assert reaper.reap(survey.verdicts) == []
    assert pasture.sent == []


@pytest.mark.parametrize("seed", range(3))
def test_among_many_none_outside_user_and_prefix_is_touched(pasture: Pasture, seed: int) -> None:
    """By chance, and with rules that take everything; on what is sent, and on what is left."""
    dice = random.Random(seed)
    prefix = pasture.prefix
    names = (
        f"{prefix}1", prefix, f"{prefix}%n", f"{prefix}*", f"{prefix}é", f"{prefix}ä b",
        prefix.lower(), prefix[:-1], f"{prefix[:-1]}-1", f"x{prefix}1", f"_{prefix}1",
        f"\N{FULLWIDTH LATIN CAPITAL LETTER V}{prefix}", f"{prefix[:3]}\u200b{prefix[3:]}",
    )  # fmt: skip
    allowed: set[int] = set()
    kept: set[int] = set()
    for _ in range(30):
        name, owner = dice.choice(names), dice.choice(["dirac", *pasture.users])
        number = pasture.vm(name, owner, hold=True)
        (allowed if owner == "dirac" and name.startswith(prefix) else kept).add(number)
    assert kept
    reaper = pasture.reaper(EAGER, later=HOUR)
    survey = reaper.look()
    assert {v.vm.id for v in survey.verdicts if v.reap} == allowed
    # Meanwhile one is renamed and one is given to somebody else.
    renamed, given, *left = sorted(allowed)
    assert left
    pasture.one.vms.rename(renamed, f"x{prefix}")
    pasture.one.vms.chown(given, pasture.users["dirac2"], -1)
    allowed -= {renamed, given}
    kept |= {renamed, given}
    pasture.sent.clear()
    results = {o.verdict.vm.id: o.result for o in reaper.reap(survey.verdicts)}
    assert results == {**dict.fromkeys(allowed, "terminated"), renamed: "spared", given: "spared"}
    assert {method for method, _ in pasture.sent} == {"vm.action"}
    assert {arguments[0] for _, arguments in pasture.sent} == {"terminate"}
    assert sorted(arguments[1] for _, arguments in pasture.sent) == sorted(allowed)
    assert all(pasture.one.vms.get(number).done for number in allowed)
    assert {pasture.one.vms.get(number).status for number in kept} == {"HOLD"}
