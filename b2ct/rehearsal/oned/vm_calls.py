"""Virtual machines: one.vm.* and one.vmpool.*."""

from __future__ import annotations

from b2ct.rehearsal.oned.acl import ADMIN, CREATE, MANAGE, USE
from b2ct.rehearsal.oned.errors import action as refuse
from b2ct.rehearsal.oned.errors import internal
from b2ct.rehearsal.oned.pools import visible
from b2ct.rehearsal.oned.rpc import Call, method
from b2ct.rehearsal.oned.states import Lcm, VmState
from b2ct.rehearsal.oned.template import decrypted_xml
from b2ct.rehearsal.oned.vm import Vm
from b2ct.rehearsal.oned.vm_build import instantiate

_NUMBERS = {
    "undeploy": 5, "undeploy-hard": 6, "hold": 7, "release": 8, "stop": 9, "suspend": 10,
    "resume": 11, "reboot": 15, "reboot-hard": 16, "resched": 17, "unresched": 18,
    "poweroff": 19, "poweroff-hard": 20, "terminate": 27, "terminate-hard": 28,
}  # fmt: skip
_DELETE_ACTION, _RETRY_ACTION = 13, 43
_RUNNING = (Lcm.RUNNING, Lcm.UNKNOWN)
_FAILED = (Lcm.BOOT_FAILURE, Lcm.PROLOG_FAILURE, Lcm.EPILOG_FAILURE, Lcm.FAILURE)
_QUIET = (VmState.PENDING, VmState.HOLD, VmState.CLONING, VmState.CLONING_FAILURE)
_PAUSED = (VmState.POWEROFF, VmState.SUSPENDED, VmState.STOPPED, VmState.UNDEPLOYED)
_PAUSES = {
    "poweroff": (Lcm.SHUTDOWN_POWEROFF, VmState.POWEROFF),
    "poweroff-hard": (Lcm.SHUTDOWN_POWEROFF, VmState.POWEROFF),
    "suspend": (Lcm.SAVE_SUSPEND, VmState.SUSPENDED),
    "stop": (Lcm.SAVE_STOP, VmState.STOPPED),
    "undeploy": (Lcm.SHUTDOWN_UNDEPLOY, VmState.UNDEPLOYED),
    "undeploy-hard": (Lcm.SHUTDOWN_UNDEPLOY, VmState.UNDEPLOYED),
}
# What one.vm.updateconf may change; what is not in the new text is gone afterwards.
_UPDATABLE = ("OS", "FEATURES", "INPUT", "GRAPHICS", "VIDEO", "RAW", "CPU_MODEL", "CONTEXT")


@method("one.vm.allocate")
def allocate(call: Call, text: str, hold: bool = False) -> int:
    template = call.parse(text)
    call.may(CREATE, "VM")
    name = template.pop("NAME")
    return instantiate(call, template, name, hold=hold, kind="VM").id


def _note(call: Call, vm: Vm, number: int) -> None:
    if vm.history:
        vm.history[-1].action = number
        vm.history[-1].by = (call.uid, call.user.gid, call.number)


@method("one.vm.action")
def action(call: Call, name: str, vm_id: int) -> int:
    vm = call.cloud.vms[vm_id]
    if name not in _NUMBERS:
        raise refuse(f'Action "{name}" is not supported')
    call.may(ADMIN if name.endswith("resched") else MANAGE, "VM", vm)
    if name.startswith("terminate"):
        _terminate(call, vm, name)
    elif name in _PAUSES:
        if vm.state is not VmState.ACTIVE or vm.lcm not in _RUNNING:
            raise _unavailable(name, vm)
        _note(call, vm, _NUMBERS[name])
        call.cloud.life.stop(vm, *_PAUSES[name])
    else:
        _other(call, vm, name)
    return vm_id


def _unavailable(name: str, vm: Vm) -> Exception:
    return refuse(
        f'Error performing action "{name}": This action is not available for state {vm.state_name}'
    )


