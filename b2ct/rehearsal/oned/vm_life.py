"""The life of virtual machines: the scheduler, the drivers' answers, and what ends it.

Every change of state is planned on the clock with the time that `Timing` says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from b2ct.rehearsal.oned.hosts import Host
from b2ct.rehearsal.oned.images import Image
from b2ct.rehearsal.oned.states import HostState, ImageState, Lcm, VmState
from b2ct.rehearsal.oned.vm import History, Vm
from b2ct.rehearsal.oned.vm_build import give_back

if TYPE_CHECKING:
    from b2ct.rehearsal.oned.cloud import Cloud

NO_HOSTS = "Cannot dispatch VM: No hosts enabled to run VMs"
NO_ROOM = "Cannot dispatch VM: No host with enough capacity to deploy the VM"


class Life:
    """Moves the VMs of one cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._scheduled = False

    # the scheduler

    def submitted(self, vm: Vm) -> None:
        """A VM is there: if it is not on hold, the scheduler will look at it."""
        if vm.state is VmState.PENDING:
            self._wake()

    def image_settled(self, image: Image) -> None:
        """A copy has ended: VMs that waited for it go on, or fail with it."""
        for number in sorted(image.vms):
            vm = self._cloud.vms.find(number)
            if vm is None or vm.state is not VmState.CLONING:
                continue
            if image.state is ImageState.ERROR:
                self._set(vm, VmState.CLONING_FAILURE)
                continue
            for disk in vm.template.vectors("DISK"):
                if disk.get("IMAGE_ID") == str(image.id):
                    disk.pop("CLONING", None)
                    disk.update(SOURCE=image.source, FORMAT=image.format, DRIVER=image.format)
            if not any("CLONING" in disk for disk in vm.template.vectors("DISK")):
                held = vm.template.get("SUBMIT_ON_HOLD") == "YES"
                self._set(vm, VmState.HOLD if held else VmState.PENDING)
                self._wake()

    def restarted(self) -> None:
        """The server came up again: drivers' answers are lost, the scheduler starts anew."""
        self._scheduled = False
        self._wake()

    def _wake(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._cloud.clock.after(self._cloud.timing.schedule, self._schedule)

    def _schedule(self) -> None:
        self._scheduled = False
        pending = [vm for vm in self._cloud.vms.alive() if vm.state is VmState.PENDING]
        for vm in pending:
            host, reason = self._choose(vm)
            if host is None:
                text = f"{self._cloud.asctime()}: {reason}"
                vm.user_template.set("SCHED_MESSAGE", text)
            else:
                self.deploy(vm, host)
        if any(vm.state is VmState.PENDING for vm in pending):
            self._wake()

    def _choose(self, vm: Vm) -> tuple[Host | None, str]:
        enabled = [h for h in self._cloud.hosts if h.state is HostState.MONITORED]
        if not enabled:
            return None, NO_HOSTS
        wanted = vm.user_template.get("SCHED_REQUIREMENTS")
        if wanted.startswith("ID="):
            enabled = [h for h in enabled if str(h.id) == wanted[3:].strip('"')]
        clusters = [c for c in self._clusters(vm) if c]
        fitting = [
            h for h in enabled
            if h.fits(vm.cpu, vm.memory_mb) and (not clusters or str(h.cluster_id) in clusters)
        ]  # fmt: skip
        if not fitting:
            return None, self._lack(vm, enabled) if self._cloud.release.reasons else NO_ROOM
        return min(fitting, key=lambda h: (len(h.vms), h.id)), ""

    def _lack(self, vm: Vm, hosts: list[Host]) -> str:
        """What each host lacks, as the scheduler inside oned tells it."""
        found: dict[str, list[str]] = {}
        for host in hosts:
            cpu, memory = host.used
            if vm.memory_mb * 1024 > host.memory - memory:
                what = "Not enough MEMORY"
            elif vm.cpu * 100 > host.cpu - cpu:
                what = "Not enough CPU"
            else:
                what = "Requirements not met"
            found.setdefault(what, []).append(str(host.id))
        return ", ".join(f"[HOST] {what} on hosts: {','.join(ids)}" for what, ids in found.items())

    @staticmethod
    def _clusters(vm: Vm) -> list[str]:
        text = vm.template.get("AUTOMATIC_REQUIREMENTS").partition(")")[0]
        return [part.split("=")[1].strip() for part in text.strip("(").split("|") if "=" in part]

    # drivers

    def _later(self, vm: Vm, seconds: float, what: Callable[[], None]) -> None:
        """Plan the next move, unless something else moves the VM before."""
        vm.move += 1
        move = vm.move
        self._cloud.clock.after(seconds, lambda: what() if vm.move == move else None)

    def _set(self, vm: Vm, state: VmState, lcm: Lcm = Lcm.LCM_INIT) -> None:
        vm.state, vm.lcm = state, lcm
        vm.move += 1

    def deploy(self, vm: Vm, host: Host, datastore: int = 0) -> None:
        """Give the VM to a host: PROLOG, BOOT, RUNNING or the failure planned for it."""
        cloud, now = self._cloud, self._cloud.clock.seconds
        system = cloud.datastores.find(datastore)
        tm_mad = system.tm_mad if system else "ssh"
        vm.history.append(
            History(
                host.id, host.name, host.cluster_id, datastore, host.vm_mad, tm_mad, now,
                prolog=(now, 0),
            )
        )  # fmt: skip
        host.vms.add(vm.id)
        vm.user_template.erase("SCHED_MESSAGE")
        vm.template.set("TM_MAD_SYSTEM", tm_mad)
        for graphics in vm.template.vectors("GRAPHICS"):
            if "PORT" not in graphics:
                graphics["PORT"] = str(5900 + vm.id)
                vm.own_port = True
        self._set(vm, VmState.ACTIVE, Lcm.PROLOG)
        self._later(vm, cloud.timing.prolog, lambda: self._boot(vm, first=True))

    def _boot(self, vm: Vm, *, first: bool = False) -> None:
        now, stay = self._cloud.clock.seconds, vm.history[-1]
        if first:
            stay.prolog = (stay.prolog[0], now)
            if self._cloud.faults.prolog_fails(vm.name):
                self._fail(vm, Lcm.PROLOG_FAILURE, "Error executing image transfer script")
                return
        stay.running = (now, 0)
        self._set(vm, VmState.ACTIVE, Lcm.BOOT)
        self._later(vm, self._cloud.timing.boot, lambda: self._booted(vm))

    def _booted(self, vm: Vm) -> None:
        stay = vm.history[-1]
        name = f"{stay.hostname}:{vm.name}:{stay.vm_mad}"
        if self._cloud.faults.boot_fails(vm.name):
            stay.running = (stay.running[0], self._cloud.clock.seconds)
            self._fail(vm, Lcm.BOOT_FAILURE, f"DEPLOY: {name}")
            return
        vm.deploy_id = name
        self._set(vm, VmState.ACTIVE, Lcm.RUNNING)

    def _fail(self, vm: Vm, lcm: Lcm, text: str) -> None:
        vm.user_template.set("ERROR", f"{self._cloud.asctime()}: {text}")
        self._set(vm, VmState.ACTIVE, lcm)

    def retry(self, vm: Vm) -> None:
        """The failed step once more."""
        vm.user_template.erase("ERROR")
        if vm.lcm is Lcm.PROLOG_FAILURE:
            self._set(vm, VmState.ACTIVE, Lcm.PROLOG)
            self._later(vm, self._cloud.timing.prolog, lambda: self._boot(vm, first=True))
        else:
            self._boot(vm)

    def hotplug(self, vm: Vm) -> None:
        """The CONTEXT disk is made again in a running VM."""
        self._set(vm, VmState.ACTIVE, Lcm.HOTPLUG)
        self._later(
            vm, self._cloud.timing.hotplug, lambda: self._set(vm, VmState.ACTIVE, Lcm.RUNNING)
        )

    def resubmit(self, vm: Vm) -> None:
        """Delete and recreate: pending again, on no host."""
        self._off_host(vm)
        self._set(vm, VmState.PENDING)
        self._wake()

    # the end, and pauses

    def shutdown(self, vm: Vm) -> None:
        self._set(vm, VmState.ACTIVE, Lcm.SHUTDOWN)
        self._later(vm, self._cloud.timing.shutdown, lambda: self.clean_up(vm))

    def clean_up(self, vm: Vm) -> None:
        """The disks go, then the VM is DONE."""
        now, stay = self._cloud.clock.seconds, vm.history[-1]
        stay.running = (stay.running[0], stay.running[1] or now)
        stay.epilog = (now, 0)
        self._set(vm, VmState.ACTIVE, Lcm.EPILOG)
        self._later(vm, self._cloud.timing.epilog, lambda: self.done(vm))

    def done(self, vm: Vm) -> None:
        """DONE: everything that the VM held is free."""
        now = self._cloud.clock.seconds
        if vm.history:
            stay = vm.history[-1]
            if stay.epilog[0]:
                stay.epilog = (stay.epilog[0], now)
            if stay.running[0] and not stay.running[1]:
                stay.running = (stay.running[0], now)
        self._off_host(vm)
        if vm.own_port:  # given by oned, taken back by oned
            for graphics in vm.template.vectors("GRAPHICS"):
                graphics.pop("PORT", None)
        vm.etime = now
        self._set(vm, VmState.DONE)
        give_back(vm)
        self._cloud.charge(self._cloud.users.find(vm.uid), vm.charged, -1)

    def _off_host(self, vm: Vm) -> None:
        for host in self._cloud.hosts:
            host.vms.discard(vm.id)
        if vm.history and not vm.history[-1].end:
            vm.history[-1].end = self._cloud.clock.seconds

    def stop(self, vm: Vm, through: Lcm, state: VmState) -> None:
        """By way of a passing state to POWEROFF, SUSPENDED, STOPPED or UNDEPLOYED."""

        def arrived() -> None:
            stay, now = vm.history[-1], self._cloud.clock.seconds
            stay.running = (stay.running[0], now)
            self._set(vm, state)
            if state in (VmState.STOPPED, VmState.UNDEPLOYED):
                self._off_host(vm)

        self._set(vm, VmState.ACTIVE, through)
        self._later(vm, self._cloud.timing.shutdown, arrived)

    def resume(self, vm: Vm) -> None:
        if vm.state in (VmState.STOPPED, VmState.UNDEPLOYED):
            self._set(vm, VmState.PENDING)
            self._wake()
            return
        stay, now = vm.history[-1], self._cloud.clock.seconds
        vm.history.append(
            History(
                stay.host, stay.hostname, stay.cluster, stay.datastore, stay.vm_mad,
                stay.tm_mad, now, running=(now, 0),
            )
        )  # fmt: skip
        off = vm.state is VmState.POWEROFF
        self._set(vm, VmState.ACTIVE, Lcm.BOOT_POWEROFF if off else Lcm.BOOT_SUSPENDED)
        self._later(vm, self._cloud.timing.boot, lambda: self._booted(vm))

    def hold(self, vm: Vm) -> None:
        self._set(vm, VmState.HOLD)

    def release(self, vm: Vm) -> None:
        self._set(vm, VmState.PENDING)
        self._wake()

    def migrate(self, vm: Vm, host: Host) -> None:
        """To another host; the double shows no state between."""
        old = vm.history[-1]
        now = self._cloud.clock.seconds
        self._off_host(vm)
        old.running = (old.running[0], now)
        host.vms.add(vm.id)
        vm.history.append(
            History(
                host.id, host.name, host.cluster_id, old.datastore, host.vm_mad, old.tm_mad, now,
                running=(now, 0),
            )
        )  # fmt: skip
        vm.move += 1
