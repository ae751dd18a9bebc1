"""The VM of a trial: a disk over the image, a CD with the context, a network, and a power button.

The image is the backing file of a throw-away overlay: it is only read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from b2ct.core.run import Background, background, run
from b2ct.firmware import monitor
from b2ct.firmware.console import FAILURES, clean, failures, told
from b2ct.firmware.qemu import escaped, firmware_words, needs_smm
from b2ct.image.trial.scenario import Scenario

MAC = "02:00:0a:00:02:0f"
"""OpenNebula's way of writing 10.0.2.15, the address that QEMU's own network gives."""
ADDRESS, GATEWAY, DNS, MASK = "10.0.2.15", "10.0.2.2", "10.0.2.3", "255.255.255.0"
_DISKS = {
    "virtio": ("virtio-blk-pci,drive=disk,bootindex=0",),
    "ahci": ("ide-hd,drive=disk,bus=ide.0,bootindex=0",),
    "ide": ("ide-hd,drive=disk,bus=ide.0,bootindex=0",),
}
"""Controller -> QEMU's devices; `ide.0` is AHCI's first port in a q35, IDE's first in a pc."""
_FAILURES = (
    *FAILURES,
    *failures(
        (
            r"(Failed to mount \S+) as root file system|ALERT!\s+(\S+ does not exist)",
            "the initramfs did not find the root file system",
        ),
        (r"(?:Entering|You are in) emergency mode", "the start ended in an emergency shell"),
    ),
)


@dataclass(frozen=True)
class Vm:
    """What the VM is made of. `memory` is in MiB; `pflash` is None for BIOS."""

    qemu: str
    scenario: Scenario
    disk: Path
    cd: Path
    folder: Path
    kvm: bool
    memory: int = 1024
    pflash: tuple[Path, Path] | None = None

    @property
    def monitor(self) -> Path:
        """Socket of QEMU's monitor."""
        return self.folder / "monitor"

    @property
    def agent(self) -> Path:
        """Socket of the guest agent's channel."""
        return self.folder / "agent"

    def argv(self) -> list[str]:
        """QEMU's command line."""
        smm = "on" if needs_smm(self.pflash) else "off"
        machine = f"{self.scenario.machine},graphics=off"
        if self.scenario.machine == "q35":
            machine += f",smm={smm}"
        return [
            *(self.qemu, "-nodefaults", "-no-user-config", "-no-reboot"),
            *("-machine", machine, "-m", str(self.memory), "-smp", "1"),
            *("-accel", "kvm" if self.kvm else "tcg", "-cpu", "max"),
            *("-vga", "std", "-display", "none", "-serial", "stdio"),
            *("-monitor", f"unix:{escaped(self.monitor)},server=on,wait=off"),
            *firmware_words(self.pflash),
            *("-drive", f"if=none,id=disk,format=qcow2,cache=unsafe,file={escaped(self.disk)}"),
            *(word for device in _DISKS[self.scenario.controller] for word in ("-device", device)),
            *("-drive", f"if=none,id=cd,format=raw,readonly=on,file={escaped(self.cd)}"),
            *("-device", "ide-cd,drive=cd,bus=ide.1"),
            # The guest reaches nothing but this host's answers to what we ask of it.
            *("-netdev", "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:0-:22"),
            *("-device", f"virtio-net-pci,netdev=net,mac={MAC},romfile="),
            *("-device", "virtio-rng-pci", "-device", "virtio-serial"),
            *("-chardev", f"socket,id=agent,path={escaped(self.agent)},server=on,wait=off"),
            *("-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"),
        ]


class Running:
    """A VM that is on."""

    def __init__(self, vm: Vm, process: Background) -> None:
        self.vm = vm
        self._process = process

    @property
    def off(self) -> bool:
        """It has ended, whatever the reason."""
        return self._process.code is not None

    def ssh_port(self) -> int:
        """The port of 127.0.0.1 that leads to its sshd. Raises B2ctError when QEMU is gone."""
        return monitor.forwarded_port(self.vm.monitor, 22)

    def press_power(self) -> None:
        """The ACPI power button, as `onevm poweroff` presses it."""
        monitor.say(self.vm.monitor, "system_powerdown")

    def ended(self, seconds: float) -> bool:
        """Wait at most so long for it to be off."""
        return self._process.ended(seconds)

    def console(self) -> list[str]:
        """All lines of its serial console, clean."""
        text = self._process.log.read_text(errors="replace")
        return [clean(line) for line in text.splitlines()]

    def failure(self) -> str:
        """What the console tells of a failed start; empty while all is well."""
        for line in self.console():
            for meaning, detail in told(line, _FAILURES):
                return f"{meaning}: {detail}" if detail else meaning
        return f"QEMU ended with exit code {self._process.code}" if self.off else ""


@contextmanager
def started(vm: Vm) -> Iterator[Running]:
    """The VM, on while the block lasts. Raises B2ctError when QEMU is missing."""
    with background(vm.argv(), log=vm.folder / "console.log") as process:
        yield Running(vm, process)


def overlay(image: Path, folder: Path, size: int) -> Path:
    """A disk of `size` bytes that has the image's content and takes the VM's writes.

    Raises CommandError when qemu-img cannot read the image.
    """
    disk = folder / "disk.qcow2"
    run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", image.absolute(),
         disk, str(size)], timeout=60,
        hint="is it a worker image? `b2ct image verify` checks it",
    )  # fmt: skip
    return disk
