"""The cloud at a glance: what it has, what it uses, and what is wrong, each with its remedy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from b2ct.one.faults import image_remedy, reason, vm_remedy
from b2ct.one.objects.account import User
from b2ct.one.objects.host import Host
from b2ct.one.objects.network import VirtualNetwork
from b2ct.one.objects.storage import Datastore, Image
from b2ct.one.objects.vm import Vm
from b2ct.one.ownership import ADMINISTRATORS
from b2ct.one.states import LCM_UNKNOWN, HostState, ImageState, NetState, VmState
from b2ct.one.versions import other_line

if TYPE_CHECKING:
    from b2ct.one.client import Client

FULL = 0.9
"""Share of a datastore or network that is nearly all of it."""
SILENT = 600
"""Seconds after which a host that does not report is a problem."""
WAITING = 600
"""Seconds for which a VM may be PENDING without anybody's saying why."""
COPYING = 3600
"""Seconds for which an image may be LOCKED."""
KIB_PER_GIB = 2**20
MB_PER_GIB = 2**10


@dataclass(frozen=True)
class Problem:
    """Something that is wrong, and what helps."""

    kind: str
    name: str
    what: str
    hint: str

    def lines(self) -> list[str]:
        """As it is shown."""
        return [f"! {self.kind} {self.name}: {self.what}", f"    hint: {self.hint}"]


@dataclass(frozen=True)
class HostRow:
    """A hypervisor. Memory in GiB, processors in whole ones."""

    name: str
    state: str
    vms: int
    cpu: float
    used_cpu: float
    memory: float
    used_memory: float


@dataclass(frozen=True)
class StoreRow:
    """A datastore that the server has measured; sizes in GiB."""

    name: str
    kind: str
    total: float
    used: float
    limit: float | None = None
    """What images may take of it (LIMIT_MB)."""

    def __str__(self) -> str:
        """`default 189 of 252 GiB (75%)`."""
        limit = "" if self.limit is None else f", at most {self.limit:.0f} GiB for images"
        share = f"{self.used / self.total:.0%}"
        return f"{self.name} {self.used:.0f} of {self.total:.0f} GiB ({share}{limit})"


@dataclass(frozen=True)
class Status:
    """The cloud at one moment."""

    version: str
    hosts: tuple[HostRow, ...]
    vms: Mapping[str, int]
    """Status -> number of VMs."""
    images: Mapping[str, int]
    """State -> number of images."""
    datastores: tuple[StoreRow, ...]
    problems: tuple[Problem, ...]
    unseen: str = ""
    """Who is asking, and what may be there that this user may not see."""
    other: str = ""
    """That the site says another version, where it does."""

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {**asdict(self), "healthy": not self.problems}

    def lines(self) -> list[str]:
        """For people: a table of hosts, one line each for VMs, images and datastores, problems."""
        told = [f"OpenNebula {self.version}", "", *_table(self.hosts), ""]
        told.append(f"VMs         {_counted(self.vms)}")
        told.append(f"images      {_counted(self.images)}")
        told.append(f"datastores  {', '.join(map(str, self.datastores)) or 'not measured yet'}")
        for note in filter(None, (self.other, self.unseen)):
            told += ["", f"note: {note}"]
        told.append("")
        for problem in self.problems:
            told += problem.lines()
        count = len(self.problems)
        return [*told, f"{count} problem(s)" if count else "no problems"]


def read(one: Client, said: str = "") -> Status:
    """Look: five calls, and two more once: the version, and who is asking.

    Times are by the server's clock. `said` is the version that the site names; empty: no site.
    """
    found = (one.version, one.hosts.all(), one.vms.all(), one.images.all())
    rooms = one.datastores.all(), one.networks.all()
    seen = of(*found, rooms, now=one.now, me=one.me)
    return replace(seen, other=other_line(said, one.version)) if said else seen


def of(
    version: str,
    hosts: Iterable[Host],
    vms: Iterable[Vm],
    images: Iterable[Image],
    room: tuple[Iterable[Datastore], Iterable[VirtualNetwork]],
    *,
    now: float,
    me: User | None = None,
) -> Status:
    """The status from what the server answered to `me`. Pure. `room`: datastores and networks."""
    hosts, vms, images = tuple(hosts), tuple(vms), tuple(images)
    datastores, networks = tuple(room[0]), tuple(room[1])
    pools = {"hosts": hosts, "datastores": datastores, "networks": networks, "images": images}
    unseen = _unseen(me, [name for name, items in pools.items() if not items])
    problems = (
        *(p for host in hosts for p in _host(host, now)),
        *(() if unseen and not hosts else _no_host(hosts)),
        *(p for vm in vms for p in _vm(vm, now)),
        *(p for image in images for p in _image(image, now)),
        *(p for store in datastores for p in _datastore(store)),
        *(p for network in networks for p in _network(network)),
    )
    measured = (store for store in datastores if store.measured)
    return Status(
        version, tuple(map(_host_row, hosts)), _count(vm.status for vm in vms),
        _count(image.state.name for image in images), tuple(map(_store_row, measured)), problems,
        unseen,
    )  # fmt: skip


def _unseen(me: User | None, empty: list[str]) -> str:
    """What a user who is no administrator may not know of; empty for an administrator."""
    if me is None or ADMINISTRATORS in (me.gid, *me.groups):
        return ""
    none = f"no {', '.join(empty)}; " if empty else ""
    return (
        f"{me.name} is no administrator: this is what {me.name} may see ({none}of VMs only its "
        "own), and there may be more. Ask as oneadmin for all of it"
    )


