"""The QEMU machine an image is tried in: a PC as EL6 to EL10 know it, with a serial console."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from b2ct.firmware.qemu import escaped, firmware_words, needs_smm


class Attach(StrEnum):
    """How the image is put into the machine."""

    CD = "cd"
    USB = "usb"


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

    def argv(self) -> list[str]:
        """The command line. The image is only read, whatever the guest does."""
        return [
            *(self.qemu, "-nodefaults", "-no-user-config", "-no-reboot"),
            # q35 has the AHCI controller that every release has a driver for. graphics=off
            # makes SeaBIOS show its messages on the serial console.
            *("-machine", f"q35,graphics=off,smm={'on' if needs_smm(self.pflash) else 'off'}"),
            *("-m", str(self.memory), "-smp", "1"),
            # EL9 wants x86-64-v2 and EL10 x86-64-v3: "max" has them under KVM and TCG alike.
            *("-accel", "kvm" if self.kvm else "tcg", "-cpu", "max"),
            *("-vga", "std", "-display", "none", "-monitor", "none", "-serial", "stdio"),
            *("-nic", "none", *firmware_words(self.pflash), *self._medium()),
        ]

    def _medium(self) -> list[str]:
        image = f"if=none,id=medium,format=raw,readonly=on,file={escaped(self.image)}"
        if self.attach is Attach.CD:
            return ["-drive", f"{image},media=cdrom", "-device", "ide-cd,drive=medium,bootindex=0"]
        usb = "usb-storage,drive=medium,removable=on,bootindex=0"
        return ["-drive", image, "-device", "qemu-xhci", "-device", usb]
