"""What is wrong with a cloud, each with its remedy."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from b2ct.cloud.care import status
from b2ct.cloud.care.status import Problem, Status
from b2ct.one.client import Client
from b2ct.one.endpoint import Endpoint
from b2ct.one.objects.host import Host
from b2ct.one.objects.network import VirtualNetwork
from b2ct.one.objects.storage import Datastore, Image
from b2ct.one.objects.vm import Vm
from b2ct.one.states import (
    LCM_UNKNOWN,
    DatastoreType,
    HostState,
    ImageState,
    NetState,
    VmState,
)
from b2ct.one.text import Attributes
from b2ct.one.waiting import wait_image
from b2ct.rehearsal.oned import OnedDouble
from tests.cloud.conftest import on

HOUR = 3600


@dataclass(frozen=True)
class Seen:
    """A healthy cloud as it was answered, with one of everything."""

    host: Host
    vm: Vm
    image: Image
    store: Datastore
    network: VirtualNetwork
    now: float

    def status(self, **other: Any) -> Status:
        """With some of it otherwise."""
        it = replace(self, **other)
        rooms = ((it.store,), (it.network,))
        return status.of("6.10.5", (it.host,), (it.vm,), (it.image,), rooms, now=it.now)

    def problem(self, **other: Any) -> Problem:
        (found,) = self.status(**other).problems
        assert found.hint
        return found


@pytest.fixture(scope="module")
def seen() -> Iterator[Seen]:
    with OnedDouble() as double:
        ground = on(double)
        one = ground.one
        double.add_host("hv01")
        wait_image(one, ground.image(), deadline=30)
        span = {"TYPE": "IP4", "IP": "10.0.0.1", "SIZE": "20"}
        network = Attributes.of({"NAME": "net", "VN_MAD": "bridge", "BRIDGE": "b", "AR": span})
        number = one.networks.allocate(network)
        made = one.templates.allocate(Attributes.of({"NAME": "w", "CPU": 1, "MEMORY": 64}))
        vm = one.templates.instantiate(made, name="w")
        double.until(lambda: double.cloud.vms[vm].state_name == "RUNNING")
        (store,) = (d for d in one.datastores.all() if d.id == 1)
        (host,), (shown,) = one.hosts.all(), one.vms.all()
        (image,) = one.images.all()
        yield Seen(host, shown, image, store, one.networks.get(number), one.now)


def test_a_healthy_cloud_has_no_problems(seen: Seen) -> None:
    found = seen.status()
    assert found.problems == ()
    assert found.as_json()["healthy"] is True
    assert found.vms == {"RUNNING": 1}
    assert found.lines()[-1] == "no problems"


def error(text: str) -> Attributes:
    return Attributes.of({"ERROR": text})


class TestHosts:
    def test_in_error(self, seen: Seen) -> None:
        host = replace(seen.host, state=HostState.ERROR, template=error("ssh: timed out"))
        first, second = seen.status(host=host).problems
        assert first.what == "ERROR: ssh: timed out"
        assert "ssh hv01 true" in first.hint
        assert (second.kind, second.what) == ("hosts", "none takes VMs")

    def test_silent(self, seen: Seen) -> None:
        host = replace(seen.host, last_seen=int(seen.now) - HOUR)
        assert seen.problem(host=host).what == "has not reported for 60 min"

    def test_disabled_by_an_administrator(self, seen: Seen) -> None:
        host = replace(seen.host, state=HostState.DISABLED)
        assert "b2ct drain --undo" in seen.problem(host=host).hint

    def test_none_at_all(self, seen: Seen) -> None:
        found = status.of("6.10.5", (), (), (), ((), ()), now=0)
        (problem,) = found.problems
        assert "b2ct apply" in problem.hint


class TestVms:
    def test_failed(self, seen: Seen) -> None:
        vm = replace(seen.vm, state=VmState.ACTIVE, lcm_state=36, template=error("no such file"))
        assert f"/var/log/one/{vm.id}.log" in seen.problem(vm=vm).hint

    def test_unknown(self, seen: Seen) -> None:
        vm = replace(seen.vm, lcm_state=LCM_UNKNOWN)
        assert "hv01 does not see it" in seen.problem(vm=vm).what

    def test_waiting_with_a_reason(self, seen: Seen) -> None:
        why = Attributes.of({"SCHED_MESSAGE": "Cannot dispatch VM: no room"})
        vm = replace(seen.vm, state=VmState.PENDING, lcm_state=0, user_template=why)
        assert seen.problem(vm=vm).what == "waits: Cannot dispatch VM: no room"

    def test_waiting_without_one(self, seen: Seen) -> None:
        vm = replace(seen.vm, state=VmState.PENDING, lcm_state=0)
        assert seen.status(vm=vm).problems == ()
        vm = replace(vm, started=int(seen.now) - HOUR)
        assert "opennebula-scheduler" in seen.problem(vm=vm).hint


class TestImages:
    def test_in_error(self, seen: Seen) -> None:
        text = "Error copying image: No space left on device"
        image = replace(seen.image, state=ImageState.ERROR, template=error(text))
        assert "No space left on device" in seen.problem(image=image).what

    def test_locked_for_long(self, seen: Seen) -> None:
        image = replace(seen.image, state=ImageState.LOCKED)
        assert seen.status(image=image).problems == ()
        image = replace(image, registered=int(seen.now) - 2 * HOUR)
        assert "oneimage delete --force" in seen.problem(image=image).hint


class TestRoom:
    def test_a_full_datastore(self, seen: Seen) -> None:
        store = replace(seen.store, total=1024 * 100, free=1024 * 10)
        assert seen.problem(store=store).what == "10.0 of 100.0 GiB are left"
        assert seen.status(store=replace(store, free=1024 * 11)).problems == ()

    def test_one_that_the_server_does_not_measure_is_not_full(self, seen: Seen) -> None:
        """As system datastores on the hosts' own disks (ssh, local) are."""
        store = replace(seen.store, type=DatastoreType.SYSTEM, total=0, free=0, used=0)
        found = seen.status(store=store)
        assert not found.problems
        assert not found.datastores
        assert "datastores  not measured yet" in found.lines()

    def test_a_datastore_with_a_limit(self, seen: Seen) -> None:
        """The server counts from LIMIT_MB, and not what is free on the disk."""
        limited = seen.store.template.merged(Attributes.of({"LIMIT_MB": 10240}))
        store = replace(seen.store, template=limited, total=40960, free=30720, used=5120)
        assert (store.limit, store.room) == (10240, 5120)
        found = seen.status(store=store)
        assert found.problems == ()
        assert f"datastores  {store.name} 10 of 40 GiB (25%, at most 10 GiB for images)" in (
            found.lines()
        )
        problem = seen.problem(store=replace(store, used=9728))
        assert problem.what == "0.5 of the 10.0 GiB that LIMIT_MB allows are left"

    def test_a_full_network(self, seen: Seen) -> None:
        assert seen.status(network=replace(seen.network, used_leases=17)).problems == ()
        network = replace(seen.network, used_leases=18)
        assert seen.problem(network=network).what == "2 of 20 addresses are left"

    def test_a_network_in_error(self, seen: Seen) -> None:
        network = replace(seen.network, state=NetState.ERROR)
        assert "onevnet recover" in seen.problem(network=network).hint


