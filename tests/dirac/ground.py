"""A site, and a cloud as B2CT makes it for DIRAC, on the double of oned."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from b2ct.context.worker import for_worker
from b2ct.dirac import cfg, cloudauth, resources
from b2ct.dirac.capacity import Capacity
from b2ct.dirac.resources import Place, Queue
from b2ct.opennebula.acl import AclRule
from b2ct.opennebula.client import Client
from b2ct.opennebula.endpoint import Endpoint
from b2ct.opennebula.text import Attributes
from b2ct.opennebula.vmtemplates import WorkerAbout, vm_attributes
from b2ct.site.load import load
from b2ct.site.model import Site
from tests.oned import Clock, OnedDouble

SITE = """\
site: {name: Torino, domain: b2ct.example.it}
networks:
  vms:
    cidr: 10.0.0.0/24
    bridge: br0
    vm_range: {first: 10.0.0.100, last: 10.0.0.149}
nodes:
  - {name: one, role: single, interfaces: [{network: vms, address: 10.0.0.10}]}
cloud:
  dirac: {user: dirac, quota: {vms: 30}}
secrets:
  dirac_password: {file: dirac-password.txt}
workers:
  b2ct-worker: {cpu: 0.5, memory: 2 GiB, lifetime: 3 d}
"""
PASSWORD = "a%b={c}#\u00e9;%%"
CE = "one.b2ct.example.it"


def site(folder: Path, text: str = SITE) -> Site:
    """The site, with its file and its secret in a folder."""
    (folder / "dirac-password.txt").write_text(PASSWORD + "\n")
    (folder / "dirac-password.txt").chmod(0o600)
    (folder / "site.yaml").write_text(text)
    return load(folder / "site.yaml")


def admin(double: OnedDouble) -> Client:
    return Client(Endpoint(double.url, double.auth, proxy=""), notice=lambda _text: None)


def dirac(double: OnedDouble) -> Client:
    where = Endpoint(double.url, f"dirac:{PASSWORD}", proxy="")
    return Client(where, notice=lambda _text: None)


@dataclass(frozen=True)
class Ids:
    """What was made."""

    user: int
    group: int
    image: int
    network: int
    template: int


def past(seconds: float) -> Clock:
    """A clock that stands still so long ago."""
    return Clock(start=time.time() - seconds)


def furnish(double: OnedDouble, described: Site) -> Ids:
    """Hypervisors, a network, an image, a worker's template, and a user who may only use them."""
    one = admin(double)
    for name in ("hv1", "hv2"):
        double.add_host(name, cores=8, memory_gb=32)
    group = one.groups.allocate("dirac")
    user = one.users.allocate("dirac", PASSWORD, groups=[group])
    one.acls.add(AclRule.of(f"@{group} VM/* CREATE *"))
    span = {"TYPE": "IP4", "IP": "10.0.0.100", "SIZE": "50"}
    network = one.networks.allocate(
        Attributes.of({"NAME": "vms", "VN_MAD": "bridge", "BRIDGE": "br0", "AR": span})
    )
    image = one.images.allocate(
        Attributes.of({"NAME": "el9-worker", "TYPE": "DATABLOCK", "SIZE": "10"}), 1
    )
    while not one.images.get(image).state.usable:
        double.step()
    about = WorkerAbout(
        described, "b2ct-worker", for_worker(described), "el9-worker", "el9-worker", "oneadmin",
        network_owners={"vms": "oneadmin"},
    )  # fmt: skip
    template = one.templates.allocate(vm_attributes(about))
    for kind, oid in ((one.networks, network), (one.images, image), (one.templates, template)):
        kind.chown(oid, gid=group)
        kind.chmod(oid, "um-u-----")
    return Ids(user, group, image, network, template)


def place(double: OnedDouble, etc: Path, **more: object) -> Place:
    """How DIRAC reaches the double."""
    values = {
        "site": "CLOUD.Torino.it", "title": "B2CT-Torino", "ce": CE, "vo": "belle",
        "url": double.url, "user": "dirac", "etc": str(etc), **more,
    }  # fmt: skip
    return Place(**values)  # type: ignore[arg-type]


def configuration(described: Site, where: Place, folder: Path) -> Path:
    """What `b2ct dirac config` writes."""
    workers = described.described_workers.items()
    queues = {
        name: Queue(name, worker, Capacity(20, "the test"), "EL9") for name, worker in workers
    }
    (folder / "cloud.auth").write_text(cloudauth.text(CE, where.user, PASSWORD))
    path = folder / "resources.cfg"
    text = cfg.render(resources.resources(where, queues))
    # So that a test need not wait long for a cloud that is away.
    path.write_text(text.replace("Driver_host =", "Driver_timeout = 2\nDriver_host ="))
    return path
