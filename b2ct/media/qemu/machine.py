"""The QEMU machine an image is tried in: a PC as EL6 to EL10 know it, with a serial console."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.core.run import find_tool


class Firmware(StrEnum):
    """SeaBIOS, or OVMF with Secure Boot off."""

    BIOS = "bios"
    UEFI = "uefi"


class Attach(StrEnum):
    """How the image is put into the machine."""

    CD = "cd"
    USB = "usb"


OVMF: tuple[tuple[str, str], ...] = (
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
    ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.secboot.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
)
"""UEFI firmware and its variables without Secure Boot keys: Debian, EL and Fedora, Arch, EL9.

EL9 has only the build that can do Secure Boot; without keys in its variables it does not.
"""


@dataclass(frozen=True)
class Machine:
    """A machine to boot once. `memory` is in MiB; `pflash` is OVMF's code and a private copy of
    its variables, None for BIOS."""

    qemu: str
    image: Path
    attach: Attach
    memory: int
    kvm: bool
    pflash: tuple[Path, Path] | None = None

    @property
    def _smm(self) -> bool:
        """OVMF built for Secure Boot keeps its variables behind system management mode."""
        return self.pflash is not None and ".secboot." in self.pflash[0].name

    def argv(self) -> list[str]:
        """The command line. The image is only read, whatever the guest does."""
        return [
            *(self.qemu, "-nodefaults", "-no-user-config", "-no-reboot"),
            # q35 has the AHCI controller that every release has a driver for. graphics=off
            # makes SeaBIOS show its messages on the serial console.
            *("-machine", f"q35,graphics=off,smm={'on' if self._smm else 'off'}"),
            *("-m", str(self.memory), "-smp", "1"),
            # EL9 wants x86-64-v2 and EL10 x86-64-v3: "max" has them under KVM and TCG alike.
            *("-accel", "kvm" if self.kvm else "tcg", "-cpu", "max"),
            *("-vga", "std", "-display", "none", "-monitor", "none", "-serial", "stdio"),
            *("-nic", "none", *self._firmware(), *self._medium()),
        ]

    def _firmware(self) -> list[str]:
        if self.pflash is None:
            return []
        code, variables = (_escaped(path) for path in self.pflash)
        secure = ("-global", "driver=cfi.pflash01,property=secure,value=on")
        return [
            *(secure if self._smm else ()),
            *("-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={code}"),
            *("-drive", f"if=pflash,format=raw,unit=1,file={variables}"),
        ]

    def _medium(self) -> list[str]:
        image = f"if=none,id=medium,format=raw,readonly=on,file={_escaped(self.image)}"
        if self.attach is Attach.CD:
            return ["-drive", f"{image},media=cdrom", "-device", "ide-cd,drive=medium,bootindex=0"]
        usb = "usb-storage,drive=medium,removable=on,bootindex=0"
        return ["-drive", image, "-device", "qemu-xhci", "-device", usb]


def _escaped(path: Path) -> str:
    """A path inside a QEMU option, where a comma ends the value and two stand for one."""
    return str(path).replace(",", ",,")


def find_qemu() -> str:
    """QEMU for x86. Raises B2ctError when it is not installed."""
    # EL hides its build where PATH does not lead.
    for name in ("qemu-system-x86_64", "qemu-kvm", "/usr/libexec/qemu-kvm"):
        found = find_tool(name)
        if found:
            return found
    raise B2ctError(
        "QEMU is not installed, so nothing can be booted here",
        hint="Debian: apt-get install qemu-system-x86; EL: dnf install qemu-kvm",
    )


def private_ovmf(folder: Path) -> tuple[Path, Path]:
    """OVMF's code, and a copy of its empty variables in `folder` that the guest may write.

    Raises B2ctError when OVMF is not installed.
    """
    for code, variables in OVMF:
        if Path(code).is_file() and Path(variables).is_file():
            copy = folder / "variables.fd"
            shutil.copyfile(variables, copy)
            return Path(code), copy
    raise B2ctError(
        "the UEFI firmware OVMF is not installed",
        hint="Debian: apt-get install ovmf; EL: dnf install edk2-ovmf; or use --firmware bios",
    )
