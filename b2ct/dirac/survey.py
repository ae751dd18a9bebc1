"""What the cloud says of the workers' capacity, asked as whoever may ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from b2ct.core.errors import B2ctError
from b2ct.dirac import capacity
from b2ct.dirac.capacity import Capacity
from b2ct.dirac.resources import Queue
from b2ct.one.faults import OneError
from b2ct.one.kind import ALL
from b2ct.one.objects.account import User
from b2ct.one.objects.host import Host
from b2ct.one.objects.network import VirtualNetwork
from b2ct.one.objects.vm import Template
from b2ct.one.ownership import Owners
from b2ct.site.model import Site
from b2ct.site.workers import Worker

if TYPE_CHECKING:
    from b2ct.one.client import Client


@dataclass(frozen=True)
class Cloud:
    """What was there when it was asked."""

    hosts: tuple[Host, ...] = ()
    """Empty as well for a user who may not see them."""
    networks: tuple[VirtualNetwork, ...] = ()
    """Administrators', as any user may make one of any name."""
    templates: tuple[Template, ...] = ()
    """As networks."""
    user: User | None = None
    """DIRAC's."""

    def template_id(self, name: str) -> int:
        """Of the template that DIRAC will take. -1: there is none."""
        return next((t.id for t in self.templates if t.name == name), -1)

    def image(self, name: str) -> str:
        """Name of that template's image; empty where it names none."""
        number = self.template_id(name)
        found = (t.template.vectors("DISK") for t in self.templates if t.id == number)
        disks = next(found, ())
        return disks[0].get("IMAGE", "") if disks else ""


def ask(one: Client, user: str) -> Cloud:
    """Four or five calls. Raises OneError when the cloud cannot be asked."""
    me = one.me
    dirac: User | None = me if me.name == user else None
    if dirac is None:
        try:
            found = one.users.find(user)
            # A pool of users tells no quotas on every version; the user alone does.
            dirac = one.users.get(found.id) if found else None
        except OneError:
            dirac = None  # only administrators may see other users
    held = Owners(me.id).held
    return Cloud(
        one.hosts.all(), tuple(held(one.networks.all(ALL))), tuple(held(one.templates.all(ALL))),
        dirac,
    )  # fmt: skip


def queues(
    site: Site, systems: Mapping[str, str], cloud: Cloud | None, most: int | None
) -> dict[str, Queue]:
    """A queue for each worker; `systems` says the OS of each, `most` overrules the numbers.

    Raises B2ctError for a worker of which nothing says how many VMs there can be.
    """
    return {
        name: Queue(
            name, worker, _capacity(site, name, worker, cloud, most), systems[name],
            cloud.template_id(name) if cloud else -1, cloud.image(name) if cloud else "",
        )
        for name, worker in site.described_workers.items()
    }  # fmt: skip


def _capacity(
    site: Site, name: str, worker: Worker, cloud: Cloud | None, most: int | None
) -> Capacity:
    if most is not None:
        return Capacity(most, "--max-vms")
    found = [*capacity.of_site(site, worker)]
    if cloud is not None:
        if hosts := capacity.of_hosts(cloud.hosts, worker):
            found.append(hosts)
        found += capacity.of_networks(cloud.networks, site.networks_of(worker))
        if cloud.user is not None:
            found += capacity.of_quota(cloud.user, worker)
    limit = capacity.least(found)
    if limit is None:
        raise B2ctError(
            f"nothing says how many VMs of the worker {name} there can be",
            hint="give --max-vms, or a `vm_range` or `cloud.dirac.quota` in site.yaml",
        )
    if limit.vms < 1:
        raise B2ctError(
            f"not one VM of the worker {name} fits, by {limit.source}",
            hint="give the worker less `cpu` or `memory`, raise the limit, or give --max-vms",
        )
    return limit
