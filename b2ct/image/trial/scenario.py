"""The ways in which an image is tried: firmware, source of the context, disk controller."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from b2ct.core.errors import B2ctError
from b2ct.firmware.qemu import Firmware


class Source(StrEnum):
    """Where the VM gets its context from."""

    OPENNEBULA = "opennebula"
    NOCLOUD = "nocloud"


@dataclass(frozen=True)
class Scenario:
    """One way to boot the image.

    `machine` is QEMU's machine type, `controller` what the disk is attached to. The CD is on IDE
    in a `pc`, where OpenNebula puts it (hda ...), and on AHCI in a `q35`, which has no IDE.
    """

    firmware: Firmware
    source: Source
    machine: str
    controller: str

    @property
    def name(self) -> str:
        """As it is shown and asked for."""
        return f"{self.firmware}/{self.source}"


SCENARIOS = (
    # What OpenNebula makes of a template that says nothing but DEV_PREFIX=vd.
    Scenario(Firmware.BIOS, Source.OPENNEBULA, "pc", "virtio"),
    Scenario(Firmware.UEFI, Source.NOCLOUD, "q35", "ahci"),
    Scenario(Firmware.UEFI, Source.OPENNEBULA, "q35", "virtio"),
    Scenario(Firmware.BIOS, Source.NOCLOUD, "pc", "ide"),
)
"""Every firmware with every source; together they have every controller that the image must drive.
The first two alone have each of both once."""


def choose(
    firmware: Collection[str] = (), sources: Collection[str] = (), *, quick: bool = False
) -> tuple[Scenario, ...]:
    """The scenarios that the words allow; `quick`: no more than it takes to have each word once.

    Raises B2ctError when nothing is left.
    """
    chosen = [
        row
        for row in SCENARIOS
        if (not firmware or row.firmware in firmware) and (not sources or row.source in sources)
    ]
    if quick:
        chosen = [row for at, row in enumerate(chosen) if _adds(row, chosen[:at])]
    if not chosen:
        raise B2ctError("no boot is left to try", hint="give fewer of --firmware and --context")
    return tuple(chosen)


def _adds(row: Scenario, before: list[Scenario]) -> bool:
    return row.firmware not in {b.firmware for b in before} or row.source not in {
        b.source for b in before
    }
