"""Taking a hypervisor out of service: no more VMs on it, and those that it has end or move."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from b2ct.core.errors import B2ctError
from b2ct.one.faults import RefusedError
from b2ct.one.objects.host import Host
from b2ct.one.objects.vm import Vm
from b2ct.one.states import HostStatus, VmState

if TYPE_CHECKING:
    from b2ct.one.client import Client

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 15.0
"""Seconds between looks while VMs end."""
KIB_PER_MB = 1024


@dataclass(frozen=True)
class Move:
    """A VM, and the host that it goes to."""

    vm: Vm
    to: Host

    def __str__(self) -> str:
        """`VM 12 (worker-12) to hv02`."""
        return f"VM {self.vm.id} ({self.vm.name}) to {self.to.name}"


@dataclass(frozen=True)
class Stay:
    """A VM that cannot be moved, and why."""

    vm: Vm
    why: str

    def __str__(self) -> str:
        """`VM 12 (worker-12) stays: no host has room`."""
        return f"VM {self.vm.id} ({self.vm.name}) stays: {self.why}"


def host_named(hosts: Sequence[Host], wanted: str) -> Host:
    """The host of that name or ID. Raises B2ctError with the names that there are."""
    for host in hosts:
        if wanted in (host.name, str(host.id)):
            return host
    names = ", ".join(host.name for host in hosts) or "none"
    raise B2ctError(f"OpenNebula has no host {wanted!r}", hint=f"its hosts are: {names}")


def places(host: Host, vms: Iterable[Vm], hosts: Iterable[Host]) -> tuple[Move | Stay, ...]:
    """Where each VM can go: the largest first, each to the host with most memory left. Pure.

    Hosts of the same cluster only: networks and datastores belong to clusters. VMs are those of
    `extended` pools or of `info`: others do not tell their size.
    """
    others = [h for h in hosts if h.usable and h.id != host.id and h.cluster_id == host.cluster_id]
    room = {h.id: (float(h.max_cpu - h.used_cpu), h.max_memory - h.used_memory) for h in others}
    found: list[Move | Stay] = []
    for vm in sorted(vms, key=lambda vm: (-vm.memory, vm.id)):
        if not (vm.running or vm.state is VmState.POWEROFF):
            found.append(Stay(vm, f"it is in state {vm.status}"))
            continue
        cpu, memory = vm.cpu * 100, vm.memory * KIB_PER_MB
        fitting = [h for h in others if room[h.id][0] >= cpu and room[h.id][1] >= memory]
        if not fitting:
            found.append(Stay(vm, f"no other host of cluster {host.cluster} has room for it"))
            continue
        best = max(fitting, key=lambda h: (room[h.id][1], -h.id))
        room[best.id] = (room[best.id][0] - cpu, room[best.id][1] - memory)
        found.append(Move(vm, best))
    return tuple(sorted(found, key=lambda one: one.vm.id))


def on(one: Client, host_id: int, *, extended: bool = False) -> tuple[Vm, ...]:
    """The VMs that a host has, in two calls."""
    ids = set(one.hosts.get(host_id).vms)
    if not ids:
        return ()
    return tuple(vm for vm in one.vms.all(extended=extended) if vm.id in ids)


def disable(one: Client, host: Host) -> bool:
    """Take no more VMs; whether that was a change."""
    if host.disabled:
        return False
    one.hosts.status(host.id, HostStatus.DISABLED)
    return True


def enable(one: Client, host: Host) -> bool:
    """Take VMs again; whether that was a change."""
    if not host.disabled:
        return False
    one.hosts.status(host.id, HostStatus.ENABLED)
    return True


def migrate(one: Client, moves: Iterable[Move]) -> tuple[Stay, ...]:
    """Ask for each move; those that the server refuses."""
    refused = []
    for move in moves:
        try:
            one.vms.migrate(move.vm.id, move.to.id, live=move.vm.running)
        except RefusedError as err:
            refused.append(Stay(move.vm, err.message))
    return tuple(refused)


def wait_empty(
    one: Client,
    host_id: int,
    *,
    deadline: float,
    progress: Callable[[tuple[Vm, ...]], None] = lambda _vms: None,
) -> tuple[Vm, ...]:
    """Wait until the host has no VM; those that are left after `deadline` seconds.

    `progress` hears of those that are left, whenever that changes.
    """
    end, pause = time.monotonic() + deadline, FIRST_PAUSE
    before: tuple[int, ...] | None = None
    while True:
        left = on(one, host_id)
        ids = tuple(vm.id for vm in left)
        if ids != before:
            progress(left)
            before, pause = ids, FIRST_PAUSE
        remaining = end - time.monotonic()
        if not left or remaining <= 0:
            return left
        time.sleep(min(pause, remaining))
        pause = min(pause * 1.5, LONGEST_PAUSE)


def as_json(vm: Vm) -> dict[str, Any]:
    """A VM for programs."""
    return {"id": vm.id, "name": vm.name, "owner": vm.owner, "status": vm.status}
