"""Test VMs on the double of oned; the VM that is logged in to is a real sshd of this machine."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from b2ct.core.errors import B2ctError
from b2ct.core.sshkey import OneTimeKey
from b2ct.one.client import Client
from b2ct.one.text import Attributes
from b2ct.rehearsal.oned import OnedDouble
from b2ct.rehearsal.oned.states import ImageState
from b2ct.site.chosen import ChosenSite
from b2ct.site.model import Site
from b2ct.ssh import fresh
from b2ct.validate.check import CheckFailedError, NotApplicableError
from b2ct.validate.given import Hosts, Options
from b2ct.validate.trial import door, pilots, vms
from b2ct.validate.trial.stages import Stage, Trial, judge
from tests.cloud.conftest import on
from tests.ssh import sshds
from tests.ssh.sshds import Machine, needs_sshd

SITE = {
    "site": {"name": "b2ct", "domain": "b2ct.example.org"},
    "networks": {
        "vms": {
            "cidr": "10.1.0.0/16", "bridge": "br1",
            "vm_range": {"first": "10.1.0.100", "last": "10.1.0.120"},
        }
    },
    "nodes": [
        {"name": "one", "role": "control"},
        {
            "name": "hv1", "role": "hypervisor",
            "interfaces": [{"network": "vms", "address": "10.1.0.11"}],
        },
    ],
    "squid": {"external": ["http://squid.example.org:3128"]},
    "cvmfs": {"repositories": ["belle.cern.ch", "grid.cern.ch"]},
    "workers": {"w1": {"image": "worker"}},
    "cloud": {"dirac": {"user": "dirac"}},
    "secrets": {"dirac_password": {"env": "B2CT_TEST_DIRAC"}},
}  # fmt: skip


@dataclass
class Place:
    """A cloud with a hypervisor and a worker's template, and a machine that stands for its VMs."""

    double: OnedDouble
    one: Client
    site: Site
    options: Options
    vm: Machine | None = None
    reach: Callable[[str, int], Any] | None = None

    @property
    def hosts(self) -> Hosts:
        far: Any = SimpleNamespace(backend=SimpleNamespace(tunnel=self.reach))
        return Hosts({"one": far, "hv1": far})

    def run(self) -> Trial:
        (trial,) = vms.run(self.one, self.site, self.hosts, self.options)
        return trial

    @property
    def left(self) -> list[str]:
        return [vm.name for vm in self.one.vms.all()]


@pytest.fixture
def place() -> Iterator[Place]:
    with OnedDouble() as double:
        one = on(double).one
        double.add_host("hv1", cores=8, memory_gb=16)
        double.until(lambda: one.hosts.all()[0].usable)
        net: dict[str, str | int] = {"TYPE": "IP4", "IP": "10.1.0.100", "SIZE": 20}
        one.networks.allocate(
            Attributes.of({"NAME": "vms", "VN_MAD": "dummy", "BRIDGE": "br1", "AR": {**net}})
        )
        image = {"NAME": "worker", "TYPE": "DATABLOCK", "SIZE": "1"}
        number = one.images.allocate(Attributes.of(image), 1)
        double.until(lambda: one.images.get(number).state.usable)
        one.templates.allocate(
            Attributes.of(
                {
                    "NAME": "w1", "CPU": "1", "MEMORY": "512", "B2CT_WORKER": "w1",
                    "DISK": {"IMAGE": "worker", "IMAGE_UNAME": "oneadmin"},
                    "NIC": {"NETWORK": "vms", "NETWORK_UNAME": "oneadmin"},
                    "CONTEXT": {"NETWORK": "YES", "SSH_PUBLIC_KEY": "$USER[SSH_PUBLIC_KEY]"},
                }
            )
        )  # fmt: skip
        site = Site.model_validate(SITE)
        password = partial(ChosenSite(site, Path()).needed_secret, "dirac_password")
        yield Place(double, one, site, Options(vm_seconds=20, dirac_password=password))


