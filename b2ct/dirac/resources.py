"""The Resources section of a site for DIRAC, and what its administrator is to do. Pure.

The names are those that DIRAC 9.1 reads: CloudComputingElement, ComputingElement, and
WorkloadManagementSystem/Utilities/QueueUtilities.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from b2ct.core.errors import B2ctError
from b2ct.dirac.capacity import Capacity
from b2ct.dirac.cfg import Section
from b2ct.one.endpoint import PORT
from b2ct.site.model import Site
from b2ct.site.workers import MIB, Worker

DRIVER = "b2ct.dirac.driver.OpenNebulaNodeDriver"
STOCK = "DIRAC.Resources.Computing.CloudProviders.OpenNebula.OpenNebula_6_0_NodeDriver"
"""DIRAC's own, which needs the site's gateway to see and end VMs."""
GRID = "CLOUD"
SI00_OF_HS06 = 250
"""DIRAC counts a processor in SI00; one HS06 is 250 of them."""
HS06 = 10.0
"""Of a processor that site.yaml says nothing of."""
MOST_WAITING = 5
"""VMs that DIRAC starts in one cycle: it cannot see how many still wait."""
OWN_IMAGE = "template"
_NAME = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z]{2,}")


@dataclass(frozen=True)
class Queue:
    """A worker as DIRAC sees it."""

    name: str
    worker: Worker
    capacity: Capacity
    os: str
    """As DIRAC calls it: EL9."""
    template_id: int = -1
    """-1: not known."""
    image: str = ""
    """Name of the template's image; empty: not known."""

    @property
    def minutes(self) -> int:
        """How long a VM of it lives."""
        return self.worker.lifetime // 60

    @property
    def si00(self) -> int:
        """Of one processor."""
        return round((self.worker.hs06 or HS06) * SI00_OF_HS06)


@dataclass(frozen=True)
class Place:
    """How a DIRAC server reaches this cloud."""

    site: str
    """DIRAC's name: CLOUD.Torino.it."""
    title: str
    ce: str
    vo: str
    url: str
    user: str
    etc: str
    """The folder on the DIRAC server where cloud.auth is."""
    ca_file: str = ""
    cloudinit: bool = False
    """Our cloudinit.template lies beside cloud.auth."""
    gateway: bool = False
    """`url` is that of the site's gateway."""
    stock: bool = False
    """DIRAC's own driver is used: B2CT is not installed on the DIRAC server."""


def site_name(site: Site, wanted: str | None) -> str:
    """DIRAC's name of the site: three words. Raises B2ctError where none can be made of it."""
    wanted = wanted or (site.cloud.dirac.site if site.cloud.dirac else None)
    domain = str(site.site.domain or "")
    country = domain.rpartition(".")[2]
    name = wanted or f"{GRID}.{site.site.name}.{country}"
    if not _NAME.fullmatch(name) or (not wanted and len(country) != 2):
        what = f"{wanted!r} is no name" if wanted else "site.yaml gives no name"
        raise B2ctError(
            f"{what} of a site for DIRAC: it has three words, as CLOUD.Torino.it",
            hint="say `cloud: {dirac: {site: CLOUD.Torino.it}}` in site.yaml, or give --name",
        )
    return name


def ce_name(site: Site, url: str) -> str:
    """The cloud's host name; for the bare address of a node, that node's name."""
    host = urlsplit(url).hostname or ""
    node = next((node for node in site.nodes if node.address == host), None)
    return f"{node.name}.{site.site.domain}" if node and site.site.domain else host


def resources(place: Place, queues: Mapping[str, Queue]) -> Section:
    """The section to paste at the top of DIRAC's configuration."""
    ce: dict[str, str | Section] = {
        "CEType": "Cloud",
        "CloudType": STOCK if place.stock else DRIVER,
        "CloudAuth": f"{place.etc}/cloud.auth",
        **_driver(place),
        **({} if place.stock else {"Instance_Image": OWN_IMAGE}),
        **({"Context_Template": f"{place.etc}/b2ct-cloudinit.template"} if place.cloudinit else {}),
        # Clean-up looks at the VMs of all queues of a CE: the longest life counts for each.
        "Context_MaxLifetime": str(max(queue.worker.lifetime for queue in queues.values())),
        "architecture": "x86_64",
        **_os(queues),
        "VO": place.vo,
        "Queues": {
            name: _queue(queue, many=_mixed(queues), stock=place.stock)
            for name, queue in queues.items()
        },
    }
    site: Section = {"Name": place.title, "CE": place.ce, "VO": place.vo, "CEs": {place.ce: ce}}
    return _wrapped(place, site)


