"""A site, and a cloud as B2CT makes it for DIRAC, on the double of oned."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from b2ct.cloud.vmtemplates import WorkerAbout, vm_attributes
from b2ct.context.worker import for_worker
from b2ct.one.acl import AclRule
from b2ct.one.client import Client
from b2ct.one.endpoint import Endpoint
from b2ct.one.states import NetState
from b2ct.one.text import Attributes
from b2ct.rehearsal.oned import Clock, OnedDouble
from b2ct.site.load import load
from b2ct.site.model import Site

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
    for name in ("hv1", "hv2"):
        double.add_host(name, cores=8, memory_gb=32)
    return make(admin(double), described, double.until)


def make(one: Client, described: Site, until: Callable[[Callable[[], bool]], None]) -> Ids:
    """The same on any server, but for the hypervisors; `until` lets its time pass."""
    assert described.cloud.dirac is not None
    (worker,) = described.described_workers
    (net,) = described.networks
    name = described.cloud.dirac.user
    group = one.groups.allocate(name)
    user = one.users.allocate(name, PASSWORD, groups=[group])
    one.acls.add(AclRule.of(f"@{group} VM+TEMPLATE/* CREATE *"))
    span = {"TYPE": "IP4", "IP": "10.0.0.100", "SIZE": "50"}
    network = one.networks.allocate(
        Attributes.of({"NAME": net, "VN_MAD": "bridge", "BRIDGE": "br0", "AR": span})
    )
    disk = f"{worker.removesuffix('b2ct-worker')}el9-worker"
    image = one.images.allocate(Attributes.of({"NAME": disk, "TYPE": "DATABLOCK", "SIZE": "10"}), 1)
    until(lambda: one.images.get(image).state.usable)
    until(lambda: one.networks.get(network).state is NetState.READY)
    about = WorkerAbout(
        described, worker, for_worker(described, worker), disk, disk, one.me.name,
        network_owners={net: one.me.name},
    )  # fmt: skip
    template = one.templates.allocate(vm_attributes(about))
    for kind, oid in ((one.networks, network), (one.images, image), (one.templates, template)):
        kind.chown(oid, gid=group)
        kind.chmod(oid, "um-u-----")
    return Ids(user, group, image, network, template)


def text(prefix: str, lifetime: int) -> str:
    """A site.yaml whose objects have names of their own on a server that is shared."""
    return (
        SITE.replace("vms:\n    cidr", f"{prefix}vms:\n    cidr")
        .replace("network: vms", f"network: {prefix}vms")
        .replace("user: dirac", f"user: {prefix}dirac")
        .replace("b2ct-worker", f"{prefix}b2ct-worker")
        .replace("lifetime: 3 d", f"disk: 5 GiB, cvmfs: {{quota: 1 GiB}}, lifetime: {lifetime} s")
    )
