"""VMs from a VM template, and why one does not run."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from b2ct.core.errors import B2ctError
from b2ct.one import labels, text
from b2ct.one.faults import (
    OneError,
    StuckError,
    UncertainError,
    UnknownNameError,
    VmFailedError,
    reason,
)
from b2ct.one.kind import ALL
from b2ct.one.objects.host import Host
from b2ct.one.objects.storage import Datastore
from b2ct.one.objects.vm import Template, Vm
from b2ct.one.states import DatastoreType
from b2ct.one.text import Vector

if TYPE_CHECKING:
    from b2ct.one.client import Client

DEADLINE = 600.0
"""Seconds in which VMs are to run."""
MOST = 1000
"""VMs of one command."""

Note = Callable[[str], object]
State = Callable[[str, str, float], object]


@dataclass(frozen=True)
class Wish:
    """What somebody wants to have started."""

    template: str
    """Name or ID."""
    count: int = 1
    name: str = ""
    """Of the VM; with several VMs they are called NAME-1, NAME-2, ..."""
    wait: bool = False
    deadline: float = DEADLINE


@dataclass(frozen=True)
class Started:
    """A VM of this run."""

    id: int
    name: str
    vm: Vm | None = None
    """As it was last seen; None when nobody looked."""
    error: B2ctError | None = None
    """Why it does not run."""

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        vm, error = self.vm, self.error
        return {
            "id": self.id,
            "name": self.name,
            "state": vm.status if vm else None,
            "running": vm.running if vm else None,
            "host": vm.host if vm else None,
            "addresses": list(vm.addresses) if vm else [],
            "error": error.message if error else None,
            "hint": error.hint if error else None,
        }


def names(wish: Wish) -> tuple[str, ...]:
    """A name for each VM. Without one they are unlike all others, so that each can be found again.

    Raises B2ctError for a number or name that cannot be.
    """
    if not 1 <= wish.count <= MOST:
        raise B2ctError(
            f"--count {wish.count} is no number of VMs", hint=f"start between 1 and {MOST}"
        )
    base = wish.name or f"{wish.template}-{secrets.token_hex(3)}"
    made = [base] if wish.count == 1 else [f"{base}-{n + 1}" for n in range(wish.count)]
    for name in made:
        text.check_name(name, what="the VM's name")
    return tuple(made)


def template_named(one: Client, wanted: str) -> Template:
    """The VM template of that name or ID: the caller's, else administrators' only one.

    One of another user is taken by its ID alone: anybody may give theirs any name. Raises
    B2ctError.
    """
    there = one.templates.all(ALL)
    named = [t for t in there if t.name == wanted]
    same = one.owners.held(named) or [t for t in there if str(t.id) == wanted]
    mine = [t for t in same if t.uid == one.me.id]
    if not same and named:
        which = ", ".join(f"{t.id} of {t.owner}" for t in named)
        raise B2ctError(
            f"the VM template {wanted!r} is neither yours nor an administrator's",
            hint=f"give its ID, if you trust who made it: {which}",
        )
    if not same:
        known = ", ".join(sorted({t.name for t in there})[:10]) or "none"
        raise B2ctError(
            f"there is no VM template {wanted!r} that you may see",
            hint=f"there are: {known}; `b2ct register-image` makes one",
        )
    if len(mine or same) > 1:
        which = ", ".join(f"{t.id} of {t.owner}" for t in mine or same)
        raise B2ctError(
            f"there are several VM templates {wanted!r}", hint=f"give the ID instead: {which}"
        )
    return (mine or same)[0]


def run(
    one: Client, wish: Wish, note: Note = lambda _text: None, state: State = lambda *_: None
) -> tuple[Started, ...]:
    """Start VMs, and wait for them if wanted; one that fails is told in its `error`.

    Raises B2ctError when not even the first could be started; later refusals (a quota, say) are
    the `error` of a Started with the ID -1.
    """
    names(wish)
    template = template_named(one, wish.template)
    wanted = names(replace(wish, template=template.name))
    # So that a VM whose answer is lost is not taken for an older one of the same name.
    before = {vm.id for vm in one.vms.all(one.me.id)} if wish.name else set[int]()
    made: list[Started] = []
    for name in wanted:
        try:
            made.append(Started(_instantiate(one, template, name, before), name))
        except OneError as err:
            if not made:
                raise
            made.append(Started(-1, name, error=err))
            break
        note(f"VM {made[-1].id} ({name}) is submitted")
    if not wish.wait:
        return tuple(made)
    end = time.monotonic() + wish.deadline
    return tuple(_waited(one, vm, end, wish.deadline, state) for vm in made)


def _instantiate(one: Client, template: Template, name: str, before: Collection[int]) -> int:
    """The ID of a new VM; one whose answer was lost is found again by its name."""
    try:
        return one.templates.instantiate(template.id, name=name)
    except UnknownNameError as err:
        if not labels.ours(template):
            raise
        raise UnknownNameError(
            f"no VM can start from VM template {template.id} ({template.name}): {err.message}",
            hint="`b2ct plan` says what the cloud lacks of site.yaml, `b2ct apply` makes its "
            "networks, and `b2ct register-image` its images",
        ) from None
    except UncertainError:
        found = [vm.id for vm in one.vms.named(name, one.me.id) if vm.id not in before]
        if len(found) != 1:
            raise
        return found[0]


def _waited(one: Client, vm: Started, end: float, deadline: float, state: State) -> Started:
    if vm.error is not None:
        return vm
    from b2ct.one import waiting

    left = max(0.0, end - time.monotonic())

    def progress(status: str, seconds: float) -> None:
        state(f"VM {vm.id} ({vm.name})", status, seconds + deadline - left)

    try:
        return Started(
            vm.id, vm.name, waiting.wait_vm(one, vm.id, deadline=left, progress=progress)
        )
    except VmFailedError as err:
        last = one.vms.get(vm.id)
        return Started(vm.id, vm.name, last, err)
    except StuckError as err:
        last = one.vms.get(vm.id)
        return Started(
            vm.id, vm.name, last,
            explained_waiting(err, last, one.hosts.all(), deadline, one.datastores.all()),
        )  # fmt: skip
    except OneError as err:
        return Started(vm.id, vm.name, None, err)


def explained_waiting(
    err: StuckError,
    vm: Vm,
    hosts: Sequence[Host],
    deadline: float,
    stores: Sequence[Datastore] = (),
) -> StuckError:
    """Why a VM still waits: what the scheduler says, and what the hypervisors are like."""
    if vm.status != "PENDING":
        return err
    said = re.sub(r"^\w{3} \w{3} +\d+ [\d:]+ \d{4} ?: ", "", vm.scheduler_message)
    said = f" ({reason(said)})" if said else ""
    why, hint = no_place(vm, hosts, stores)
    return StuckError(
        f"VM {vm.id} ({vm.name}) still waits for a hypervisor after {deadline:g} s: {why}{said}",
        hint=f"{hint}; it starts as soon as it has a place, or `onevm terminate {vm.id}` gives it "
        "up",
    )


def no_place(vm: Vm, hosts: Sequence[Host], stores: Sequence[Datastore] = ()) -> tuple[str, str]:
    """Why no hypervisor takes a VM, as far as their numbers tell, and what helps. Pure."""
    if not hosts:
        return "there is no hypervisor", "`onehost create` adds one, or install one"
    usable = [host for host in hosts if host.usable]
    if not usable:
        states = ", ".join(f"{host.name} is {host.state.name}" for host in hosts[:5])
        return f"no hypervisor is ready: {states}", "`onehost show` says why; `onehost enable`"
    cpu, memory = vm.cpu * 100, vm.memory * 1024
    roomy = [
        host
        for host in usable
        if host.max_cpu - host.used_cpu >= cpu and host.max_memory - host.used_memory >= memory
    ]
    if roomy:
        return _no_room(vm, roomy, stores) or (
            f"{roomy[0].name} has CPU and memory for it, but something else is in the way",
            "look whether its image, its networks and the hypervisor are in one cluster "
            "(`onecluster show`), and whether the system datastore is on (`onedatastore list`)",
        )
    most_cpu = max(host.max_cpu for host in usable)
    most_memory = max(host.max_memory for host in usable)
    if most_cpu < cpu or most_memory < memory:
        return (
            f"it wants {vm.cpu:g} CPU and {vm.memory} MiB, the largest hypervisors have "
            f"{most_cpu / 100:g} CPU and {most_memory // 1024} MiB",
            "give the worker less `cpu` or `memory` in site.yaml and register it again",
        )
    return (
        f"the {len(usable)} hypervisor(s) that are ready are full",
        "end VMs that nobody needs, or add a hypervisor",
    )


def _no_room(vm: Vm, hosts: Sequence[Host], stores: Sequence[Datastore]) -> tuple[str, str] | None:
    """Its disks fit nowhere, as far as numbers tell; `hosts` have CPU and memory for it.

    The server measures a system datastore that hypervisors share; where each has its own, the
    hypervisors report their disks.
    """
    disk = sum(int(d["SIZE"]) for d in vm.disks if d.get("SIZE", "").isdigit() and _copied(d))
    shared = [s for s in stores if s.type is DatastoreType.SYSTEM and s.enabled and s.measured]
    places = [(store.free, f"the system datastore {store.name!r}") for store in shared]
    places = places or [(host.free_disk, host.name) for host in hosts]
    if not all(0 < free < disk for free, _ in places):
        return None
    free, where = max(places)
    return (
        f"its disks need {disk} MiB, {where} has {free} MiB free",
        "give the worker a smaller `disk` in site.yaml and register it again, or free space below "
        "/var/lib/one/datastores",
    )


def _copied(disk: Vector) -> bool:
    """The disk is a copy of its image, in the system datastore."""
    return disk.get("CLONE", "YES") == "YES" and disk.get("CLONE_TARGET", "SYSTEM") == "SYSTEM"