@pytest.fixture
def guest(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """The same with a machine behind the VM's address, which knows the key of its CONTEXT."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    for name, text in {
        "cvmfs2": "exit 0",
        "cvmfs_config": 'echo "Connection: http://s1 through proxy http://squid.example.org:3128"',
        "ls": 'case $1 in /cvmfs/*) exit 0;; *) exec /bin/ls "$@";; esac',
        "runuser": 'shift 3; exec "$@"',
    }.items():
        (bin_ / name).write_text(f"#!/bin/sh\n{text}\n")
        (bin_ / name).chmod(0o755)
    monkeypatch.setattr(fresh, "USER", getpass.getuser())
    monkeypatch.setattr(door, "PAUSE", 0.1)
    with sshds.ground(tmp_path, "vm", more=f"SetEnv PATH={bin_}:/usr/bin:/bin\n") as ground:
        machine = ground["vm"]
        machine.public.write_text("")

        def reach(address: str, port: int) -> socket.socket:
            assert port == 22
            (vm,) = (v for v in place.one.vms.all(extended=True) if address in v.addresses)
            # What the VM's cloud-init does.
            machine.public.write_text(f"{vm.context['SSH_PUBLIC_KEY']}\n")
            return socket.create_connection((machine.address, machine.port), timeout=10)

        place.vm, place.reach = machine, reach
        yield place


def stages(trial: Trial) -> dict[Stage, bool]:
    return {stage: outcome.good for stage, outcome in trial.found.items()}


@needs_sshd
def test_a_vm_passes_all_stages_and_is_gone(guest: Place) -> None:
    trial = guest.run()
    assert stages(trial) == dict.fromkeys(Stage, True), trial.found
    assert guest.left == []
    for stage in Stage:
        judge([trial], stage)


@needs_sshd
@pytest.mark.parametrize(
    ("program", "text", "stage", "told"),
    [
        ("ls", "echo no such repository >&2; exit 2", Stage.CVMFS, "cannot be mounted: no such"),
        ("cvmfs_config", "echo through proxy DIRECT", Stage.CVMFS, "through DIRECT, not the"),
        ("runuser", "echo killed; exit 1", Stage.JOB, "gave 'killed', not 500500"),
    ],
)
def test_what_goes_wrong_inside_is_told_and_the_vm_is_gone(
    program: str, text: str, stage: Stage, told: str, guest: Place
) -> None:
    assert guest.vm is not None
    (guest.vm.root.parent / "bin" / program).write_text(f"#!/bin/sh\n{text}\n")
    trial = guest.run()
    assert [s for s, good in stages(trial).items() if not good] == [stage]
    with pytest.raises(CheckFailedError, match=told):
        judge([trial], stage)
    assert guest.left == []


@needs_sshd
def test_a_vm_that_does_not_take_its_context(guest: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    other = OneTimeKey("b2ct-test")
    reach = guest.reach
    assert reach is not None

    def late(address: str, port: int) -> Any:
        door_ = reach(address, port)
        assert guest.vm is not None
        guest.vm.public.write_text(f"{other.public}\n")
        return door_

    guest.reach, guest.options = late, Options(vm_seconds=3)
    trial = guest.run()
    assert stages(trial) == {Stage.RUNNING: True, Stage.LOGIN: False, Stage.REMOVED: True}
    assert "does not take the key that its context gave it" in trial.found[Stage.LOGIN].text
    with pytest.raises(NotApplicableError, match="test-vms-are-contextualised"):
        judge([trial], Stage.JOB)


def test_a_vm_that_does_not_boot(place: Place) -> None:
    place.double.faults.fail_boot("*")
    trial = place.run()
    assert stages(trial) == {Stage.RUNNING: False, Stage.REMOVED: True}
    with pytest.raises(CheckFailedError, match=r"worker w1: VM .* does not run: BOOT_FAILURE"):
        judge([trial], Stage.RUNNING)
    assert place.left == []


def test_a_lost_answer_leaves_no_vm(place: Place) -> None:
    place.double.faults.http("reset", method="one.template.instantiate")
    trial = place.run()
    assert stages(trial) == {Stage.RUNNING: False, Stage.REMOVED: True}
    assert place.left == []


def test_ctrl_c_leaves_no_vm(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_args: object, **_more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(door, "log_in", interrupted)
    with pytest.raises(KeyboardInterrupt):
        place.run()
    assert place.left == []


def test_ctrl_c_while_the_vm_is_being_removed_leaves_none(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminate, calls = vms._end, []

    def impatient(one: Client, number: int) -> None:
        calls.append(number)
        if len(calls) == 1:
            raise KeyboardInterrupt
        terminate(one, number)

    monkeypatch.setattr(vms, "_end", impatient)
    place.options = Options(vm_seconds=1)
    with pytest.raises(KeyboardInterrupt):
        place.run()
    assert len(calls) == 2
    assert place.left == []


def test_a_vm_that_cannot_be_ended_is_said_to_be_left(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(_one: Client, _number: int) -> None:
        raise B2ctError("VM 0 is RUNNING 60 s after it was ended")

    monkeypatch.setattr(vms, "_end", never)
    place.options = Options(vm_seconds=1)
    trial = place.run()
    with pytest.raises(CheckFailedError, match="may be left behind"):
        judge([trial], Stage.REMOVED)
    assert "onevm terminate --hard" in trial.found[Stage.REMOVED].remedy


def test_what_other_checks_find_is_left_to_them(place: Place) -> None:
    place.double.cloud.images[0].state = ImageState.ERROR
    trial = place.run()
    with pytest.raises(NotApplicableError, match="images-are-usable"):
        judge([trial], Stage.RUNNING)
    (template,) = place.one.templates.all()
    place.one.templates.delete(template.id)
    with pytest.raises(NotApplicableError, match="templates-are-registered"):
        judge([place.run()], Stage.RUNNING)
    place.one.hosts.delete(0)
    with pytest.raises(NotApplicableError, match="hosts-are-monitored"):
        place.run()
    assert place.left == []


def test_vms_of_others_are_left_alone(place: Place) -> None:
    mine = place.one.templates.instantiate(place.one.templates.all()[0].id, name="mine")
    place.options = Options(vm_seconds=1)
    place.run()
    assert [vm.id for vm in place.one.vms.all()] == [mine]


def test_the_way_leads_over_the_vm_s_own_network_first(place: Place) -> None:
    place.reach = lambda _address, _port: None
    names = [way.node for way in door.ways(place.site, place.hosts, "10.1.0.100")]
    assert names == ["hv1", "one"]
    assert [way.node for way in door.ways(place.site, place.hosts, "192.0.2.1")] == ["one", "hv1"]


class TestPilots:
    """DIRAC's own driver, on the double."""

    @pytest.fixture(autouse=True)
    def user(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("B2CT_TEST_DIRAC", "correct-horse")
        place.one.users.allocate("dirac", "correct-horse", groups=[0])

    def test_a_pilot_is_started_seen_and_ended(self, place: Place) -> None:
        pilots.run(place.one, place.site, place.options)
        assert place.left == []

    def test_one_that_fails_is_ended_too(self, place: Place) -> None:
        place.double.faults.fail_boot("*")
        with pytest.raises(CheckFailedError, match="driver started is"):
            pilots.run(place.one, place.site, place.options)
        assert place.left == []

    def test_interrupted(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(pilots, "_seen", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pilots.run(place.one, place.site, place.options)
        assert place.left == []

    def test_no_template_for_it(self, place: Place) -> None:
        place.one.templates.delete(place.one.templates.all()[0].id)
        with pytest.raises(CheckFailedError, match="sees none of the templates w1"):
            pilots.run(place.one, place.site, place.options)

    def test_a_password_that_is_nowhere(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("B2CT_TEST_DIRAC")
        with pytest.raises(B2ctError, match="dirac_password"):
            pilots.run(place.one, place.site, place.options)

    def test_no_user_of_dirac(self, place: Place) -> None:
        plain = place.site.model_copy(update={"cloud": type(place.site.cloud)()})
        with pytest.raises(NotApplicableError, match="no user of DIRAC"):
            pilots.run(place.one, plain, place.options)
