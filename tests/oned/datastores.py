"""Datastores: one.datastore.* and the pool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tests.oned import xmlwriter
from tests.oned.acl import CREATE, MANAGE, USE
from tests.oned.clusters import membership
from tests.oned.entities import Owned, bad_name
from tests.oned.errors import action, internal, taken
from tests.oned.rpc import Call, method
from tests.oned.template import Template, parse

IMAGE_DS, SYSTEM_DS, FILE_DS, BACKUP_DS = 0, 1, 2, 3
_TYPES = {"IMAGE_DS": 0, "SYSTEM_DS": 1, "FILE_DS": 2, "BACKUP_DS": 3}
_DISK_TYPES = {"FILE": 0, "CDROM": 1, "BLOCK": 2, "RBD": 3, "GLUSTER": 6, "ISCSI": 9}


@dataclass(frozen=True)
class TmMad:
    """A row of TM_MAD_CONF in oned.conf."""

    shared: bool
    ln_target: str = "SYSTEM"
    clone_target: str = "SYSTEM"
    allow_orphans: str = "YES"


TM_MADS = {
    "dummy": TmMad(True, "NONE", "SYSTEM", "NO"),
    "shared": TmMad(True, "NONE"),
    "qcow2": TmMad(True, "NONE"),
    "ssh": TmMad(False),
    "local": TmMad(False),
    "fs_lvm": TmMad(True),
    "fs_lvm_ssh": TmMad(True),
    "ceph": TmMad(True, "NONE", "SELF", "mixed"),
    "dev": TmMad(True, "NONE", "NONE"),
}
DS_MADS = ("dummy", "fs", "lvm", "ceph", "dev", "iscsi_libvirt", "rsync", "restic")


@dataclass
class Datastore(Owned):
    """`capacity` is (total, free, used) in MB, once monitored; before that oned says 0."""

    kind: ClassVar[str] = "DATASTORE"
    capacity: tuple[int, int, int] = (0, 0, 0)
    enabled: bool = True

    @property
    def type(self) -> int:
        return _TYPES.get(self.template.get("TYPE"), IMAGE_DS)

    @property
    def tm_mad(self) -> str:
        return self.template.get("TM_MAD")

    @property
    def disk_type(self) -> int:
        return _DISK_TYPES.get(self.template.get("DISK_TYPE"), 0)

    @property
    def clusters(self) -> set[int]:
        return membership(self.cloud.clusters, "DATASTORES", self.id)

    @property
    def path(self) -> str:
        return f"/var/lib/one//datastores/{self.id}"

    @property
    def free_mb(self) -> int:
        limit = self.template.get("LIMIT_MB")
        return min(self.capacity[1], int(limit)) if limit.isdigit() else self.capacity[1]

    def settle(self) -> None:
        """What follows from TM_MAD is in the template, as Datastore::set_tm_mad puts it there."""
        if self.tm_mad not in TM_MADS:
            raise internal(f'TM_MAD named "{self.tm_mad}" is not defined in oned.conf')
        tm = TM_MADS[self.tm_mad]
        if self.type == SYSTEM_DS:
            self.template.set("SHARED", "YES" if tm.shared else "NO")
            self.template.set("DS_MIGRATE", "YES")
        else:
            self.template.set("LN_TARGET", tm.ln_target)
            self.template.set("CLONE_TARGET", tm.clone_target)
        self.template.set("ALLOW_ORPHANS", tm.allow_orphans)

    def xml(self) -> str:
        total, free, used = self.capacity
        images = (i.id for i in self.cloud.images if i.ds_id == self.id)
        return (
            f"<DATASTORE>{self.head_xml()}"
            f"{xmlwriter.cdata('DS_MAD', self.template.get('DS_MAD') or '-')}"
            f"{xmlwriter.cdata('TM_MAD', self.tm_mad)}{xmlwriter.cdata('BASE_PATH', self.path)}"
            f"<TYPE>{self.type}</TYPE><DISK_TYPE>{self.disk_type}</DISK_TYPE>"
            f"<STATE>{int(not self.enabled)}</STATE>{xmlwriter.ids('CLUSTERS', self.clusters)}"
            f"<TOTAL_MB>{total}</TOTAL_MB><FREE_MB>{free}</FREE_MB><USED_MB>{used}</USED_MB>"
            f"{xmlwriter.ids('IMAGES', images)}{self.template.xml()}</DATASTORE>"
        )


def _check(template: Template, kind: int) -> None:
    ds_mad = template.get("DS_MAD")
    if kind == SYSTEM_DS and ds_mad:
        raise internal("SYSTEM datastores cannot have DS_MAD defined.")
    if kind != SYSTEM_DS and not ds_mad:
        raise internal("No DS_MAD in template.")
    if ds_mad and ds_mad not in DS_MADS:
        raise internal(f'DS_MAD named "{ds_mad}" is not defined in oned.conf')
    if not template.get("TM_MAD"):
        raise internal("No TM_MAD in template.")


@method("one.datastore.allocate")
def allocate(call: Call, text: str, cluster_id: int = -1) -> int:
    cloud = call.cloud
    template = parse(text)
    cluster = cloud.clusters[cluster_id if cluster_id != -1 else 0]
    call.may(CREATE, "DATASTORE")
    name = template.pop("NAME")
    problem = bad_name(name)
    if problem:
        raise internal(problem)
    same = cloud.datastores.named(name)
    if same:
        raise taken("DATASTORE", same.id)
    kind = template.get("TYPE")
    if kind not in _TYPES:
        template.set("TYPE", "IMAGE_DS")
    _check(template, _TYPES[template.get("TYPE")])
    if not template.get("DISK_TYPE"):
        template.set("DISK_TYPE", "FILE")
    if not template.get("SAFE_DIRS") and not template.get("RESTRICTED_DIRS"):
        template.set("SAFE_DIRS", "/var/tmp")
        template.set("RESTRICTED_DIRS", "/")
    datastore = Datastore(cloud, cloud.datastores.take_id(), name, template)
    datastore.uid, datastore.gid = call.uid, call.user.gid
    datastore.permissions = "110100000"
    datastore.settle()
    cloud.datastores.add(datastore)
    cluster.members["DATASTORES"].add(datastore.id)
    cloud.monitor_datastore(datastore)
    return datastore.id


@method("one.datastore.delete")
def delete(call: Call, ds_id: int) -> int:
    cloud = call.cloud
    datastore = cloud.datastores[ds_id]
    call.may(MANAGE, "DATASTORE", datastore)
    if any(image.ds_id == ds_id for image in cloud.images):
        raise action(f"Cannot delete datastore. Datastore {ds_id} is not empty.")
    for cluster in cloud.clusters:
        cluster.members["DATASTORES"].discard(ds_id)
    cloud.datastores.remove(ds_id)
    return ds_id


@method("one.datastore.enable")
def enable(call: Call, ds_id: int, wanted: bool) -> int:
    datastore = call.cloud.datastores[ds_id]
    call.may(MANAGE, "DATASTORE", datastore)
    if datastore.type != SYSTEM_DS:
        raise internal("Only SYSTEM_DS can be disabled or enabled")
    datastore.enabled = wanted
    return ds_id


@method("one.datastore.info")
def info(call: Call, ds_id: int, decrypt: bool = False) -> str:
    datastore = call.cloud.datastores[ds_id]
    call.may_see("DATASTORE", datastore)
    return datastore.xml()


@method("one.datastorepool.info")
def pool_info(call: Call) -> str:
    allowed = call.cloud.acl.allowed
    return call.cloud.datastores.xml(lambda d: allowed(call.uid, call.groups, USE, "DATASTORE", d))