def legacy(place: Place, queues: Mapping[str, Queue], password: str) -> Section:
    """The same for VMDIRAC. Raises B2ctError where a template's ID is not known."""
    types: dict[str, Section] = {}
    for name, queue in queues.items():
        if queue.template_id < 0:
            raise B2ctError(
                f"VMDIRAC wants the ID of the template {name!r}, and the cloud was not asked",
                hint="run this where the cloud can be reached, with --auth for its password",
            )
        types[name] = {"TemplateID": str(queue.template_id), "Platform": f"x86_64_{queue.os}"}
    endpoint: Section = {
        "CEType": "OpenNebula",
        "EndpointUrl": place.url,
        "User": place.user,
        "Password": password,
        "MaxInstances": str(max(queue.capacity.vms for queue in queues.values())),
        "VMTypes": types,
    }
    return _wrapped(place, {"Name": place.title, "VO": place.vo, "Cloud": {place.ce: endpoint}})


def notes(place: Place, queues: Mapping[str, Queue], *, legacy: bool = False) -> tuple[str, ...]:
    """What was taken because nothing says it, and what is not as it should be."""
    said = []
    for name, queue in queues.items():
        said.append(f"{name}: at most {queue.capacity.vms} VMs, by {queue.capacity.source}")
        if queue.worker.hs06 is None and not legacy:
            said.append(f"{name}: no hs06 in site.yaml: a processor is taken for {HS06:g} HS06")
    if len(queues) > 1 and not legacy:
        said.append("DIRAC counts the VMs of all queues of a CE against the limit of each")
    if _mixed(queues) and not legacy:
        said.append(
            "the workers have several distributions: each queue names its Platform, which is to be "
            "among those of Resources/Computing/OSCompatibility"
        )
    if place.gateway:
        said.append("DIRAC comes through the gateway of the site (docs/gateway.md)")
    if place.stock:
        said.append(
            "DIRAC's own driver does not end VMs that are too old: the site's reaper does "
            "(docs/reaper.md)"
        )
        said += [
            f"{name}: Instance_Image is taken to be {queue.worker.image}, as the cloud was not "
            "asked: it is to be the name of an image that DIRAC's user can see"
            for name, queue in queues.items() if not queue.image
        ]  # fmt: skip
    if _private(urlsplit(place.url).hostname or ""):
        said.append(
            f"{place.url} is a private address: give the one that DIRAC can reach with --endpoint"
        )
    if urlsplit(place.url).scheme == "http":
        said.append(
            f"{place.url} is not encrypted: the password crosses the network in the clear; "
            "use the site's gateway (docs/gateway.md), or give the address of a TLS proxy with "
            "--endpoint"
        )
    if not place.cloudinit and not legacy:
        said.append(
            "DIRAC's own cloudinit.template is used, which installs CVMFS from the network at each "
            "start; -o FOLDER also writes one for B2CT's images"
        )
    return tuple(said)


def steps(place: Place, queues: Iterable[str]) -> tuple[str, ...]:
    """What the DIRAC administrator does, in order."""
    return (
        *([] if place.stock else [
            "On the host of the SiteDirector, in DIRAC's own Python (source its bashrc first): "
            "pip install 'b2ct[dirac]'."
        ]),
        _put(place),
        _test(place, queues),
        "Put resources.cfg into the configuration: dirac-configuration-cli, then `mergeFromFile "
        "resources.cfg` and `writeToServer`; or by the web Configuration Manager.",
        f"Let a SiteDirector serve it: CETypes = Cloud and VO = {place.vo} in its options, and "
        f"Site = {place.site} where it has a list of sites. Restart it.",
        f"Allow the site: dirac-admin-allow-site {place.site} 'new cloud'.",
        f"Watch: the SiteDirector's log names the CE {place.ce}; on the cloud, `onevm list` shows "
        "VMs called VMDIRAC3_... as soon as there are jobs.",
    )  # fmt: skip