def test_times_are_by_the_clock_of_the_server(double: OnedDouble) -> None:
    """A laptop whose clock is wrong must not call every host silent."""
    one = on(double).one
    double.add_host("hv01")
    double.clock.tick(-40 * 86400)
    double.cloud.hosts[0].monitored()
    assert status.read(one).problems == ()
    assert time.time() - one.now > 39 * 86400
    assert one.calls == 7


def test_looking_at_a_large_cloud_takes_as_many_calls(double: OnedDouble) -> None:
    from b2ct.rehearsal.oned import bulk

    bulk.fill(double, hosts=50, templates=5, vms=200)
    one = on(double).one
    assert status.read(one).vms == {"RUNNING": 200}
    assert one.calls == 7


def test_a_user_who_sees_no_hosts_is_told_that_and_not_that_there_are_none(
    double: OnedDouble,
) -> None:
    admin = on(double)
    double.add_host("hv01")
    admin.one.users.allocate("dirac", "pw-pw-pw")
    where = Endpoint(double.url, "dirac:pw-pw-pw", proxy="")
    double.cloud.acl.rules.clear()  # as on a server whose default VDC gives no rights to hosts
    found = status.read(Client(where, notice=lambda _text: None))
    assert [problem.what for problem in found.problems] == []
    (told,) = [line for line in found.lines() if line.startswith("note: ")]
    assert told.startswith("note: dirac is no administrator: this is what dirac may see (no hosts,")
    assert found.as_json()["unseen"]
    assert status.read(admin.one).unseen == ""
