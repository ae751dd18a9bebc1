"""A virtual machine: its data and the three ways in which oned writes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from b2ct.rehearsal.oned import xmlwriter
from b2ct.rehearsal.oned.entities import Owned, Pool
from b2ct.rehearsal.oned.quotas import Usage
from b2ct.rehearsal.oned.states import Lcm, VmState
from b2ct.rehearsal.oned.template import Template


@dataclass
class History:
    """One stay on a host. Times are seconds since 1970, 0 while they have not come."""

    host: int
    hostname: str
    cluster: int
    datastore: int
    vm_mad: str
    tm_mad: str
    start: int
    end: int = 0
    prolog: tuple[int, int] = (0, 0)
    running: tuple[int, int] = (0, 0)
    epilog: tuple[int, int] = (0, 0)
    action: int = 0
    by: tuple[int, int, int] = (-1, -1, -1)  # user, group, request

    def _head(self, vm_id: int, sequence: int) -> str:
        return (
            f"<OID>{vm_id}</OID><SEQ>{sequence}</SEQ><HOSTNAME>{self.hostname}</HOSTNAME>"
            f"<HID>{self.host}</HID><CID>{self.cluster}</CID>"
        )

    def xml(self, vm_id: int, sequence: int, *, plans: bool) -> str:
        spans = "".join(
            f"<{name}STIME>{start}</{name}STIME><{name}ETIME>{end}</{name}ETIME>"
            for name, (start, end) in (
                ("P", self.prolog),
                ("R", self.running),
                ("E", self.epilog),
            )
        )
        uid, gid, request = self.by
        return (
            f"<HISTORY>{self._head(vm_id, sequence)}<STIME>{self.start}</STIME>"
            f"<ETIME>{self.end}</ETIME>{xmlwriter.cdata('VM_MAD', self.vm_mad)}"
            f"{xmlwriter.cdata('TM_MAD', self.tm_mad)}<DS_ID>{self.datastore}</DS_ID>"
            f"{'<PLAN_ID>-1</PLAN_ID><ACTION_ID>0</ACTION_ID>' if plans else ''}{spans}"
            f"<ACTION>{self.action}</ACTION><UID>{uid}</UID><GID>{gid}</GID>"
            f"<REQUEST_ID>{request}</REQUEST_ID></HISTORY>"
        )

    def short_xml(self, vm_id: int, sequence: int) -> str:
        return (
            f"<HISTORY><OID>{vm_id}</OID><SEQ>{sequence}</SEQ>"
            f"{xmlwriter.cdata('HOSTNAME', self.hostname)}<HID>{self.host}</HID>"
            f"<CID>{self.cluster}</CID><DS_ID>{self.datastore}</DS_ID>"
            f"{xmlwriter.cdata('VM_MAD', self.vm_mad)}{xmlwriter.cdata('TM_MAD', self.tm_mad)}"
            f"{xmlwriter.cdata('ACTION', self.action)}</HISTORY>"
        )


# The short body of one.vmpool.info: which attributes, in which order.
_SHORT = {
    "DISK": (
        "DISK_ID", "DATASTORE", "DATASTORE_ID", "IMAGE", "IMAGE_ID", "SIZE", "TYPE", "CLONE",
        "CLONE_TARGET", "LN_TARGET", "DISK_SNAPSHOT_TOTAL_SIZE",
    ),
    "NIC": ("IP", "MAC", "NETWORK", "NETWORK_ID", "NIC_ID", "SECURITY_GROUPS"),
    "GRAPHICS": ("LISTEN", "PASSWD", "PORT", "TYPE"),
}  # fmt: skip
_SHORT_USER = ("LABELS", "SCHED_MESSAGE", "ERROR", "HYPERVISOR", "LOGO", "SCHED_REQUIREMENTS")


@dataclass
class Vm(Owned):
    kind: ClassVar[str] = "VM"
    user_template: Template = field(default_factory=Template)
    state: VmState = VmState.PENDING
    lcm: Lcm = Lcm.LCM_INIT
    stime: int = 0
    etime: int = 0
    deploy_id: str = ""
    last_poll: int = 0
    monitoring: Template = field(default_factory=Template)
    reports: list[tuple[int, float]] = field(default_factory=list)
    """What tests say that hypervisors said before `monitoring`: time and CPU in percent."""
    history: list[History] = field(default_factory=list)
    resched: int = 0
    own_port: bool = False
    charged: Usage = field(default_factory=dict)
    move: int = 0  # counts state changes, so that an overtaken event does nothing

    @property
    def cpu(self) -> float:
        return float(self.template.get("CPU") or 0)

    @property
    def memory_mb(self) -> int:
        return int(self.template.get("MEMORY") or 0)

    @property
    def is_alive(self) -> bool:
        return self.state is not VmState.DONE

    @property
    def state_name(self) -> str:
        """As oned names it in its refusals: the LCM state while active."""
        return self.lcm.name if self.state is VmState.ACTIVE else self.state.name

    def keep_driver(self) -> None:
        """From now on only system datastores of the same transfer driver will do."""
        wanted = f' & (TM_MAD = "{self.template.get("TM_MAD_SYSTEM")}")'
        before = self.template.get("AUTOMATIC_DS_REQUIREMENTS").replace(wanted, "")
        self.template.set("AUTOMATIC_DS_REQUIREMENTS", before + wanted)

    def xml(self) -> str:
        return self._full(permissions=True)

    def _states(self) -> str:
        return f"<STATE>{int(self.state)}</STATE><LCM_STATE>{int(self.lcm)}</LCM_STATE>"

    def _full(self, *, permissions: bool) -> str:
        plans = self.cloud.release.plans
        history = "".join(h.xml(self.id, n, plans=plans) for n, h in enumerate(self.history))
        records = f"<HISTORY_RECORDS>{history}</HISTORY_RECORDS>" if history else (
            "<HISTORY_RECORDS/>"
        )  # fmt: skip
        scheduled = "<SCHED_ACTIONS></SCHED_ACTIONS>" if self.cloud.release.backups else ""
        backups = (
            "<BACKUPS><BACKUP_CONFIG/><BACKUP_IDS></BACKUP_IDS></BACKUPS>"
            if self.cloud.release.backups
            else ""
        )
        return (
            f"<VM>{self.head_xml(permissions=permissions)}<LAST_POLL>{self.last_poll}</LAST_POLL>"
            f"{self._states()}<PREV_STATE>{int(self.state)}</PREV_STATE>"
            f"<PREV_LCM_STATE>{int(self.lcm)}</PREV_LCM_STATE><RESCHED>{self.resched}</RESCHED>"
            f"<STIME>{self.stime}</STIME><ETIME>{self.etime}</ETIME>"
            f"<DEPLOY_ID>{self.deploy_id}</DEPLOY_ID>{self.monitoring.xml('MONITORING')}"
            f"{scheduled}{self.template.xml()}{self.user_template.xml('USER_TEMPLATE')}"
            f"{records}{backups}</VM>"
        )

    def pool_xml(self) -> str:
        """The short body."""
        single = "".join(
            xmlwriter.el(name, self.template.get(name)) for name in ("CPU", "MEMORY", "VCPU")
        )
        vectors = "".join(
            _pick(name, vector, order)
            for name, order in _SHORT.items()
            for vector in self.template.vectors(name)
        )
        user = "".join(
            xmlwriter.cdata(n, self.user_template.get(n)) for n in _SHORT_USER
            if self.user_template.get(n)
        )  # fmt: skip
        history = self.history[-1].short_xml(self.id, len(self.history) - 1) if self.history else ""
        return (
            f"<VM>{self.head_xml(permissions=False)}<LAST_POLL>{self.last_poll}</LAST_POLL>"
            f"{self._states()}<RESCHED>{self.resched}</RESCHED><STIME>{self.stime}</STIME>"
            f"<ETIME>{self.etime}</ETIME><DEPLOY_ID>{self.deploy_id}</DEPLOY_ID>"
            f"<TEMPLATE>{single}{vectors}</TEMPLATE><MONITORING/>"
            f"{_wrapped('USER_TEMPLATE', user, empty=not len(self.user_template))}"
            f"{_wrapped('HISTORY_RECORDS', history, empty=not history)}</VM>"
        )

    def lookup(self, name: str, inner: str, key: str, value: str) -> str:
        """What a variable of CONTEXT stands for; an unknown one for nothing."""
        if not inner:
            known: dict[str, object] = {
                "UID": self.uid,
                "GID": self.gid,
                "UNAME": self.cloud.user_name(self.uid),
                "GNAME": self.cloud.group_name(self.gid),
                "NAME": self.name,
                "TEMPLATE": "",
            }
            if name in known:
                return str(known[name])
            return self.template.get(name) or self.user_template.get(name)
        if name == "NETWORK":
            return self._of_network(inner, key, value)
        if name == "IMAGE":
            disks = [d for d in self.template.vectors("DISK") if d.get(key) == value]
            image = self.cloud.images.find(int(disks[0].get("IMAGE_ID", -1))) if disks else None
            return image.template.get(inner) if image else ""
        if name == "USER":
            user = self.cloud.users.find(self.uid)
            return user.template.get(inner) if user else ""
        vectors = self.template.vectors(name)
        match = next((v for v in vectors if not key or v.get(key) == value), {})
        return match.get(inner, "")

    def _of_network(self, inner: str, key: str, value: str) -> str:
        if key not in ("NETWORK", "NETWORK_ID", "NIC_ID"):
            return ""
        nic = next((n for n in self.template.vectors("NIC") if n.get(key) == value), None)
        network = self.cloud.vnets.find(int(nic["NETWORK_ID"])) if nic else None
        return network.attribute(inner, int(nic["AR_ID"])) if nic and network else ""


class VmPool(Pool[Vm]):
    """VMs by number, dead ones too; those alive are kept apart for speed."""

    def alive(self) -> list[Vm]:
        return [vm for vm in self if vm.is_alive]


def _pick(name: str, vector: dict[str, str], order: tuple[str, ...]) -> str:
    return (
        f"<{name}>{''.join(xmlwriter.cdata(k, vector[k]) for k in order if k in vector)}</{name}>"
    )


def _wrapped(tag: str, inner: str, *, empty: bool) -> str:
    return f"<{tag}/>" if empty else f"<{tag}>{inner}</{tag}>"
