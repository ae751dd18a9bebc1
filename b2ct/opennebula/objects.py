"""What the server answers, as frozen objects. One parser for single objects and for pools.

Follows the schemas of share/doc/xsd in the public sources; an element that an older or newer
server does not send reads as zero or empty.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Self, TypeVar

from b2ct.opennebula import xml
from b2ct.opennebula.quotas import Quotas
from b2ct.opennebula.states import (
    LCM_RUNNING,
    DatastoreType,
    HostState,
    ImageState,
    ImageType,
    NetState,
    VmState,
    lcm_name,
)
from b2ct.opennebula.text import Attributes, Vector
from b2ct.opennebula.xml import Element

T = TypeVar("T", bound="Named")


@dataclass(frozen=True, kw_only=True)
class Named:
    """What every object has."""

    id: int
    name: str
    template: Attributes = field(default_factory=Attributes)
    """The object's own attributes; `repr` shows their names only."""

    @classmethod
    def parse(cls, element: Element) -> Self:
        """From the object's XML element."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Owned(Named):
    """What has an owner, a group and permissions."""

    uid: int = 0
    gid: int = 0
    owner: str = ""
    group: str = ""
    permissions: str = ""
    """Nine characters as `ls` has them, with u, m, a: `um-u-----`; empty in pools of VMs."""
    locked_by: int | None = None
    """LOCK level that somebody set, None without a lock."""


@dataclass(frozen=True, kw_only=True)
class Image(Owned):
    """An image."""

    state: ImageState
    type: ImageType
    size: int
    """MB (virtual)."""
    datastore_id: int
    datastore: str
    persistent: bool
    path: str
    source: str
    format: str
    running_vms: int
    vms: tuple[int, ...]
    clones: tuple[int, ...]
    registered: int
    """Seconds since 1970."""

    @property
    def error(self) -> str:
        """Why it is in ERROR, as the server says; may hold paths and URLs."""
        return self.template.text("ERROR")

    @classmethod
    def parse(cls, element: Element) -> Self:
        """From `<IMAGE>`."""
        e = element
        return cls(
            **_owned(e),
            state=ImageState(xml.integer(e, "STATE")), type=ImageType(xml.integer(e, "TYPE")),
            size=xml.integer(e, "SIZE"), datastore_id=xml.integer(e, "DATASTORE_ID", -1),
            datastore=xml.text(e, "DATASTORE"), persistent=xml.flag(e, "PERSISTENT"),
            path=xml.text(e, "PATH"), source=xml.text(e, "SOURCE"),
            format=xml.text(e, "FORMAT") or xml.text(e, "TEMPLATE/DRIVER"),
            running_vms=xml.integer(e, "RUNNING_VMS"), vms=xml.ids(e, "VMS"),
            clones=xml.ids(e, "CLONES"), registered=xml.integer(e, "REGTIME"),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Template(Owned):
    """A VM template."""

    registered: int

    @classmethod
    def parse(cls, element: Element) -> Self:
        """From `<VMTEMPLATE>`."""
        return cls(**_owned(element), registered=xml.integer(element, "REGTIME"))


@dataclass(frozen=True, kw_only=True)
class Vm(Owned):
    """A VM. From a pool without `extended`, CONTEXT and most of the template are missing."""

    state: VmState
    lcm_state: int
    user_template: Attributes
    started: int
    """STIME: when it was created, seconds since 1970."""
    ended: int
    """ETIME, 0 while it lives."""
    deploy_id: str
    host_id: int
    """Where it is or last was; -1 before it was placed."""
    host: str
    running_since: int = 0
    """RSTIME of its last stay on a host, seconds since 1970; 0: it never ran."""
    changed: int = 0
    """The last time that its history or its creation names, seconds since 1970: when it came into
    its state, or earlier where the server does not note that."""

    @property
    def context(self) -> Vector:
        """Its CONTEXT, whole, with secrets: never print it."""
        return self.template.vector("CONTEXT")

    @property
    def disks(self) -> tuple[Vector, ...]:
        """Its DISK vectors."""
        return self.template.vectors("DISK")

    @property
    def nics(self) -> tuple[Vector, ...]:
        """Its NIC vectors."""
        return self.template.vectors("NIC")

    @property
    def addresses(self) -> tuple[str, ...]:
        """Its IPv4 and IPv6 addresses, NIC by NIC."""
        keys = ("IP", "IP6_GLOBAL", "IP6_ULA", "IP6")
        return tuple(nic[key] for nic in self.nics for key in keys if nic.get(key))

    @property
    def image_ids(self) -> tuple[int, ...]:
        """The images that its disks come from."""
        found = (disk.get("IMAGE_ID", "") for disk in self.disks)
        return tuple(int(value) for value in found if value.isdigit())

    @property
    def template_id(self) -> int:
        """The template it was made from, -1 for none (or when a pool does not say)."""
        value = self.template.text("TEMPLATE_ID")
        return int(value) if value.isdigit() else -1

    @property
    def cpu(self) -> float:
        """CPUs that it is given (1.0: one)."""
        return _float(self.template.text("CPU"))

    @property
    def memory(self) -> int:
        """MB that it is given."""
        return int(_float(self.template.text("MEMORY")))

    @property
    def status(self) -> str:
        """STATE, or LCM_STATE while it is ACTIVE: `RUNNING`, `PENDING`, `BOOT_FAILURE`."""
        return lcm_name(self.lcm_state) if self.state is VmState.ACTIVE else self.state.name

    @property
    def running(self) -> bool:
        """It runs."""
        return self.state is VmState.ACTIVE and self.lcm_state == LCM_RUNNING

    @property
    def done(self) -> bool:
        """It is gone."""
        return self.state is VmState.DONE

    @property
    def failed(self) -> bool:
        """It stopped in an error, and somebody has to act."""
        if self.state in (VmState.FAILED, VmState.CLONING_FAILURE):
            return True
        return self.state is VmState.ACTIVE and lcm_name(self.lcm_state).endswith("FAILURE")

    @property
    def error(self) -> str:
        """The last error that the server noted."""
        return self.user_template.text("ERROR")

    @property
    def scheduler_message(self) -> str:
        """Why the scheduler does not place it."""
        return self.user_template.text("SCHED_MESSAGE")

    @classmethod
    def parse(cls, element: Element) -> Self:
        """From `<VM>`."""
        e = element
        history = e.findall("HISTORY_RECORDS/HISTORY")
        last = max(history, key=lambda record: xml.integer(record, "SEQ"), default=None)
        return cls(
            **_owned(e),
            state=VmState(xml.integer(e, "STATE")), lcm_state=xml.integer(e, "LCM_STATE"),
            user_template=xml.attributes(e.find("USER_TEMPLATE")),
            started=xml.integer(e, "STIME"), ended=xml.integer(e, "ETIME"),
            deploy_id=xml.text(e, "DEPLOY_ID"),
            host_id=-1 if last is None else xml.integer(last, "HID", -1),
            host="" if last is None else xml.text(last, "HOSTNAME"),
            running_since=0 if last is None else xml.integer(last, "RSTIME"),
            changed=max(
                xml.integer(e, "STIME"), xml.integer(e, "ETIME"),
                *(xml.integer(one, name) for one in history for name in _TIMES),
            ),
        )  # fmt: skip


_TIMES = ("STIME", "ETIME", "PSTIME", "PETIME", "RSTIME", "RETIME", "ESTIME", "EETIME")


@dataclass(frozen=True)
class Reading:
    """What a hypervisor said of a VM, once."""

    time: int
    """Seconds since 1970, by the front-end's clock."""
    cpu: float | None
    """Percent of one processor that it used; None: not said."""

    @classmethod
    def parse(cls, element: Element) -> Self | None:
        """From `<MONITORING>` (5.12 and later) or `<VM>` (before); None without a time."""
        time = xml.integer(element, "TIMESTAMP") or xml.integer(element, "LAST_POLL")
        cpu = xml.number(element, "CPU", -1)
        if cpu < 0:
            cpu = xml.number(element, "MONITORING/CPU", -1)
        return cls(time, cpu if cpu >= 0 else None) if time > 0 else None