def _terminate(call: Call, vm: Vm, name: str) -> None:
    life = call.cloud.life
    if vm.state is VmState.DONE:
        return
    if vm.state in _QUIET:
        _note(call, vm, _NUMBERS[name])
        life.done(vm)
    elif vm.state in _PAUSED:
        _note(call, vm, _NUMBERS[name])
        life.clean_up(vm)
    elif vm.lcm in _FAILED:
        _note(call, vm, _DELETE_ACTION)
        life.done(vm)
    elif vm.lcm in _RUNNING:
        _note(call, vm, _NUMBERS[name])
        life.shutdown(vm)
    else:
        raise refuse(
            f'Error performing action "{name}": Could not terminate VM {vm.id}, wrong state '
            f"{vm.state_name}."
        )


def _other(call: Call, vm: Vm, name: str) -> None:
    life = call.cloud.life
    if name == "hold" and vm.state is VmState.PENDING:
        life.hold(vm)
    elif name == "release" and vm.state is VmState.HOLD:
        life.release(vm)
    elif name == "resume" and vm.state in _PAUSED:
        _note(call, vm, _NUMBERS[name])
        life.resume(vm)
    elif name.startswith("reboot") and vm.state is VmState.ACTIVE and vm.lcm is Lcm.RUNNING:
        pass  # the state stays, and nothing is noted
    elif name.endswith("resched") and vm.state is VmState.ACTIVE and vm.lcm in _RUNNING:
        vm.resched = int(name == "resched")
        vm.keep_driver()
    else:
        raise _unavailable(name, vm)


@method("one.vm.recover")
def recover(call: Call, vm_id: int, operation: int) -> int:
    """0 failure, 1 success, 2 retry, 3 delete, 4 delete and recreate, 5 delete from the DB."""
    if operation not in range(6):
        raise refuse("Wrong recovery operation code")
    vm = call.cloud.vms[vm_id]
    call.may(ADMIN, "VM", vm)
    life = call.cloud.life
    if vm.state is VmState.DONE:
        return vm_id
    if operation in (3, 5):
        _note(call, vm, _DELETE_ACTION)
        life.done(vm)
    elif operation == 4:
        life.resubmit(vm)
    elif vm.state is VmState.ACTIVE:
        if vm.lcm in _FAILED:  # of anything else there is nothing to do again
            _note(call, vm, _RETRY_ACTION)
            life.retry(vm)
    else:
        verb = {0: "failure", 1: "success"}.get(operation, "retry")
        what = "retry" if verb == "retry" else f"recover {verb}"
        raise refuse(f"Could not perform a {what} on VM {vm_id}, wrong state {vm.state_name}.")
    return vm_id


@method("one.vm.deploy")
def deploy(call: Call, vm_id: int, host_id: int, enforce: bool = False, ds_id: int = -1) -> int:
    cloud = call.cloud
    vm, host = cloud.vms[vm_id], cloud.hosts[host_id]
    call.may(ADMIN, "VM", vm)
    call.may(MANAGE, "HOST", host)
    if vm.state not in (VmState.PENDING, VmState.HOLD, VmState.STOPPED, VmState.UNDEPLOYED):
        raise refuse(f"Deploy action is not available for state {vm.state_name}")
    if enforce and not host.fits(vm.cpu, vm.memory_mb):
        raise refuse(f"Not enough capacity in host {host_id}.")
    cloud.life.deploy(vm, host, max(ds_id, 0))
    return vm_id


@method("one.vm.migrate")
def migrate(  # noqa: PLR0917 - the arguments are oned's
    call: Call,
    vm_id: int,
    host_id: int,
    live: bool = False,
    enforce: bool = False,
    ds_id: int = -1,
    how: int = 0,
) -> int:
    cloud = call.cloud
    vm, host = cloud.vms[vm_id], cloud.hosts[host_id]
    call.may(ADMIN, "VM", vm)
    call.may(MANAGE, "HOST", host)
    if vm.state is not VmState.ACTIVE or vm.lcm not in _RUNNING:
        raise refuse(f"Migrate action is not available for state {vm.state_name}")
    if vm.history[-1].host == host_id:
        raise refuse(f"VM is already running on host [{host_id}] and datastore [{max(ds_id, 0)}]")
    if enforce and not host.fits(vm.cpu, vm.memory_mb):
        raise refuse(f"Not enough capacity in host {host_id}.")
    _note(call, vm, 2 if live else 1)
    cloud.life.migrate(vm, host)
    return vm_id


