"""GRUB of this host, for BIOS and for UEFI: both find the root file system by its UUID.

One menu serves both: /boot/grub/grub.cfg. All modules are inside the images, so that no GRUB has
to be installed in the system that starts; they include what a grub.cfg of update-grub(8) uses, so
that a VM in which somebody installs GRUB keeps on booting.
"""

from __future__ import annotations

from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.core.files import explain
from b2ct.firmware import grub
from b2ct.image.disk.partitions import DiskPlan

_BOTH = (
    *("part_gpt", "part_msdos", "ext2", "fat", "normal", "configfile", "search", "search_fs_uuid"),
    *("search_fs_file", "search_label", "linux", "boot", "chain", "test", "echo", "true", "regexp"),
    *("loadenv", "serial", "terminal", "minicmd", "ls", "cat", "help", "sleep", "halt", "reboot"),
    *("gzio", "gettext"),
)
"""No gfxterm: update-grub's menu switches to it without asking, and a machine without a graphics
card, or without GRUB's font, would then show nothing and wait for a key."""
MODULES = {
    "i386-pc": ("biosdisk", *_BOTH),
    # Under UEFI the kernel gets its screen from the loader.
    "x86_64-efi": (*_BOTH, "efi_gop", "efi_uga", "efifwsetup"),
}
PREFIX = "/boot/grub"


def bios(plan: DiskPlan) -> grub.Grub:
    """GRUB for BIOS. Raises B2ctError when this host has none."""
    return grub.bios(prefix=PREFIX, modules=MODULES["i386-pc"], script=_early(plan))


def write(raw: Path, plan: DiskPlan, made: grub.Grub) -> None:
    """Write GRUB for BIOS: its boot sector's code, and its core into the BIOS boot partition.

    The partition table of the boot sector stays. Raises B2ctError when GRUB is too large.
    """
    core = grub.core_at(made, plan.bios_boot.lba)
    if len(core) > plan.bios_boot.size:
        raise B2ctError(
            f"this host's GRUB for BIOS has {len(core)} bytes, more than the "
            f"{plan.bios_boot.size} of the BIOS boot partition",
            hint="tell the authors of B2CT",
        )
    try:
        with raw.open("r+b") as disk:
            disk.write(grub.boot_code(made, plan.bios_boot.lba))
            disk.seek(plan.bios_boot.start)
            disk.write(core)
    except OSError as err:
        raise explain(err, f"write {raw}") from err


def loader(plan: DiskPlan) -> bytes:
    """GRUB for UEFI. Raises B2ctError when this host has none."""
    return grub.uefi(prefix=PREFIX, modules=MODULES["x86_64-efi"], script=_early(plan))


def _early(plan: DiskPlan) -> str:
    """What GRUB does before it reads its menu: find the file system that has it."""
    return f"search.fs_uuid {plan.root_uuid} root\nset prefix=($root){PREFIX}\n"