def _count(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _host_row(host: Host) -> HostRow:
    return HostRow(
        host.name, host.state.name, len(host.vms), host.max_cpu / 100, host.used_cpu / 100,
        host.max_memory / KIB_PER_GIB, host.used_memory / KIB_PER_GIB,
    )  # fmt: skip


def _store_row(store: Datastore) -> StoreRow:
    total, free = store.total / MB_PER_GIB, store.free / MB_PER_GIB
    limit = None if store.limit is None else store.limit / MB_PER_GIB
    return StoreRow(store.name, store.type.name.lower(), total, total - free, limit)


def _table(hosts: tuple[HostRow, ...]) -> list[str]:
    width = max([4, *(len(host.name) for host in hosts)])
    head = f"{'host':{width}}  {'state':12}  {'VMs':>4}  {'CPUs':>13}  {'GiB of memory':>15}"
    rows = (
        f"{h.name:{width}}  {h.state:12}  {h.vms:4}  {f'{h.used_cpu:g} of {h.cpu:g}':>13}"
        f"  {f'{h.used_memory:.1f} of {h.memory:.1f}':>15}"
        for h in hosts
    )
    return [head, *rows]


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items()) or "none"


def _host(host: Host, now: float) -> Iterator[Problem]:
    name = host.name
    if host.state in (HostState.ERROR, HostState.MONITORING_ERROR):
        why = reason(host.error) or "the server gives no reason"
        yield Problem(
            "host", name, f"{host.state.name}: {why}",
            f"as oneadmin on the front-end: `ssh {name} true`; then `onehost enable {host.id}`",
        )  # fmt: skip
    elif host.usable and host.last_seen and now - host.last_seen > SILENT:
        minutes = (now - host.last_seen) / 60
        yield Problem(
            "host", name, f"has not reported for {minutes:.0f} min",
            f"is port 4124 of the front-end open for it? `onehost forceupdate {host.id}`",
        )  # fmt: skip


def _no_host(hosts: tuple[Host, ...]) -> Iterator[Problem]:
    if not any(host.usable for host in hosts):
        hint = "`b2ct drain --undo HOST` enables one" if hosts else "`b2ct apply` registers them"
        yield Problem("hosts", "(all)", "none takes VMs", hint)


def _vm(vm: Vm, now: float) -> Iterator[Problem]:
    name = f"{vm.id} ({vm.name})"
    if vm.failed:
        why = f": {reason(vm.error, vm.template.secrets())}" if vm.error else ""
        yield Problem(
            "VM", name, f"{vm.status}{why}",
            vm_remedy(vm.id, vm.error),
        )  # fmt: skip
    elif vm.state is VmState.ACTIVE and vm.lcm_state == LCM_UNKNOWN:
        yield Problem(
            "VM", name, f"UNKNOWN: {vm.host} does not see it",
            f"is {vm.host} up? then `onevm resume {vm.id}`, or `onevm terminate --hard {vm.id}`",
        )  # fmt: skip
    elif vm.state is VmState.PENDING and vm.scheduler_message:
        yield Problem(
            "VM", name, f"waits: {reason(vm.scheduler_message)}",
            "give it less CPU, memory or disk, or enable hosts and datastores (`b2ct plan` says "
            "what differs from site.yaml)",
        )  # fmt: skip
    elif vm.state is VmState.PENDING and now - vm.started > WAITING:
        yield Problem(
            "VM", name, f"waits for {(now - vm.started) / 60:.0f} min, and nobody says why",
            "does the scheduler run? `systemctl status opennebula-scheduler` (from 7.0 it is part "
            "of `opennebula`) on the front-end",
        )  # fmt: skip


def _image(image: Image, now: float) -> Iterator[Problem]:
    name = f"{image.id} ({image.name})"
    if image.state is ImageState.ERROR:
        why = reason(image.error) or "the server gives no reason"
        yield Problem("image", name, f"ERROR: {why}", image_remedy(image.error))
    elif image.state is ImageState.LOCKED and now - image.registered > COPYING:
        yield Problem(
            "image", name, f"LOCKED for {(now - image.registered) / 60:.0f} min",
            "if oned was restarted while it was copied, it stays so: "
            f"`oneimage delete --force {image.id}`, and register it again",
        )  # fmt: skip


def _datastore(store: Datastore) -> Iterator[Problem]:
    if store.measured and store.limit and store.used >= store.limit * FULL:
        yield Problem(
            "datastore", store.name,
            f"{store.room / MB_PER_GIB:.1f} of the {store.limit / MB_PER_GIB:.1f} GiB that "
            "LIMIT_MB allows are left",
            "delete old versions of images (`b2ct image versions`), or raise LIMIT_MB "
            f"(`onedatastore update {store.id}`)",
        )  # fmt: skip
    if store.measured and store.total - store.free >= store.total * FULL:
        yield Problem(
            "datastore", store.name,
            f"{store.free / MB_PER_GIB:.1f} of {store.total / MB_PER_GIB:.1f} GiB are left",
            "delete old versions of images (`b2ct image versions`), or enlarge it",
        )  # fmt: skip


def _network(network: VirtualNetwork) -> Iterator[Problem]:
    if network.state in (NetState.ERROR, NetState.UPDATE_FAILURE):
        yield Problem(
            "network", network.name, f"is in state {network.state.name}",
            f"`onevnet recover --success {network.id}`, if it is as it should be",
        )  # fmt: skip
    free = network.size - network.used_leases
    if network.size and network.used_leases >= network.size * FULL:
        yield Problem(
            "network", network.name, f"{free} of {network.size} addresses are left",
            "make its `vm_range` in site.yaml longer, and `b2ct apply`",
        )  # fmt: skip
