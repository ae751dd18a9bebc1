"""OpenNebula's states as libcloud's, whose names DIRAC goes by.

CloudComputingElement takes STOPPED for a pilot that is done, removes what is STOPPED or ERROR, and
counts everything else as running.
"""

from __future__ import annotations

from b2ct.one.objects.vm import Vm
from b2ct.one.states import VmState, lcm_name

_STATES = {
    VmState.INIT: "PENDING",
    VmState.PENDING: "PENDING",
    VmState.HOLD: "PAUSED",
    VmState.STOPPED: "STOPPED",
    VmState.SUSPENDED: "SUSPENDED",
    VmState.DONE: "STOPPED",
    VmState.FAILED: "ERROR",
    VmState.POWEROFF: "STOPPED",
    VmState.UNDEPLOYED: "STOPPED",
    VmState.CLONING: "PENDING",
    VmState.CLONING_FAILURE: "ERROR",
}
_ACTIVE = {
    "LCM_INIT": "PENDING", "PROLOG": "STARTING", "BOOT": "STARTING", "RUNNING": "RUNNING",
    "SHUTDOWN": "STOPPING", "CANCEL": "STOPPING", "EPILOG": "STOPPING", "FAILURE": "ERROR",
    "CLEANUP_DELETE": "STOPPING", "SHUTDOWN_POWEROFF": "STOPPING", "UNKNOWN": "UNKNOWN",
}  # fmt: skip
_BEGINNINGS = (
    ("BOOT_", "STARTING"), ("PROLOG_", "STARTING"), ("MIGRATE", "MIGRATING"),
    ("HOTPLUG", "RUNNING"), ("DISK_", "RUNNING"), ("BACKUP", "RUNNING"), ("SAVE_", "STOPPING"),
    ("EPILOG_", "STOPPING"), ("SHUTDOWN_", "STOPPING"), ("CLEANUP_", "STOPPING"),
)  # fmt: skip


def of(vm: Vm) -> str:
    """The name of a member of libcloud's NodeState."""
    if vm.failed:
        return "ERROR"
    if vm.state is not VmState.ACTIVE:
        return _STATES.get(vm.state, "UNKNOWN")
    name = lcm_name(vm.lcm_state)
    found = (state for beginning, state in _BEGINNINGS if name.startswith(beginning))
    return _ACTIVE.get(name) or next(found, "UNKNOWN")
