"""What uses an object, so that it is not deleted. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import TypeVar, cast

from b2ct.cloud.desired import Wanted
from b2ct.cloud.diff import Ids, guards, leased
from b2ct.cloud.live import Live
from b2ct.one.objects.account import Group
from b2ct.one.objects.base import Named, Owned
from b2ct.one.objects.host import Cluster, Host
from b2ct.one.objects.network import SecurityGroup, VirtualNetwork
from b2ct.one.objects.storage import Datastore
from b2ct.one.objects.vm import Vm
from b2ct.one.states import DatastoreType

T = TypeVar("T", bound=Named)
Key = tuple[str, int]
ORDER = (
    *("template", "user", "network", "security group", "host", "datastore", "cluster", "group"),
)
"""Kinds in the order in which they can be deleted."""


@dataclass(frozen=True)
class After:
    """The cloud as it will be when the plan is carried out."""

    live: Live
    ids: Ids
    wanted: Mapping[Key, Wanted]
    """Objects that are there, and will be as these say."""
    gone: Set[Key]
    """It grows as the plan does."""

    def stay(self, kind: str, items: Iterable[T]) -> Iterator[T]:
        """Those of a kind that will not have been deleted."""
        return (item for item in items if (kind, item.id) not in self.gone)

    def changed(self, kind: str, item: Named) -> Wanted | None:
        """As what it will be, if B2CT changes it."""
        return self.wanted.get((kind, item.id))

    @property
    def vms(self) -> tuple[Vm, ...]:
        """VMs that are not done."""
        return tuple(vm for vm in self.live.vms or () if not vm.done)


def of(kind: str, item: Named, after: After) -> str:
    """What uses the object, in words; empty if nothing does."""
    if isinstance(item, Owned) and item.locked_by is not None:
        return "somebody has locked it"
    if after.live.vms is None:
        return "it is not known what VMs use"
    return _USERS[kind](item, after)


def _host(item: Named, _after: After) -> str:
    host = cast("Host", item)
    count = max(len(host.vms), host.running_vms)
    return f"{count} VM(s) are on it" if count else ""


def _network(item: Named, _after: After) -> str:
    network = cast("VirtualNetwork", item)
    used = max(network.used_leases, sum(map(leased, network.ranges)))
    return f"{used} of its addresses are in use" if used else ""


def _datastore(item: Named, after: After) -> str:
    datastore = cast("Datastore", item)
    if datastore.images:
        return f"{len(datastore.images)} image(s) are in it"
    if datastore.type is DatastoreType.SYSTEM and after.vms:
        return f"the disks of some of the {len(after.vms)} VM(s) may be in it"
    return ""


def _cluster(item: Named, after: After) -> str:
    cluster = cast("Cluster", item)
    for host in after.stay("host", after.live.hosts):
        changed = after.changed("host", host)
        now = after.ids.get(("cluster", changed.fields["cluster"])) if changed else host.cluster_id
        if now == cluster.id:
            return f"host {host.name} is in it"
    for network in after.stay("network", after.live.networks):
        # A network in another cluster, too, is only taken out of this one.
        if network.clusters == (cluster.id,) and not after.changed("network", network):
            return f"network {network.name} is in it"
    for datastore in after.stay("datastore", after.live.datastores):
        if datastore.clusters == (cluster.id,):
            return f"datastore {datastore.name} is in it, and in no other"
    return ""


def _security_group(item: Named, after: After) -> str:
    group = cast("SecurityGroup", item)
    for network in after.stay("network", after.live.networks):
        changed = after.changed("network", network)
        names = changed.fields["security groups"].split(", ") if changed else []
        now = [after.ids.get(("security group", name)) for name in names]
        if group.id in (now if changed else guards(network)):
            return f"it guards network {network.name}"
    for vm in after.vms:
        for nic in vm.nics:
            if str(group.id) in nic.get("SECURITY_GROUPS", "").split(","):
                return f"it guards VM {vm.id}"
    return ""


def _user(item: Named, after: After) -> str:
    mine = [
        *(f"VM {vm.id}" for vm in after.vms if vm.uid == item.id),
        *(f"image {one.name}" for one in after.live.images if one.uid == item.id),
        *(
            f"{kind} {one.name}"
            for kind in ("template", "network", "security group", "datastore")
            for one in after.stay(kind, after.live.kinds[kind])
            if isinstance(one, Owned) and one.uid == item.id
        ),
    ]
    return f"it has {mine[0]}" + (f" and {len(mine) - 1} more" if mine[1:] else "") if mine else ""


def _group(item: Named, after: After) -> str:
    group = cast("Group", item)
    for user in after.stay("user", after.live.users):
        changed = after.changed("user", user)
        primary = after.ids.get(("group", changed.fields["group"])) if changed else user.gid
        others = set(user.groups) - {user.gid}
        if group.id == primary or group.id in others:
            return f"user {user.name} is in it"
    for vm in after.vms:
        if vm.gid == group.id:
            return f"VM {vm.id} belongs to it"
    return ""


_USERS: Mapping[str, Callable[[Named, After], str]] = {
    "template": lambda _item, _after: "",
    "host": _host, "network": _network, "datastore": _datastore, "cluster": _cluster,
    "security group": _security_group, "user": _user, "group": _group,
}  # fmt: skip
