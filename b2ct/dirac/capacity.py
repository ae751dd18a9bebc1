"""How many VMs of a worker there can be: the least of what limits them, and what that is. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from b2ct.one.objects.account import User
from b2ct.one.objects.host import Host
from b2ct.one.objects.network import VirtualNetwork
from b2ct.one.quotas import Limit
from b2ct.site.model import Site, VmRange
from b2ct.site.workers import MIB, Worker


@dataclass(frozen=True, order=True)
class Capacity:
    """A number of VMs, and where it comes from."""

    vms: int
    source: str


def least(found: Iterable[Capacity]) -> Capacity | None:
    """The one that limits; None where nothing does."""
    return min(found, default=None)


def of_site(site: Site, worker: Worker) -> Iterator[Capacity]:
    """What site.yaml says: addresses, and the quota of DIRAC's user."""
    for name in site.networks_of(worker):
        network = site.networks.get(name)
        if network and network.vm_range:
            count = _addresses(network.vm_range)
            yield Capacity(count, f"addresses of the network {name} (site.yaml)")
    quota = site.cloud.dirac.quota if site.cloud.dirac else None
    if quota is None:
        return
    said = "the quota of cloud.dirac (site.yaml)"
    if quota.vms is not None:
        yield Capacity(quota.vms, said)
    if quota.cpu is not None:
        yield Capacity(int(quota.cpu / worker.cpu + 1e-9), said)
    if quota.memory is not None:
        yield Capacity(quota.memory // worker.memory, said)
    if quota.disk is not None:
        yield Capacity(quota.disk // worker.disk, said)


def of_hosts(hosts: Iterable[Host], worker: Worker) -> Capacity | None:
    """What the hypervisors hold; None where none is ready."""
    ready = [host for host in hosts if host.usable]
    if not ready:
        return None
    cpu, memory = worker.cpu * 100, worker.memory // 1024
    count = sum(min(int(host.max_cpu / cpu + 1e-9), host.max_memory // memory) for host in ready)
    return Capacity(count, f"the {len(ready)} hypervisor(s) that are ready")


def of_networks(networks: Iterable[VirtualNetwork], names: Iterable[str]) -> Iterator[Capacity]:
    """What the virtual networks have addresses for."""
    wanted = set(names)
    for network in networks:
        if network.name in wanted and network.size:
            yield Capacity(network.size, f"addresses of the virtual network {network.name}")


def of_quota(user: User, worker: Worker) -> Iterator[Capacity]:
    """What the user's quotas in OpenNebula allow."""
    needs = {
        "VMS": 1.0, "RUNNING_VMS": 1.0, "CPU": worker.cpu, "RUNNING_CPU": worker.cpu,
        "MEMORY": worker.memory / MIB, "RUNNING_MEMORY": worker.memory / MIB,
        "SYSTEM_DISK_SIZE": worker.disk / MIB,
    }  # fmt: skip
    for name, need in needs.items():
        limit = user.quotas.vm.get(name, Limit(-1, 0)).limit
        if limit >= 0:
            yield Capacity(int(limit / need + 1e-9), f"{user.name}'s quota of {name}")


def _addresses(span: VmRange) -> int:
    first, last = (int(ipaddress.ip_address(str(end))) for end in (span.first, span.last))
    return max(0, last - first + 1)
