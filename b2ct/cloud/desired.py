"""The cloud that site.yaml describes, in the words by which it is compared. Pure.

A field is an attribute of OpenNebula (upper case) or something that is not one (lower case, such
as the cluster). References are names here; they become IDs when they are carried out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from types import MappingProxyType

from b2ct.context.model import VmContext
from b2ct.core.errors import B2ctError
from b2ct.one.text import Vector
from b2ct.one.versions import Dialect, other_line
from b2ct.site import catalogue
from b2ct.site.catalogue import Role
from b2ct.site.cloud import Dirac, Quota, SecurityRule
from b2ct.site.model import Ceph, Lvm, Network, Nfs, Site
from b2ct.site.workers import MIB

DEFAULT = "default"
"""OpenNebula's own cluster and security group."""
NONE = "none"
"""A quota without a limit of its own."""
Fields = Mapping[str, str]


@dataclass(frozen=True)
class Wanted:
    """An object as it shall be."""

    kind: str
    name: str
    fields: Fields = field(default_factory=lambda: MappingProxyType({}))
    oid: int | None = None
    """Of one that every OpenNebula has; None: it is found by its name."""
    vectors: tuple[Vector, ...] = ()
    """RULE vectors of a security group."""

    @property
    def key(self) -> tuple[str, str]:
        """Kind and name."""
        return self.kind, self.name


@dataclass(frozen=True)
class WantedRule:
    """An ACL rule for a user. `which`: kind and name of what it is about; None: everything."""

    user: str
    resources: str
    rights: str
    which: tuple[str, str] | None = None

    @property
    def name(self) -> str:
        """For people."""
        what = f" {self.which[0]} {self.which[1]}" if self.which else ""
        return f"{self.user}: {self.rights} {self.resources}{what}"


@dataclass(frozen=True)
class Worker:
    """A worker whose VM template shall be there."""

    name: str
    image: str
    """The name under which its image is registered, when no template says another."""
    context: VmContext | B2ctError
    """Or why there is none."""


