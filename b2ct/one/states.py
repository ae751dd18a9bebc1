"""The states of OpenNebula's objects, numbered as the server does, and what they mean for us.

Unknown numbers (a newer server) become UNKNOWN, never an error.
"""

from __future__ import annotations

from enum import IntEnum


class _State(IntEnum):
    """Numbers beyond the known ones become the member `UNKNOWN_STATE`."""

    @classmethod
    def _missing_(cls, value: object) -> _State | None:
        return cls["UNKNOWN_STATE"] if isinstance(value, int) else None


class ImageState(_State):
    """STATE of an image."""

    UNKNOWN_STATE = -1
    INIT = 0
    READY = 1
    USED = 2
    DISABLED = 3
    LOCKED = 4
    ERROR = 5
    CLONE = 6
    DELETE = 7
    USED_PERS = 8
    LOCKED_USED = 9
    LOCKED_USED_PERS = 10

    @property
    def usable(self) -> bool:
        """A VM can start from it."""
        return self in (ImageState.READY, ImageState.USED, ImageState.USED_PERS)

    @property
    def locked(self) -> bool:
        """It is being copied (or was left so by a restart of the server)."""
        return self in (
            *(ImageState.LOCKED, ImageState.LOCKED_USED, ImageState.LOCKED_USED_PERS),
            *(ImageState.INIT, ImageState.CLONE),
        )


class ImageType(_State):
    """TYPE of an image."""

    UNKNOWN_STATE = -1
    OS = 0
    CDROM = 1
    DATABLOCK = 2
    KERNEL = 3
    RAMDISK = 4
    CONTEXT = 5
    BACKUP = 6
    FILESYSTEM = 7


class VmState(_State):
    """STATE of a VM."""

    UNKNOWN_STATE = -1
    INIT = 0
    PENDING = 1
    HOLD = 2
    ACTIVE = 3
    STOPPED = 4
    SUSPENDED = 5
    DONE = 6
    FAILED = 7
    POWEROFF = 8
    UNDEPLOYED = 9
    CLONING = 10
    CLONING_FAILURE = 11


_LCM = (
    "LCM_INIT", "PROLOG", "BOOT", "RUNNING", "MIGRATE", "SAVE_STOP", "SAVE_SUSPEND",
    "SAVE_MIGRATE", "PROLOG_MIGRATE", "PROLOG_RESUME", "EPILOG_STOP", "EPILOG", "SHUTDOWN",
    "CANCEL", "FAILURE", "CLEANUP_RESUBMIT", "UNKNOWN", "HOTPLUG", "SHUTDOWN_POWEROFF",
    "BOOT_UNKNOWN", "BOOT_POWEROFF", "BOOT_SUSPENDED", "BOOT_STOPPED", "CLEANUP_DELETE",
    "HOTPLUG_SNAPSHOT", "HOTPLUG_NIC", "HOTPLUG_SAVEAS", "HOTPLUG_SAVEAS_POWEROFF",
    "HOTPLUG_SAVEAS_SUSPENDED", "SHUTDOWN_UNDEPLOY", "EPILOG_UNDEPLOY", "PROLOG_UNDEPLOY",
    "BOOT_UNDEPLOY", "HOTPLUG_PROLOG_POWEROFF", "HOTPLUG_EPILOG_POWEROFF", "BOOT_MIGRATE",
    "BOOT_FAILURE", "BOOT_MIGRATE_FAILURE", "PROLOG_MIGRATE_FAILURE", "PROLOG_FAILURE",
    "EPILOG_FAILURE", "EPILOG_STOP_FAILURE", "EPILOG_UNDEPLOY_FAILURE", "PROLOG_MIGRATE_POWEROFF",
    "PROLOG_MIGRATE_POWEROFF_FAILURE", "PROLOG_MIGRATE_SUSPEND", "PROLOG_MIGRATE_SUSPEND_FAILURE",
    "BOOT_UNDEPLOY_FAILURE", "BOOT_STOPPED_FAILURE", "PROLOG_RESUME_FAILURE",
    "PROLOG_UNDEPLOY_FAILURE", "DISK_SNAPSHOT_POWEROFF", "DISK_SNAPSHOT_REVERT_POWEROFF",
    "DISK_SNAPSHOT_DELETE_POWEROFF", "DISK_SNAPSHOT_SUSPENDED", "DISK_SNAPSHOT_REVERT_SUSPENDED",
    "DISK_SNAPSHOT_DELETE_SUSPENDED", "DISK_SNAPSHOT", "DISK_SNAPSHOT_REVERT",
    "DISK_SNAPSHOT_DELETE", "PROLOG_MIGRATE_UNKNOWN", "PROLOG_MIGRATE_UNKNOWN_FAILURE",
    "DISK_RESIZE", "DISK_RESIZE_POWEROFF", "DISK_RESIZE_UNDEPLOYED", "HOTPLUG_NIC_POWEROFF",
    "HOTPLUG_RESIZE", "HOTPLUG_SAVEAS_UNDEPLOYED", "HOTPLUG_SAVEAS_STOPPED", "BACKUP",
    "BACKUP_POWEROFF", "RESTORE",
)  # fmt: skip


def lcm_name(number: int) -> str:
    """The name of an LCM_STATE, such as RUNNING; `STATE_99` for one that is not known."""
    return _LCM[number] if 0 <= number < len(_LCM) else f"STATE_{number}"


LCM_RUNNING = _LCM.index("RUNNING")
LCM_UNKNOWN = _LCM.index("UNKNOWN")


class HostState(_State):
    """STATE of a host."""

    UNKNOWN_STATE = -1
    INIT = 0
    MONITORING_MONITORED = 1
    MONITORED = 2
    ERROR = 3
    DISABLED = 4
    MONITORING_ERROR = 5
    MONITORING_INIT = 6
    MONITORING_DISABLED = 7
    OFFLINE = 8


class HostStatus(IntEnum):
    """What `hosts.status` sets."""

    ENABLED = 0
    DISABLED = 1
    OFFLINE = 2


class NetState(_State):
    """STATE of a virtual network (from 6.4; older ones have none, which reads as READY)."""

    UNKNOWN_STATE = -1
    INIT = 0
    READY = 1
    LOCK_CREATE = 2
    LOCK_DELETE = 3
    DONE = 4
    ERROR = 5
    UPDATE_FAILURE = 6


class DatastoreType(_State):
    """TYPE of a datastore."""

    UNKNOWN_STATE = -1
    IMAGE = 0
    SYSTEM = 1
    FILE = 2
    BACKUP = 3
