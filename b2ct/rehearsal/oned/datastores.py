"""Datastores: one.datastore.* and the pool."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from b2ct.rehearsal.oned import xmlwriter
from b2ct.rehearsal.oned.acl import ADMIN, CREATE, MANAGE, USE
from b2ct.rehearsal.oned.clusters import membership
from b2ct.rehearsal.oned.entities import Owned, bad_name
from b2ct.rehearsal.oned.errors import action, internal, taken
from b2ct.rehearsal.oned.releases import Release
from b2ct.rehearsal.oned.rpc import Call, method
from b2ct.rehearsal.oned.template import Template

IMAGE_DS, SYSTEM_DS, FILE_DS, BACKUP_DS = 0, 1, 2, 3
_TYPES = {"IMAGE_DS": 0, "SYSTEM_DS": 1, "FILE_DS": 2, "BACKUP_DS": 3}
_DISK_TYPES = {"FILE": 0, "CDROM": 1, "BLOCK": 2, "RBD": 3, "GLUSTER": 6, "ISCSI": 9}


@dataclass(frozen=True)
class TmMad:
    """A row of TM_MAD_CONF in oned.conf. `modes`: how it works with other system datastores,
    as name -> (LN_TARGET, CLONE_TARGET, DISK_TYPE).
    """

    shared: bool
    ln_target: str = "SYSTEM"
    clone_target: str = "SYSTEM"
    allow_orphans: str = "NO"
    driver: str = ""
    disk_type: str = ""
    ds_migrate: bool = True
    live_migrate: bool = True
    migrate_snapshots: bool = True
    persistent_snapshots: bool = True
    modes: tuple[tuple[str, str, str, str], ...] = ()


_SSH = ("ssh", "SYSTEM", "SYSTEM", "FILE")
TM_MADS = {
    "dummy": TmMad(True, "NONE"),
    "shared": TmMad(True, "NONE", allow_orphans="FORMAT", modes=(_SSH,)),
    "qcow2": TmMad(True, "NONE", allow_orphans="FORMAT", driver="qcow2", modes=(_SSH,)),
    "ssh": TmMad(False, allow_orphans="YES"),
    "local": TmMad(False, allow_orphans="FORMAT"),
    "fs_lvm": TmMad(
        True, driver="raw", disk_type="BLOCK", live_migrate=False, migrate_snapshots=False
    ),
    "fs_lvm_ssh": TmMad(
        True, driver="raw", disk_type="BLOCK", migrate_snapshots=False, persistent_snapshots=False
    ),
    "ceph": TmMad(
        True,
        "NONE",
        "SELF",
        "mixed",
        driver="raw",
        ds_migrate=False,
        live_migrate=False,
        migrate_snapshots=False,
        modes=(_SSH, ("shared", "NONE", "SELF", "RBD")),
    ),
    "dev": TmMad(True, "NONE", "NONE", "YES", live_migrate=False, migrate_snapshots=False),
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
        """What counts when an image comes, as Datastore::get_avail_mb has it."""
        limit = self.template.get("LIMIT_MB")
        return max(0, int(limit) - self.capacity[2]) if limit.isdigit() else self.capacity[1]

    @property
    def checked(self) -> bool:
        """DATASTORE_CAPACITY_CHECK, of the datastore or else of oned.conf."""
        return (self.template.get("DATASTORE_CAPACITY_CHECK") or self.cloud.capacity_check) == "YES"

    def settle(self) -> None:
        """What follows from TM_MAD is in the template, as Datastore::set_tm_mad puts it there."""
        tm = tm_conf(self.cloud.release, self.tm_mad)
        template = self.template
        if self.type == SYSTEM_DS:
            template.set("SHARED", "YES" if tm.shared else "NO")
            template.set("DS_MIGRATE", "YES" if tm.ds_migrate else "NO")
            if self.cloud.release.live_migration:
                template.set("DS_LIVE_MIGRATE", "YES" if tm.live_migrate else "NO")
                template.set("DS_MIGRATE_SNAP", "YES" if tm.migrate_snapshots else "NO")
            for name in ("LN_TARGET", "CLONE_TARGET"):
                template.erase(name)
        else:
            template.set("LN_TARGET", tm.ln_target)
            template.set("CLONE_TARGET", tm.clone_target)
            for name, ln_target, clone_target, disk_type in tm.modes:
                template.set(f"LN_TARGET_{name.upper()}", ln_target)
                template.set(f"CLONE_TARGET_{name.upper()}", clone_target)
                template.set(f"DISK_TYPE_{name.upper()}", disk_type)
            if tm.modes:
                template.set("TM_MAD_SYSTEM", ",".join(mode[0] for mode in tm.modes))
            if tm.driver:
                template.set("DRIVER", tm.driver)
            if tm.disk_type:
                template.set("DISK_TYPE", tm.disk_type)
        template.set("ALLOW_ORPHANS", tm.allow_orphans)
        if self.cloud.release.plans:
            template.set("PERSISTENT_SNAPSHOTS", "YES" if tm.persistent_snapshots else "NO")

    def updated(self, old: Template) -> None:
        """After one.datastore.update: what it is made of stays, what follows from it is new."""
        template = self.template
        for name in ("TYPE", "DS_MAD", "TM_MAD"):
            if name not in template.names() and old.get(name):
                template.set(name, old.get(name))
        if not template.get("TYPE"):
            template.set("TYPE", "IMAGE_DS")
        if template.get("TM_MAD") != old.get("TM_MAD") and self.type == SYSTEM_DS:
            self.capacity = (0, 0, 0)
            self.cloud.monitor_datastore(self)

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


def tm_conf(release: Release, name: str) -> TmMad:
    """Raises: OneError if oned.conf of that release has no such driver."""
    if name not in TM_MADS or (name == "local" and not release.tm_local):
        raise internal(f'TM_MAD named "{name}" is not defined in oned.conf')
    found = TM_MADS[name]
    if release.live_migration:  # and there is one way less to use Ceph
        return replace(found, modes=tuple(mode for mode in found.modes if mode is _SSH))
    return found


def _check(release: Release, template: Template, kind: int) -> None:
    ds_mad = template.get("DS_MAD")
    if kind == SYSTEM_DS and ds_mad:
        raise internal("SYSTEM datastores cannot have DS_MAD defined.")
    if kind != SYSTEM_DS and not ds_mad:
        raise internal("No DS_MAD in template.")
    if ds_mad and ds_mad not in DS_MADS:
        raise internal(f'DS_MAD named "{ds_mad}" is not defined in oned.conf')
    if not template.get("TM_MAD"):
        raise internal("No TM_MAD in template.")
    tm_conf(release, template.get("TM_MAD"))


@method("one.datastore.allocate")
def allocate(call: Call, text: str, cluster_id: int = -1) -> int:
    cloud = call.cloud
    template = call.parse(text)
    cluster = cloud.clusters[cluster_id if cluster_id != -1 else 0]
    call.may_all((CREATE, "DATASTORE", None), (ADMIN, "CLUSTER", cluster))
    name = template.pop("NAME")
    problem = bad_name(name)
    if problem:
        raise internal(problem)
    same = cloud.datastores.named(name)
    if same:
        raise taken("DATASTORE", same.id)
    _check(cloud.release, template, _TYPES.get(template.get("TYPE"), IMAGE_DS))
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
    datastore.capacity = (0, 0, 0)
    if wanted:
        call.cloud.monitor_datastore(datastore)
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
