"""Hypervisors and clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from b2ct.one import xml
from b2ct.one.objects.base import Named, named
from b2ct.one.states import HostState
from b2ct.one.xml import Element


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
            **named(e),
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
            **named(e), hosts=xml.ids(e, "HOSTS"), datastores=xml.ids(e, "DATASTORES"),
            networks=xml.ids(e, "VNETS"),
        )  # fmt: skip