def readings(body: str) -> tuple[Reading, ...]:
    """From the body of one.vm.monitoring, by time."""
    found = (Reading.parse(element) for element in xml.tree(body))
    return tuple(sorted((one for one in found if one), key=lambda one: one.time))


@dataclass(frozen=True, kw_only=True)
class Host(Named):
    """A hypervisor. CPU in percent of one core, memory in KB."""

    state: HostState
    im_mad: str
    vm_mad: str
    cluster_id: int
    cluster: str
    max_cpu: int
    """What may be given to VMs."""
    used_cpu: int
    """What is given to VMs."""
    max_memory: int
    used_memory: int
    running_vms: int
    vms: tuple[int, ...]
    last_seen: int
    """When it last reported, seconds since 1970; 0: never, or the server does not say."""
    free_disk: int = 0
    """MB of its own disk where VMs' disks are, if they are not shared; 0: not known."""

    @property
    def usable(self) -> bool:
        """VMs can be placed on it."""
        return self.state in (HostState.MONITORED, HostState.MONITORING_MONITORED)

    @property
    def disabled(self) -> bool:
        """An administrator took it out."""
        states = (HostState.DISABLED, HostState.MONITORING_DISABLED, HostState.OFFLINE)
        return self.state in states

    @property
    def error(self) -> str:
        """What its monitoring complains of."""
        return self.template.text("ERROR")

    @classmethod
    def parse(cls, element: Element) -> Self:
        """From `<HOST>`."""
        e, share = element, "HOST_SHARE/"
        return cls(
            **_named(e),
            state=HostState(xml.integer(e, "STATE")), im_mad=xml.text(e, "IM_MAD"),
            vm_mad=xml.text(e, "VM_MAD"), cluster_id=xml.integer(e, "CLUSTER_ID", -1),
            cluster=xml.text(e, "CLUSTER"), max_cpu=xml.integer(e, share + "MAX_CPU"),
            used_cpu=xml.integer(e, share + "CPU_USAGE"),
            max_memory=xml.integer(e, share + "MAX_MEM"),
            used_memory=xml.integer(e, share + "MEM_USAGE"),
            running_vms=xml.integer(e, share + "RUNNING_VMS"), vms=xml.ids(e, "VMS"),
            last_seen=xml.integer(e, "MONITORING/TIMESTAMP") or xml.integer(e, "LAST_MON_TIME"),
            free_disk=(
                xml.integer(e, share + "DATASTORES/FREE_DISK")
                or xml.integer(e, share + "FREE_DISK")  # before 5.12
            ),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Datastore(Owned):
    """A datastore; sizes in MB."""

    type: DatastoreType
    ds_mad: str
    tm_mad: str
    base_path: str
    enabled: bool
    clusters: tuple[int, ...]
    total: int
    free: int
    used: int
    images: tuple[int, ...]

    @property
    def measured(self) -> bool:
        """The server has looked how much room there is (it has not just after its start)."""
        return self.total > 0

    @classmethod
    def parse(cls, element: Element) -> Self:
        """From `<DATASTORE>`."""
        e = element
        return cls(
            **_owned(e),
            type=DatastoreType(xml.integer(e, "TYPE")), ds_mad=xml.text(e, "DS_MAD"),
            tm_mad=xml.text(e, "TM_MAD"), base_path=xml.text(e, "BASE_PATH"),
            enabled=xml.integer(e, "STATE") == 0, clusters=_clusters(e),
            total=xml.integer(e, "TOTAL_MB"), free=xml.integer(e, "FREE_MB"),
            used=xml.integer(e, "USED_MB"), images=xml.ids(e, "IMAGES"),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Lease:
    """An address that is given out; -1 where it does not belong to such an object."""

    ip: str
    mac: str
    vm: int = -1
    net: int = -1
    router: int = -1


@dataclass(frozen=True, kw_only=True)
class AddressRange:
    """An address range of a virtual network."""

    id: int
    type: str
    ip: str
    ip_end: str
    mac: str
    size: int
    used: int
    leases: tuple[Lease, ...]
    attributes: Vector
    """Every attribute of it as the server has it."""

    @classmethod
    def parse(cls, element: Element) -> Self:
        """From `<AR>`."""
        e = element
        return cls(
            id=xml.integer(e, "AR_ID", -1), type=xml.text(e, "TYPE"), ip=xml.text(e, "IP"),
            ip_end=xml.text(e, "IP_END"), mac=xml.text(e, "MAC"), size=xml.integer(e, "SIZE"),
            used=xml.integer(e, "USED_LEASES"),
            leases=tuple(_lease(one) for one in e.iterfind("LEASES/LEASE")),
            attributes=MappingProxyType({one.tag: one.text or "" for one in e if not len(one)}),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class VirtualNetwork(Owned):
    """A virtual network."""

    state: NetState
    bridge: str
    vn_mad: str
    phydev: str
    vlan_id: str
    clusters: tuple[int, ...]
    used_leases: int
    ranges: tuple[AddressRange, ...]

    @property
    def size(self) -> int:
        """Addresses in all its ranges."""
        return sum(one.size for one in self.ranges)

    @classmethod
    def parse(cls, element: Element) -> Self:
        """From `<VNET>`."""
        e = element
        return cls(
            **_owned(e),
            state=NetState(xml.integer(e, "STATE", NetState.READY)),
            bridge=xml.text(e, "BRIDGE"), vn_mad=xml.text(e, "VN_MAD"),
            phydev=xml.text(e, "PHYDEV"), vlan_id=xml.text(e, "VLAN_ID"), clusters=_clusters(e),
            used_leases=xml.integer(e, "USED_LEASES"),
            ranges=tuple(AddressRange.parse(one) for one in e.iterfind("AR_POOL/AR")),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Cluster(Named):
    """A cluster and what is in it."""

    hosts: tuple[int, ...]
    datastores: tuple[int, ...]
    networks: tuple[int, ...]

    @classmethod
    def parse(cls, element: Element) -> Self:
        """From `<CLUSTER>`."""
        e = element
        return cls(
            **_named(e), hosts=xml.ids(e, "HOSTS"), datastores=xml.ids(e, "DATASTORES"),
            networks=xml.ids(e, "VNETS"),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class User(Named):
    """A user. The hash of the password and the login tokens are dropped when it is read."""

    gid: int
    group: str
    groups: tuple[int, ...]
    auth_driver: str
    enabled: bool
    quotas: Quotas

    @classmethod
    def parse(cls, element: Element) -> Self:
        """From `<USER>`."""
        e = element
        named = _named(e)
        named["template"] = named["template"].without("TOKEN_PASSWORD")
        return cls(
            **named, gid=xml.integer(e, "GID"), group=xml.text(e, "GNAME"),
            groups=xml.ids(e, "GROUPS"), auth_driver=xml.text(e, "AUTH_DRIVER"),
            enabled=xml.flag(e, "ENABLED"), quotas=Quotas.parse(e),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Group(Named):
    """A group of users."""

    users: tuple[int, ...]
    admins: tuple[int, ...]
    quotas: Quotas

    @classmethod
    def parse(cls, element: Element) -> Self:
        """From `<GROUP>`."""
        e = element
        return cls(
            **_named(e), users=xml.ids(e, "USERS"), admins=xml.ids(e, "ADMINS"),
            quotas=Quotas.parse(e),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class SecurityGroup(Owned):
    """A security group; its rules are the RULE vectors."""

    @property
    def rules(self) -> tuple[Vector, ...]:
        """Its RULE vectors."""
        return self.template.vectors("RULE")

    @classmethod
    def parse(cls, element: Element) -> Self:
        """From `<SECURITY_GROUP>`."""
        return cls(**_owned(element))


def one(body: str, parse: Callable[[Element], T]) -> T:
    """The object in the body of an `info` answer."""
    return parse(xml.tree(body))


def pool(body: str, parse: Callable[[Element], T], tag: str) -> tuple[T, ...]:
    """The objects of a pool's body, by ID. Quotas that stand apart are put back to their owners."""
    root = xml.tree(body)
    apart = {xml.integer(q, "ID"): q for q in root.iterfind("QUOTAS")}
    found = []
    for element in root.iterfind(tag):
        if (quotas := apart.get(xml.integer(element, "ID"))) is not None:
            element.extend(child for child in quotas if child.tag != "ID")
        found.append(parse(element))
    return tuple(sorted(found, key=lambda item: item.id))


_Fields = dict[str, Any]  # keyword arguments of a dataclass, whose fields mypy knows
_MARKS = {"U": "u", "M": "m", "A": "a"}


def _named(element: Element) -> _Fields:
    return {
        "id": xml.integer(element, "ID", -1),
        "name": (element.findtext("NAME") or ""),
        "template": xml.attributes(element.find("TEMPLATE")),
    }


def _owned(element: Element) -> _Fields:
    e, lock = element, element.find("LOCK/LOCKED")
    permissions = "".join(
        mark if xml.flag(e, f"PERMISSIONS/{who}_{what}") else "-"
        for who in ("OWNER", "GROUP", "OTHER")
        for what, mark in _MARKS.items()
        if e.find("PERMISSIONS") is not None
    )
    return {
        **_named(e), "uid": xml.integer(e, "UID"), "gid": xml.integer(e, "GID"),
        "owner": xml.text(e, "UNAME"), "group": xml.text(e, "GNAME"), "permissions": permissions,
        "locked_by": xml.integer(e, "LOCK/LOCKED") if lock is not None else None,
    }  # fmt: skip


def _clusters(element: Element) -> tuple[int, ...]:
    """From 5.0 an object may be in several; before, in one."""
    return xml.ids(element, "CLUSTERS") or tuple(
        int(one.text) for one in element.iterfind("CLUSTER_ID") if one.text and one.text.isdigit()
    )


def _lease(element: Element) -> Lease:
    e = element
    return Lease(
        ip=xml.text(e, "IP") or xml.text(e, "IP6"), mac=xml.text(e, "MAC"),
        vm=xml.integer(e, "VM", -1), net=xml.integer(e, "VNET", -1),
        router=xml.integer(e, "VROUTER", -1),
    )  # fmt: skip


def _float(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return 0.0
