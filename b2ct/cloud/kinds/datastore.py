"""Datastores: OpenNebula's own two, and further ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from b2ct.cloud.kinds.kind import ObjectKind, Wanted
from b2ct.cloud.steps import Action, Step
from b2ct.one.kinds import Datastores
from b2ct.one.objects.storage import Datastore
from b2ct.one.states import DatastoreType
from b2ct.one.versions import Dialect
from b2ct.site import catalogue
from b2ct.site.catalogue import Role
from b2ct.site.model import Ceph, Lvm, Nfs, Site

if TYPE_CHECKING:
    from b2ct.cloud.desired import Described
    from b2ct.cloud.session import Run
    from b2ct.cloud.view import View
    from b2ct.one.client import Client

HOSTS = "BRIDGE_LIST"
"""The attribute that names hosts with access to the storage."""


@dataclass(frozen=True, kw_only=True)
class WantedDatastore(Wanted):
    """A datastore as it shall be."""

    oid: int | None = None
    """Of one that every OpenNebula has; None: it is found by its name."""


class DatastoreKind(ObjectKind[WantedDatastore, Datastore]):
    """The drivers of the own ones by `storage`, and those of `cloud.datastores`."""

    name, made, deleted = "datastore", 20, 60
    own = 100

    def pool(self, one: Client) -> Datastores:
        """Datastores."""
        return one.datastores

    def wanted(self, described: Described) -> Iterator[WantedDatastore]:
        """OpenNebula's own first."""
        site = described.site
        system, image = drivers(site, described.dialect)
        number = site.storage.system_datastore if isinstance(site.storage, Lvm) else 0
        yield WantedDatastore(name="system", attributes=system, oid=number)
        yield WantedDatastore(name="default", attributes=image, oid=1)
        for name, more in site.cloud.datastores.items():
            attributes = {"TYPE": "SYSTEM_DS", **system}
            if more.kind == "image":
                attributes = {"TYPE": "IMAGE_DS", **image}
            yield WantedDatastore(name=name, attributes=attributes)

    def find(self, wanted: WantedDatastore, view: View) -> Datastore | None:
        """By its ID, where that is known."""
        if wanted.oid is None:
            return super().find(wanted, view)
        return next((item for item in view.live.of(self) if item.id == wanted.oid), None)

    def missing(self, wanted: WantedDatastore) -> Step:
        """One that is named by its ID is not ours to make."""
        if wanted.oid is None:
            return super().missing(wanted)
        return Step(
            self.name, wanted.name, Action.LEAVE, why=f"there is no {self.name} {wanted.oid}",
            hint="`onedatastore create` makes one; site.yaml names it by its ID",
        )  # fmt: skip

    def there(self, item: Datastore, wanted: WantedDatastore, view: View) -> dict[str, str]:
        """White space between hosts is no difference."""
        now = dict(super().there(item, wanted, view))
        return {**now, **({HOSTS: " ".join(now[HOSTS].split())} if HOSTS in now else {})}

    def bar(self, item: Datastore, _wanted: WantedDatastore, name: str) -> tuple[str, str] | None:
        """Images lie where the driver puts them."""
        if not item.images or name == HOSTS:
            return None
        return (
            f"{len(item.images)} image(s) are in this datastore",
            "delete them first: another driver would not find them",
        )

    def make(self, run: Run, wanted: WantedDatastore) -> None:
        """It takes its marks at once."""
        run.make(self, wanted.name, lambda: run.one.datastores.allocate(run.new(wanted)))

    def used(self, item: Datastore, view: View) -> str:
        """By images, and by VMs whose disks may be in it."""
        if item.images:
            return f"{len(item.images)} image(s) are in it"
        if item.type is DatastoreType.SYSTEM and view.vms:
            return f"the disks of some of the {len(view.vms)} VM(s) may be in it"
        return ""


def drivers(site: Site, dialect: Dialect) -> tuple[dict[str, str], dict[str, str]]:
    """Attributes of the system and of the image datastores, as kickstart/datastores sets them."""
    storage, row = site.storage, catalogue.opennebula(site.opennebula_version)
    system: dict[str, str]
    image: dict[str, str]
    if isinstance(storage, Nfs):
        system = image = {"TM_MAD": storage.mode}
    elif isinstance(storage, Lvm):
        blocks = {"DISK_TYPE": "BLOCK", HOSTS: _hypervisors(site)}
        system = image = {"TM_MAD": row.lvm_driver, **blocks}
    elif isinstance(storage, Ceph):
        image = {
            "DS_MAD": "ceph", "TM_MAD": "ceph", "DISK_TYPE": "RBD", "POOL_NAME": storage.pool,
            "CEPH_HOST": " ".join(storage.monitors), "CEPH_USER": storage.user,
            "CEPH_SECRET": storage.secret_uuid, HOSTS: _hypervisors(site),
        }  # fmt: skip
        system = {k: v for k, v in image.items() if k != "DS_MAD"}
        if not row.ceph_system:
            system = {"TM_MAD": dialect.ssh_driver}
    else:
        system = image = {"TM_MAD": dialect.ssh_driver}
    return system, {"DS_MAD": "fs", **image}


def _hypervisors(site: Site) -> str:
    return " ".join(node.name for node in site.with_role(Role.HYPERVISOR, Role.SINGLE))


DATASTORE = DatastoreKind()
