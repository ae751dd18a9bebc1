"""How libguestfs, of which virt-make-fs and virt-customize are, starts its appliance here."""

from __future__ import annotations

import os

from b2ct.firmware.accel import kvm_works
from b2ct.firmware.qemu import find_qemu


def prepare() -> None:
    """For all programs that this one starts; what the environment says already stays."""
    os.environ.setdefault("LIBGUESTFS_BACKEND", "direct")
    if not kvm_works(find_qemu()):
        os.environ.setdefault("LIBGUESTFS_BACKEND_SETTINGS", "force_tcg")