def _put(place: Place) -> str:
    more = [place.ca_file.rpartition("/")[2]] if place.ca_file else []
    more += ["b2ct-cloudinit.template"] if place.cloudinit else []
    beside = f"; {' and '.join(more)} beside it" if more else ""
    trust = (
        f" Let the SiteDirector trust it: SSL_CERT_FILE={place.ca_file} in its environment."
        if place.ca_file and place.stock else ""
    )  # fmt: skip
    return (
        f"Put cloud.auth there as {place.etc}/cloud.auth, readable for DIRAC's user alone (mode "
        f"600){beside}. If there is a cloud.auth already, add the section [{place.ce}] to it."
        + trust
    )


def _test(place: Place, queues: Iterable[str]) -> str:
    words = [f"--endpoint {place.url}", f"--cloud-auth {place.etc}/cloud.auth", f"--ce {place.ce}"]
    words += [f"--ca-file {place.ca_file}"] if place.ca_file else []
    words += [f"--template {name}" for name in queues]
    where = (
        "Test it from a machine that has B2CT and that the gateway lets in"
        if place.stock else "Test it there, as DIRAC's user"
    )  # fmt: skip
    return f"{where}: b2ct dirac check {' '.join(words)}"


def legacy_steps(place: Place) -> tuple[str, ...]:
    """The same for VMDIRAC."""
    return (
        "Paste the section into the configuration of a DIRAC with VMDIRAC. The password is in it: "
        "keep the file from others, and let only administrators read that section.",
        f"Name {place.site} and its VM types in VMDIRAC's own configuration for the VO {place.vo}.",
        "The site's gateway carries out VMDIRAC's stopVM, whose `delete` OpenNebula no longer has."
        if place.gateway else
        "VMDIRAC's stopVM sends `delete`, which OpenNebula has not since 5.0: without the site's "
        "gateway (docs/gateway.md), VMs end by their own idle rule (docs/context.md) and the "
        "site's reaper (docs/reaper.md), and not by DIRAC.",
    )  # fmt: skip


def _private(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False


def _wrapped(place: Place, site: Section) -> Section:
    grid = place.site.partition(".")[0]
    return {"Resources": {"Sites": {grid: {place.site: site}}}}


def _driver(place: Place) -> dict[str, str]:
    parts = urlsplit(place.url)
    secure = parts.scheme == "https"
    path = {"Driver_path": parts.path} if parts.path not in ("", "/", "/RPC2") else {}
    return {
        "Driver_host": parts.hostname or "",
        "Driver_port": str(parts.port or (443 if secure else PORT)),
        "Driver_secure": str(secure),
        **path,
        **({"Driver_ca_file": place.ca_file} if place.ca_file and not place.stock else {}),
        **({"Driver_gateway": "True"} if place.gateway and not place.stock else {}),
    }


def _mixed(queues: Mapping[str, Queue]) -> bool:
    """Not all workers have the same distribution."""
    return len({queue.os for queue in queues.values()}) > 1


def _os(queues: Mapping[str, Queue]) -> dict[str, str]:
    """DIRAC makes a platform of the CE's OS and its own OSCompatibility; a queue's is not read."""
    return {} if _mixed(queues) else {"OS": next(iter(queues.values())).os}


def _queue(queue: Queue, *, many: bool, stock: bool) -> Section:
    worker = queue.worker
    platform = {"Platform": f"x86_64_{queue.os}"} if many else {}
    several = {"LocalCEType": "Pool", "Tag": "MultiProcessor"} if worker.vcpu > 1 else {}
    return {
        "Instance_Flavor": f"name:{queue.name}",
        # DIRAC's own driver asks for one that is there, and then starts what the template names.
        **({"Instance_Image": f"name:{queue.image or worker.image}"} if stock else {}),
        "maxCPUTime": str(queue.minutes),
        "SI00": str(queue.si00),
        "MaxTotalJobs": str(queue.capacity.vms),
        "MaxWaitingJobs": str(max(1, min(MOST_WAITING, queue.capacity.vms))),
        "NumberOfProcessors": str(worker.vcpu),
        "MaxRAM": str(worker.memory // MIB),
        **platform,
        **several,
    }
