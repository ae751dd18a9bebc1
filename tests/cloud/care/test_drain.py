"""Where the VMs of a host can go, and taking it out of service."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from b2ct.cloud.care import drain
from b2ct.cloud.care.drain import Move, Stay
from b2ct.core.errors import B2ctError
from b2ct.one.objects.host import Host
from b2ct.one.objects.vm import Vm
from b2ct.one.states import HostState, VmState
from b2ct.rehearsal.oned import OnedDouble, bulk
from tests.cloud.conftest import on

GIB = 2**20
"""In KB, as hosts count."""


@pytest.fixture(scope="module")
def cloud() -> tuple[tuple[Host, ...], tuple[Vm, ...]]:
    """Three hosts; the first has two VMs of 1 CPU and 2 GiB."""
    with OnedDouble() as double:
        bulk.fill(double, hosts=3, templates=1, vms=6)
        one = on(double).one
        hosts = one.hosts.all()
        free = tuple(replace(h, max_cpu=800, used_cpu=0, max_memory=16 * GIB) for h in hosts)
        return free, drain.on(one, hosts[0].id, extended=True)


Known = tuple[tuple[Host, ...], tuple[Vm, ...]]


def test_each_goes_to_the_host_with_most_memory_left(cloud: Known) -> None:
    hosts, vms = cloud
    roomy = (hosts[0], hosts[1], replace(hosts[2], max_memory=17 * GIB))
    found = drain.places(hosts[0], vms, roomy)
    assert [one.to.name for one in found if isinstance(one, Move)] == ["node0003", "node0002"]


def test_what_is_given_away_is_not_given_twice(cloud: Known) -> None:
    hosts, vms = cloud
    tight = (hosts[0], replace(hosts[1], max_cpu=100), replace(hosts[2], max_memory=GIB))
    first, second = drain.places(hosts[0], vms, tight)
    assert isinstance(first, Move)
    assert isinstance(second, Stay)
    assert "no other host of cluster default has room" in str(second)


@pytest.mark.parametrize(
    "other",
    [{"state": HostState.DISABLED}, {"state": HostState.ERROR}, {"cluster_id": 100},
     {"max_cpu": 99}, {"max_memory": 2 * GIB - 1}],
)  # fmt: skip
def test_hosts_that_are_no_place(cloud: Known, other: dict[str, Any]) -> None:
    hosts, vms = cloud
    found = drain.places(hosts[0], vms, [replace(host, **other) for host in hosts])
    assert all(isinstance(one, Stay) for one in found)


def test_vms_that_are_on_the_way_stay(cloud: Known) -> None:
    hosts, vms = cloud
    (vm, off) = (replace(vms[0], lcm_state=1), replace(vms[1], state=VmState.POWEROFF))
    first, second = drain.places(hosts[0], (vm, off), hosts)
    assert isinstance(first, Stay)
    assert first.why == "it is in state PROLOG"
    assert isinstance(second, Move)


def test_a_host_is_found_by_name_or_id(cloud: Known) -> None:
    hosts, _ = cloud
    assert drain.host_named(hosts, "node0002") is drain.host_named(hosts, "1") is hosts[1]
    with pytest.raises(B2ctError) as caught:
        drain.host_named(hosts, "node2")
    assert caught.value.hint == "its hosts are: node0001, node0002, node0003"


def test_out_of_service_and_back_twice_is_once(double: OnedDouble) -> None:
    one = on(double).one
    double.add_host("hv01")
    (host,) = one.hosts.all()
    assert drain.disable(one, host)
    (host,) = one.hosts.all()
    assert host.disabled
    assert not drain.disable(one, host)
    assert drain.enable(one, host)
    double.until(lambda: not one.hosts.get(host.id).disabled)
    assert not drain.enable(one, one.hosts.get(host.id))


def test_the_number_of_calls_does_not_grow_with_the_vms(double: OnedDouble) -> None:
    bulk.fill(double, hosts=2, templates=1, vms=100)
    one = on(double).one
    assert len(drain.on(one, 0)) == 50
    assert one.calls == 2