@method("one.vm.updateconf")
def updateconf(call: Call, vm_id: int, text: str, append: int = 0) -> int:
    vm = call.cloud.vms[vm_id]
    call.may(MANAGE, "VM", vm)
    wanted = call.parse(text)
    usable = (*_PAUSED, *_QUIET)
    if vm.state not in usable and not (vm.state is VmState.ACTIVE and vm.lcm in _RUNNING):
        raise internal(f"configuration cannot be updated in state {vm.state_name}.")
    kept = next(iter(vm.template.vectors("CONTEXT")), {})
    if not append:
        for name in _UPDATABLE:
            if name != "CONTEXT" or wanted.vectors("CONTEXT"):
                vm.template.erase(name)
    for name in _UPDATABLE:
        for vector in wanted.vectors(name)[:1]:
            vm.template.set(name, vector)
            if name == "CONTEXT":
                vector.update({k: kept[k] for k in ("DISK_ID", "TARGET") if k in kept})
    vm.template.encrypt()
    if vm.state is VmState.ACTIVE:
        call.cloud.life.hotplug(vm)
    return vm_id


@method("one.vm.info")
def info(call: Call, vm_id: int, decrypt: bool = False) -> str:
    vm = call.cloud.vms[vm_id]
    if decrypt:
        call.may(ADMIN, "VM", vm)
    call.may_see("VM", vm)
    return decrypted_xml(vm) if decrypt else vm.xml()


@method("one.vm.monitoring")
def monitoring(call: Call, vm_id: int) -> str:
    vm = call.cloud.vms[vm_id]
    call.may(USE, "VM", vm)
    earlier = "".join(
        f"<MONITORING><CPU><![CDATA[{cpu}]]></CPU><ID><![CDATA[{vm_id}]]></ID>"
        f"<TIMESTAMP><![CDATA[{time}]]></TIMESTAMP></MONITORING>"
        for time, cpu in vm.reports
    )
    return f"<MONITORING_DATA>{earlier}{vm.monitoring.xml('MONITORING')}</MONITORING_DATA>"


def _of_state(vm: Vm, state: int) -> bool:
    if state == -2:
        return True
    return vm.state is not VmState.DONE if state == -1 else int(vm.state) == state


def _matches(vm: Vm, query: str) -> bool:
    """`KEY=VALUE` on an attribute of the template, which is all that clients here ask."""
    key, _, value = query.partition("=")
    found = vm.name if key == "NAME" else vm.user_template.get(key) or vm.template.get(key)
    return not query or found == value.strip('"')


@method("one.vmpool.info")
def pool_info(  # noqa: PLR0917 - the arguments are oned's
    call: Call, who: int, first: int, last: int, state: int = -1, query: str = ""
) -> str:
    seen = visible(call, who, "VM")
    return call.cloud.vms.xml(
        lambda vm: _of_state(vm, state) and seen(vm) and _matches(vm, query),
        limits=(first, last),
    )


@method("one.vmpool.infoextended")
def pool_infoextended(  # noqa: PLR0917 - the arguments are oned's
    call: Call, who: int, first: int, last: int, state: int = -1, query: str = ""
) -> str:
    seen = visible(call, who, "VM")
    return call.cloud.vms.xml(
        lambda vm: _of_state(vm, state) and seen(vm) and _matches(vm, query),
        Vm.xml,
        (first, last),
    )


@method("one.vmpool.infoset")
def pool_infoset(call: Call, numbers: str, extended: bool = True) -> str:
    wanted = {int(n) for n in numbers.split(",") if n.strip().isdigit()}
    seen = visible(call, -2, "VM")
    write = Vm.xml if extended else Vm.pool_xml
    return call.cloud.vms.xml(lambda vm: vm.id in wanted and seen(vm), write)
