"""Hosts: one.host.* and the pool. A driver that monitors them belongs to the double."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from b2ct.rehearsal.oned import xmlwriter
from b2ct.rehearsal.oned.acl import ADMIN, CREATE, MANAGE, USE
from b2ct.rehearsal.oned.clusters import membership
from b2ct.rehearsal.oned.entities import Entity, bad_name
from b2ct.rehearsal.oned.errors import OneError, action, internal, not_allocated, taken
from b2ct.rehearsal.oned.rpc import Call, method
from b2ct.rehearsal.oned.states import HostState
from b2ct.rehearsal.oned.template import Template


@dataclass
class Host(Entity):
    """`cpu` is in hundredths of a core and `memory` in KiB, as monitoring reports them."""

    kind: ClassVar[str] = "HOST"
    im_mad: str = "kvm"
    vm_mad: str = "kvm"
    cpu: int = 800
    memory: int = 16 * 1024 * 1024
    disk_mb: int = 20480
    state: HostState = HostState.INIT
    previous: HostState = HostState.INIT
    vms: set[int] = field(default_factory=set)
    last_monitored: int = 0

    @property
    def clusters(self) -> set[int]:
        return membership(self.cloud.clusters, "HOSTS", self.id)

    @property
    def cluster_id(self) -> int:
        return next(iter(self.clusters), -1)

    def set_state(self, state: HostState) -> None:
        self.state = self.previous = state

    def monitored(self) -> None:
        """The monitoring driver has answered."""
        if self.state in (HostState.INIT, HostState.MONITORING_INIT, HostState.ERROR):
            self.set_state(HostState.MONITORED)
        self.last_monitored = self.cloud.clock.seconds
        for name, value in (
            ("ARCH", "x86_64"),
            ("CPUSPEED", "3200"),
            ("HOSTNAME", self.name),
            ("HYPERVISOR", self.vm_mad),
            ("MODELNAME", "Dummy(R) Core @ 3.2GHz"),
            *self._totals(),
        ):
            self.template.set(name, value)

    def _totals(self) -> tuple[tuple[str, str], ...]:
        if not self.cloud.release.plans:
            return ()
        return ("TOTALCPU", str(self.cpu)), ("TOTALMEMORY", str(self.memory))

    def fail(self, message: str = "Error monitoring host") -> None:
        """What the site sees when the node is dead: state ERROR and a message."""
        self.set_state(HostState.ERROR)
        self.template.set("ERROR", f"{self.cloud.asctime()} : {message}")

    @property
    def used(self) -> tuple[int, int]:
        """CPU (hundredths) and memory (KiB) that its VMs have been given."""
        vms = [self.cloud.vms[number] for number in self.vms]
        return sum(int(vm.cpu * 100) for vm in vms), sum(vm.memory_mb * 1024 for vm in vms)

    def fits(self, cpu: float, memory_mb: int) -> bool:
        used_cpu, used_memory = self.used
        return used_cpu + cpu * 100 <= self.cpu and used_memory + memory_mb * 1024 <= self.memory

    def _share(self) -> str:
        cpu, memory = self.used
        known = self.last_monitored > 0
        on = known and self.state is not HostState.OFFLINE
        total_memory, total_cpu = (self.memory, self.cpu) if on else (0, 0)
        disk = self.disk_mb if known else 0
        datastores = "".join(
            xmlwriter.cdata(name, value)
            for name, value in (
                ("DISK_USAGE", 0),
                ("FREE_DISK", disk),
                ("MAX_DISK", disk),
                ("USED_DISK", 9720 if known else 0),
            )
        )
        return (
            f"<HOST_SHARE><MEM_USAGE>{memory}</MEM_USAGE><CPU_USAGE>{cpu}</CPU_USAGE>"
            f"<TOTAL_MEM>{total_memory}</TOTAL_MEM><TOTAL_CPU>{total_cpu}</TOTAL_CPU>"
            f"<MAX_MEM>{total_memory}</MAX_MEM><MAX_CPU>{total_cpu}</MAX_CPU>"
            f"<RUNNING_VMS>{len(self.vms)}</RUNNING_VMS><VMS_THREAD>1</VMS_THREAD>"
            f"<DATASTORES>{datastores}</DATASTORES><PCI_DEVICES></PCI_DEVICES>"
            "<NUMA_NODES></NUMA_NODES></HOST_SHARE>"
        )

    def _monitoring(self) -> str:
        if not self.last_monitored:
            return "<MONITORING/>"
        cpu, memory = self.used
        capacity = "".join(
            xmlwriter.cdata(name, value)
            for name, value in (
                ("FREE_CPU", self.cpu - cpu),
                ("FREE_MEMORY", self.memory - memory),
                ("USED_CPU", cpu),
                ("USED_MEMORY", memory),
            )
        )
        return (
            f"<MONITORING><TIMESTAMP>{self.last_monitored}</TIMESTAMP><ID>{self.id}</ID>"
            f"<CAPACITY>{capacity}</CAPACITY><SYSTEM><NETRX><![CDATA[0]]></NETRX>"
            "<NETTX><![CDATA[0]]></NETTX></SYSTEM></MONITORING>"
        )

    def xml(self) -> str:
        cluster = self.cluster_id
        return (
            f"<HOST><ID>{self.id}</ID><NAME>{self.name}</NAME><STATE>{int(self.state)}</STATE>"
            f"<PREV_STATE>{int(self.previous)}</PREV_STATE>"
            f"{xmlwriter.cdata('IM_MAD', self.im_mad)}{xmlwriter.cdata('VM_MAD', self.vm_mad)}"
            f"<CLUSTER_ID>{cluster}</CLUSTER_ID>"
            f"<CLUSTER>{self.cloud.clusters[cluster].name}</CLUSTER>"
            f"{self._share()}{xmlwriter.ids('VMS', self.vms)}{self.template.xml()}"
            f"{self._monitoring()}</HOST>"
        )


@method("one.host.allocate")
def allocate(call: Call, name: str, im_mad: str, vm_mad: str, cluster_id: int = -1) -> int:
    cloud = call.cloud
    cluster = cloud.clusters[cluster_id if cluster_id != -1 else 0]
    call.may_all((CREATE, "HOST", None), (ADMIN, "CLUSTER", cluster))
    problem = bad_name(name)
    if problem:
        raise internal(problem)
    if not im_mad:
        raise _refused(call, internal("IM_MAD_NAME cannot be empty."))
    if not vm_mad:
        raise _refused(call, internal("VMM_MAD_NAME cannot be empty."))
    same = cloud.hosts.named(name)
    if same:
        raise _refused(call, taken("HOST", same.id))
    template = Template(
        [("IM_MAD", im_mad), ("VM_MAD", vm_mad), ("RESERVED_CPU", ""), ("RESERVED_MEM", "")]
    )
    host = Host(cloud, cloud.hosts.take_id(), name, template, im_mad=im_mad, vm_mad=vm_mad)
    cloud.hosts.add(host)
    cluster.members["HOSTS"].add(host.id)
    cloud.clock.after(cloud.timing.host_monitored, lambda: _monitor(host))
    return host.id


def _refused(call: Call, error: OneError) -> OneError:
    """The request itself refuses it; later releases leave that to the pool."""
    return not_allocated("HOST", error.text) if call.cloud.release.pool_refusals else error


def _monitor(host: Host) -> None:
    if host.id in host.cloud.hosts and host.state is HostState.INIT:
        host.monitored()


@method("one.host.status")
def status(call: Call, host_id: int, wanted: int) -> int:
    host = call.cloud.hosts[host_id]
    call.may(ADMIN, "HOST", host)
    if wanted not in (0, 1, 2):
        raise internal("Wrong status code")
    if wanted == 0 and host.state in (HostState.DISABLED, HostState.OFFLINE):
        host.set_state(HostState.INIT)
        call.cloud.clock.after(call.cloud.timing.host_monitored, lambda: _monitor(host))
    elif wanted:
        host.set_state(HostState.DISABLED if wanted == 1 else HostState.OFFLINE)
        if wanted == 2:
            for name in ("TOTALCPU", "TOTALMEMORY"):
                host.template.erase(name)
    return host_id


@method("one.host.delete")
def delete(call: Call, host_id: int) -> int:
    cloud = call.cloud
    host = cloud.hosts[host_id]
    call.may(ADMIN, "HOST", host)
    if host.vms:
        raise action("Cannot delete host. Can not remove a host with running VMs")
    for cluster in cloud.clusters:
        cluster.members["HOSTS"].discard(host_id)
    cloud.hosts.remove(host_id)
    return host_id


@method("one.host.info")
def info(call: Call, host_id: int, decrypt: bool = False) -> str:
    host = call.cloud.hosts[host_id]
    call.may_see("HOST", host)
    return host.xml()


@method("one.hostpool.info")
def pool_info(call: Call) -> str:
    allowed = call.cloud.acl.allowed
    return call.cloud.hosts.xml(lambda h: allowed(call.uid, call.groups, USE, "HOST", h))


@method("one.host.monitoring")
def monitoring(call: Call, host_id: int) -> str:
    host = call.cloud.hosts[host_id]
    call.may(MANAGE, "HOST", host)
    return f"<MONITORING_DATA>{host._monitoring()}</MONITORING_DATA>"
