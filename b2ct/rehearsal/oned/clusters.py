"""Clusters: one.cluster.* and the pool. they know their hosts, datastores and networks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from b2ct.rehearsal.oned import xmlwriter
from b2ct.rehearsal.oned.acl import ADMIN, CREATE, USE
from b2ct.rehearsal.oned.entities import Entity, Pool, bad_name
from b2ct.rehearsal.oned.errors import action, internal, not_allocated, taken
from b2ct.rehearsal.oned.rpc import Call, method
from b2ct.rehearsal.oned.template import Template

_COLLECTIONS = ("HOSTS", "DATASTORES", "VNETS")


@dataclass
class Cluster(Entity):
    kind: ClassVar[str] = "CLUSTER"
    members: dict[str, set[int]] = field(
        default_factory=lambda: {name: set() for name in _COLLECTIONS}
    )

    @property
    def clusters(self) -> set[int]:
        return {self.id}

    def xml(self) -> str:
        members = "".join(xmlwriter.ids(name, self.members[name]) for name in _COLLECTIONS)
        return (
            f"<CLUSTER><ID>{self.id}</ID><NAME>{self.name}</NAME>{members}"
            f"{self.template.xml()}</CLUSTER>"
        )


def membership(pool: Pool[Cluster], collection: str, object_id: int) -> set[int]:
    """The clusters that an object is in."""
    return {cluster.id for cluster in pool if object_id in cluster.members[collection]}


@method("one.cluster.allocate")
def allocate(call: Call, name: str) -> int:
    cloud = call.cloud
    call.may(CREATE, "CLUSTER")
    same = cloud.clusters.named(name)
    if same:
        error = taken("CLUSTER", same.id)
        raise not_allocated("CLUSTER", error.text) if cloud.release.pool_refusals else error
    problem = bad_name(name)
    if problem:
        raise internal(problem)
    reserved = Template([("RESERVED_CPU", ""), ("RESERVED_MEM", "")])
    return cloud.clusters.add(Cluster(cloud, cloud.clusters.take_id(), name, reserved)).id


@method("one.cluster.delete")
def delete(call: Call, cluster_id: int) -> int:
    cloud = call.cloud
    cluster = cloud.clusters[cluster_id]
    call.may(2, "CLUSTER", cluster)
    if cluster_id == 0:
        raise action("Cannot delete cluster. Default cluster cannot be deleted.")
    for name in _COLLECTIONS:
        if cluster.members[name]:
            count = len(cluster.members[name])
            raise action(
                f"Cannot delete cluster. Cluster {cluster_id} is not empty, it contains "
                f"{count} {name.lower()}."
            )
    cloud.clusters.remove(cluster_id)
    return cluster_id


@method("one.cluster.info")
def info(call: Call, cluster_id: int, decrypt: bool = False) -> str:
    cluster = call.cloud.clusters[cluster_id]
    call.may_see("CLUSTER", cluster)
    return cluster.xml()


@method("one.clusterpool.info")
def pool_info(call: Call) -> str:
    allowed = call.cloud.acl.allowed
    return call.cloud.clusters.xml(lambda c: allowed(call.uid, call.groups, USE, "CLUSTER", c))


def _join(call: Call, cluster_id: int, collection: str, target: Entity) -> int:
    cluster = call.cloud.clusters[cluster_id]
    call.may(ADMIN, "CLUSTER", cluster)
    call.may(ADMIN, target.kind, target)
    if collection == "HOSTS":  # a host is in one cluster only
        for other in call.cloud.clusters:
            other.members[collection].discard(target.id)
    cluster.members[collection].add(target.id)
    return cluster_id


def _leave(call: Call, cluster_id: int, collection: str, target: Entity) -> int:
    cluster = call.cloud.clusters[cluster_id]
    call.may(ADMIN, "CLUSTER", cluster)
    cluster.members[collection].discard(target.id)
    if collection == "HOSTS":
        call.cloud.clusters[0].members[collection].add(target.id)
        # Before 7.2 the answer is the number of the cluster that the host is in now.
        return cluster_id if call.cloud.release.pool_refusals else 0
    return cluster_id


@method("one.cluster.addhost")
def addhost(call: Call, cluster_id: int, host_id: int) -> int:
    return _join(call, cluster_id, "HOSTS", call.cloud.hosts[host_id])


@method("one.cluster.delhost")
def delhost(call: Call, cluster_id: int, host_id: int) -> int:
    return _leave(call, cluster_id, "HOSTS", call.cloud.hosts[host_id])


@method("one.cluster.adddatastore")
def adddatastore(call: Call, cluster_id: int, ds_id: int) -> int:
    return _join(call, cluster_id, "DATASTORES", call.cloud.datastores[ds_id])


@method("one.cluster.deldatastore")
def deldatastore(call: Call, cluster_id: int, ds_id: int) -> int:
    return _leave(call, cluster_id, "DATASTORES", call.cloud.datastores[ds_id])


@method("one.cluster.addvnet")
def addvnet(call: Call, cluster_id: int, vnet_id: int) -> int:
    return _join(call, cluster_id, "VNETS", call.cloud.vnets[vnet_id])


@method("one.cluster.delvnet")
def delvnet(call: Call, cluster_id: int, vnet_id: int) -> int:
    return _leave(call, cluster_id, "VNETS", call.cloud.vnets[vnet_id])
