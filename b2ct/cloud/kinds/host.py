"""Hosts: the hypervisors."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from b2ct.cloud.kinds.cluster import CLUSTER
from b2ct.cloud.kinds.kind import DEFAULT, ObjectKind, Wanted
from b2ct.one.kinds import Hosts
from b2ct.one.objects.host import Host
from b2ct.site.catalogue import Role

if TYPE_CHECKING:
    from b2ct.cloud.desired import Described
    from b2ct.cloud.session import Run
    from b2ct.cloud.view import Number, View
    from b2ct.one.client import Client


@dataclass(frozen=True, kw_only=True)
class WantedHost(Wanted):
    """A host as it shall be."""

    cluster: str
    driver: str


class HostKind(ObjectKind[WantedHost, Host]):
    """`nodes` that run VMs."""

    name, made, deleted = "host", 40, 50
    late = True

    def pool(self, one: Client) -> Hosts:
        """Hosts."""
        return one.hosts

    def wanted(self, described: Described) -> Iterator[WantedHost]:
        """Each hypervisor."""
        site, cloud = described.site, described.site.cloud
        for node in site.with_role(Role.HYPERVISOR, Role.SINGLE):
            yield WantedHost(name=node.name, cluster=cloud.cluster or DEFAULT, driver=cloud.driver)

    def shown(self, wanted: WantedHost) -> dict[str, str]:
        """Its cluster and its drivers."""
        return {"cluster": wanted.cluster, "driver": wanted.driver}

    def there(self, item: Host, _wanted: WantedHost, view: View) -> dict[str, str]:
        """One driver, where monitoring and VMs have the same."""
        driver = item.vm_mad if item.im_mad == item.vm_mad else f"{item.im_mad}, {item.vm_mad}"
        return {"cluster": view.name(CLUSTER, item.cluster_id), "driver": driver}

    def bar(self, item: Host, _wanted: WantedHost, name: str) -> tuple[str, str] | None:
        """Its driver is for life."""
        if name != "driver":
            return None
        return (
            "OpenNebula cannot change the driver of a host",
            f"`b2ct drain {item.name}`, `onehost delete {item.name}`, then apply again",
        )

    def make(self, run: Run, wanted: WantedHost) -> None:
        """In its cluster from the start."""
        driver, cluster = wanted.driver, run.id(CLUSTER, wanted.cluster)
        run.make(
            self,
            wanted.name,
            lambda: run.one.hosts.allocate(wanted.name, im=driver, vmm=driver, cluster_id=cluster),
        )
        run.mark(self, wanted.name)

    def change(self, run: Run, wanted: WantedHost, item: Host, names: Set[str]) -> None:
        """It moves to another cluster."""
        super().change(run, wanted, item, names)
        if "cluster" in names:
            run.one.clusters.add_host(run.id(CLUSTER, wanted.cluster), item.id)

    def holds(self, item: Host, view: View) -> Iterator[tuple[Number, str]]:
        """Its cluster."""
        changed = view.changed(self, item)
        cluster = view.id(CLUSTER, changed.cluster) if changed else item.cluster_id
        if cluster is not None:
            yield (CLUSTER.name, cluster), f"host {item.name} is in it"

    def used(self, item: Host, _view: View) -> str:
        """By the VMs on it."""
        count = max(len(item.vms), item.running_vms)
        return f"{count} VM(s) are on it" if count else ""


HOST = HostKind()
