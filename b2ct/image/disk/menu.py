"""What the image is told about itself: GRUB's menu and /etc/fstab."""

from __future__ import annotations

import re
from importlib.resources import files

from b2ct.core.errors import B2ctError
from b2ct.image.disk import kernels
from b2ct.image.disk.partitions import DiskPlan
from b2ct.image.model import Boot

GRUB_CFG = "boot/grub/grub.cfg"
FSTAB = "etc/fstab"
CMDLINE = "etc/kernel/cmdline"
"""kernel-install(8) takes a new boot entry's arguments from here."""
_SERIAL = re.compile(r"console=ttyS([0-3])(?:,([0-9]{3,7})[a-z0-9]*)?")


def arguments(boot: Boot, plan: DiskPlan) -> tuple[str, ...]:
    """The kernel's command line as words."""
    return (
        f"root=UUID={plan.root_uuid}",
        "ro",
        *(w for line in boot.arguments for w in line.split()),
    )


def grub_cfg(boot: Boot, plan: DiskPlan) -> str:
    """The menu, on the kernel's consoles: the screen, and a serial port if it has one."""
    words = arguments(boot, plan)
    initial = " ".join(f'"{form.format("$release")}"' for form in kernels.INITIAL)
    text = files("b2ct.image.disk").joinpath("data", "grub.cfg").read_text()
    values = {
        "SERIAL": _serial(words),
        "PATTERN": kernels.PATTERN,
        "INITIAL": initial,
        "ARGUMENTS": " ".join(map(_quoted, words)),
        "TIMEOUT": str(boot.timeout),
    }
    return re.sub("@([A-Z]+)@", lambda found: values[found[1]], text)


def _serial(words: tuple[str, ...]) -> str:
    """GRUB on the kernel's serial console too. UEFI firmware does that by itself."""
    for word in reversed(words):
        if found := _SERIAL.fullmatch(word):
            return (
                'if [ "$grub_platform" = pc ]; then\n'
                f"  if serial --unit={found[1]} --speed={found[2] or 9600}; then\n"
                "    terminal_input console serial\n"
                "    terminal_output console serial\n"
                "  fi\n"
                "fi\n"
            )
    return ""


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"


def fstab(plan: DiskPlan, existing: str) -> str:
    """The root file system, and what the definition's own /etc/fstab says besides.

    `noatime`: reading alone must not make a VM's disk grow. Raises B2ctError when the definition
    mounts / in its own way.
    """
    ours = f"UUID={plan.root_uuid} / ext4 noatime,errors=remount-ro 0 1"
    others = [line for line in existing.splitlines() if line.strip() != ours]
    for line in others:
        if not line.lstrip().startswith("#") and line.split()[1:2] == ["/"]:
            raise B2ctError(
                f"/etc/fstab of the image mounts / already: {line.strip()}",
                hint="take that line out of the definition's file: the build knows the UUID",
            )
    return "\n".join([ours, *others]) + "\n"
