"""VMs, the templates they are made from, and what hypervisors say of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from b2ct.one import xml
from b2ct.one.objects.base import Owned, owned
from b2ct.one.states import LCM_RUNNING, VmState, lcm_name
from b2ct.one.text import Attributes, Vector
from b2ct.one.xml import Element

_TIMES = ("STIME", "ETIME", "PSTIME", "PETIME", "RSTIME", "RETIME", "ESTIME", "EETIME")


@dataclass(frozen=True, kw_only=True)
class Template(Owned):
    """A VM template."""

    registered: int

    @classmethod
    def parse(cls, element: Element) -> Self:
        """From `<VMTEMPLATE>`."""
        return cls(**owned(element), registered=xml.integer(element, "REGTIME"))


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
            **owned(e),
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


def _float(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return 0.0