@dataclass(frozen=True)
class Desired:
    """All that shall be there."""

    site: Site
    objects: tuple[Wanted, ...]
    """In the order in which they depend on each other."""
    rules: tuple[WantedRule, ...] = ()
    workers: tuple[Worker, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The site's name, by which B2CT knows its objects."""
        return self.site.site.name


def desired(site: Site, dialect: Dialect, contexts: Mapping[str, VmContext | B2ctError]) -> Desired:
    """The cloud of a site, for a server of that version.

    `contexts`: what the VMs of each worker are told, or why that cannot be said.
    """
    cloud = site.cloud
    users = [_user(cloud.dirac)] if cloud.dirac else []
    groups = dict.fromkeys((*cloud.groups, *([cloud.dirac.group] if cloud.dirac else [])))
    cluster = cloud.cluster or DEFAULT
    return Desired(
        site,
        (
            *(Wanted("group", name) for name in groups),
            *_datastores(site, dialect),
            *_cluster(site),
            *(
                Wanted("host", node.name, _frozen(cluster=cluster, driver=cloud.driver))
                for node in site.with_role(Role.HYPERVISOR, Role.SINGLE)
            ),
            *_security_groups(site),
            *(_network(site, name, net, cluster) for name, net in _giving(site)),
            *users,
        ),
        tuple(_rules(site)),
        tuple(Worker(n, w.image, contexts[n]) for n, w in site.described_workers.items()),
        tuple(_notes(site, dialect)),
    )


def _frozen(**fields: str) -> Fields:
    return MappingProxyType({name.replace("_", " "): text for name, text in fields.items()})


def _giving(site: Site) -> Iterator[tuple[str, Network]]:
    """The networks that VMs can be on."""
    for name, network in site.networks.items():
        if network.vm_range and network.bridge:
            yield name, network


def _notes(site: Site, dialect: Dialect) -> Iterator[str]:
    for name, network in site.networks.items():
        if network.vm_range and not network.bridge:
            yield f"network {name} is not made: it has a `vm_range` but no `bridge` for VMs"
    if other := other_line(site.opennebula_version, dialect.server):
        yield other


def _hypervisors(site: Site) -> str:
    return " ".join(node.name for node in site.with_role(Role.HYPERVISOR, Role.SINGLE))


def drivers(site: Site, dialect: Dialect) -> tuple[dict[str, str], dict[str, str]]:
    """Attributes of the system and of the image datastores, as kickstart/datastores sets them."""
    storage, row = site.storage, catalogue.opennebula(site.opennebula_version)
    system: dict[str, str]
    image: dict[str, str]
    if isinstance(storage, Nfs):
        system = image = {"TM_MAD": storage.mode}
    elif isinstance(storage, Lvm):
        blocks = {"DISK_TYPE": "BLOCK", "BRIDGE_LIST": _hypervisors(site)}
        system = image = {"TM_MAD": row.lvm_driver, **blocks}
    elif isinstance(storage, Ceph):
        image = {
            "DS_MAD": "ceph", "TM_MAD": "ceph", "DISK_TYPE": "RBD", "POOL_NAME": storage.pool,
            "CEPH_HOST": " ".join(storage.monitors), "CEPH_USER": storage.user,
            "CEPH_SECRET": storage.secret_uuid, "BRIDGE_LIST": _hypervisors(site),
        }  # fmt: skip
        system = {k: v for k, v in image.items() if k != "DS_MAD"}
        if not row.ceph_system:
            system = {"TM_MAD": dialect.ssh_driver}
    else:
        system = image = {"TM_MAD": dialect.ssh_driver}
    return system, {"DS_MAD": "fs", **image}


def _datastores(site: Site, dialect: Dialect) -> Iterator[Wanted]:
    system, image = drivers(site, dialect)
    number = site.storage.system_datastore if isinstance(site.storage, Lvm) else 0
    yield Wanted("datastore", "system", MappingProxyType(system), oid=number)
    yield Wanted("datastore", "default", MappingProxyType(image), oid=1)
    for name, described in site.cloud.datastores.items():
        fields = {"TYPE": "SYSTEM_DS", **system}
        if described.kind == "image":
            fields = {"TYPE": "IMAGE_DS", **image}
        yield Wanted("datastore", name, MappingProxyType(fields))


def _cluster(site: Site) -> Iterator[Wanted]:
    if site.cloud.cluster:
        names = sorted(("system", "default", *site.cloud.datastores))
        yield Wanted("cluster", site.cloud.cluster, _frozen(datastores=", ".join(names)))


def _guards(site: Site, network: str) -> list[str]:
    """The security groups of a network."""
    return sorted(
        name
        for name, group in site.cloud.security_groups.items()
        if not group.networks or network in group.networks
    )


def _network(site: Site, name: str, network: Network, cluster: str) -> Wanted:
    guards = _guards(site, name)
    vms = network.vm_range
    assert vms  # noqa: S101 - _giving has seen to it
    cidr = network.cidr
    return Wanted(
        "network",
        name,
        MappingProxyType(
            {
                # Of the two drivers for a bridge that is there, only fw heeds security groups.
                "VN_MAD": "fw" if guards else "bridge",
                "BRIDGE": network.bridge or "",
                "NETWORK_ADDRESS": str(cidr.network_address) if cidr else "",
                "NETWORK_MASK": str(cidr.netmask) if cidr else "",
                "GATEWAY": str(network.gateway or ""),
                "DNS": " ".join(map(str, network.dns)),
                "GUEST_MTU": str(network.mtu or ""),
                "security groups": ", ".join(guards) or DEFAULT,
                "cluster": cluster,
                "range": f"{vms.first} to {vms.last}",
            }
        ),
    )


def range_of(text: str) -> tuple[str, int]:
    """`10.0.0.10 to 10.0.0.19` -> (`10.0.0.10`, 10)."""
    first, _, last = text.partition(" to ")
    return first, int(IPv4Address(last)) - int(IPv4Address(first)) + 1


def _security_groups(site: Site) -> Iterator[Wanted]:
    for name, group in site.cloud.security_groups.items():
        vectors = tuple(vector for rule in group.rules for vector in _vectors(rule))
        fields = {
            "DESCRIPTION": group.description or "",
            "rules": "; ".join(sorted({rule_text(vector) for vector in vectors})),
        }
        yield Wanted("security group", name, MappingProxyType(fields), vectors=vectors)


def _vectors(rule: SecurityRule) -> Iterator[Vector]:
    made = {"PROTOCOL": rule.protocol.upper(), "RULE_TYPE": rule.direction}
    if rule.network:
        made |= {"IP": str(rule.network.network_address), "SIZE": str(rule.network.num_addresses)}
    for ports in rule.port_lists:
        yield MappingProxyType({**made, "RANGE": ports})
    if not rule.ports:
        yield MappingProxyType(made)


def rule_text(vector: Vector) -> str:
    """A RULE of a security group, for people and to compare."""
    known = ("RULE_TYPE", "PROTOCOL", "RANGE", "IP", "SIZE")
    words = [vector.get("RULE_TYPE", "").lower(), vector.get("PROTOCOL", "").lower()]
    words += [vector["RANGE"]] if vector.get("RANGE") else []
    if vector.get("IP"):
        words.append(f"{vector['IP']} + {vector.get('SIZE', '1')}")
    words += [f"{key}={value}" for key, value in sorted(vector.items()) if key not in known]
    return " ".join(words)


def _user(dirac: Dirac) -> Wanted:
    fields = {"group": dirac.group, **quota_fields(dirac.quota)}
    return Wanted("user", dirac.user, MappingProxyType(fields))


def quota_fields(quota: Quota) -> dict[str, str]:
    """Limits by their names in VM quotas; memory and disks in MB, as OpenNebula has them."""
    limits = {
        "VMS": quota.vms, "CPU": quota.cpu,
        "MEMORY": None if quota.memory is None else quota.memory // MIB,
        "SYSTEM_DISK_SIZE": None if quota.disk is None else quota.disk // MIB,
    }  # fmt: skip
    return {name: NONE if limit is None else f"{limit:.12g}" for name, limit in limits.items()}


def _rules(site: Site) -> Iterator[WantedRule]:
    """What DIRAC needs; hosts and datastores are allowed by the server's default VDC already."""
    dirac = site.cloud.dirac
    if not dirac:
        return
    # A template that is instantiated with attributes besides its own counts as a new one.
    yield WantedRule(dirac.user, "VM+TEMPLATE", "CREATE")
    # Of the administrators' own, so that a new version of an image needs no new rule.
    yield WantedRule(dirac.user, "IMAGE+TEMPLATE", "USE", ("group", ADMINISTRATORS))
    used = {n for w in site.described_workers.values() for n in site.networks_of(w)}
    networks = [name for name, _ in _giving(site) if name in used]
    for guard in dict.fromkeys(guard for name in networks for guard in _guards(site, name)):
        yield WantedRule(dirac.user, "SECGROUP", "USE", ("security group", guard))
    for name in networks:
        yield WantedRule(dirac.user, "NET", "USE", ("network", name))


ADMINISTRATORS = "the administrators' group"
"""Stands for the group of the user who applies."""
