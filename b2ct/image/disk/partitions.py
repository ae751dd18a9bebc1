"""Where everything lies on the disk, and by which identifiers it is found. Pure.

GUID partition table after the UEFI specification, chapter 5. Partitions begin and end on a MiB, as
every tool of today aligns. Root is the last one, so that it grows when the disk grows.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from b2ct.core.errors import B2ctError
from b2ct.image.model import MIB, Layout

SECTOR = 512
BLOCK = 4096
"""Block size of the root file system, in bytes."""
_BIOS_BOOT = "21686148-6449-6E6F-744E-656564454649"
_ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
_ROOT_X86_64 = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"
"""Discoverable Partitions Specification: the root of an x86-64 system."""
_SMALLEST_ROOT = 64 * MIB
_NAMESPACE = uuid.UUID("8f0c1a52-6a0e-5d0b-9a55-b2c700000001")


@dataclass(frozen=True)
class Partition:
    """A partition: where it begins and how long it is, in bytes."""

    number: int
    name: str
    type: str
    start: int
    size: int
    uuid: str

    @property
    def lba(self) -> int:
        """Its first sector."""
        return self.start // SECTOR


@dataclass(frozen=True)
class DiskPlan:
    """The disk: `size` in bytes, a multiple of a MiB."""

    size: int
    uuid: str
    bios_boot: Partition
    esp: Partition
    root: Partition
    root_uuid: str
    """Of the root file system."""
    hash_seed: str
    """Of its directory index."""
    esp_id: int
    """Volume ID of the FAT, 32 bits."""
    label: str

    @property
    def partitions(self) -> tuple[Partition, ...]:
        """In the order of the table and of the disk."""
        return (self.bios_boot, self.esp, self.root)

    @property
    def blocks(self) -> int:
        """Of the root file system: it must not be larger than its partition by a single one."""
        return self.root.size // BLOCK

    def table(self) -> str:
        """The partition table as a script of sfdisk(8)."""
        lines = [
            "label: gpt",
            f"label-id: {self.uuid}",
            "unit: sectors",
            "first-lba: 34",
            f"last-lba: {self.size // SECTOR - 34}",
            "",
        ]
        for part in self.partitions:
            lines.append(
                f"start={part.lba}, size={part.size // SECTOR}, type={part.type}, "
                f'uuid={part.uuid}, name="{part.name}"'
            )
        return "\n".join(lines) + "\n"


def plan(layout: Layout, seed: str) -> DiskPlan:
    """Divide a disk. Sizes are rounded up to whole MiB; the same seed gives the same identifiers.

    Raises B2ctError when the disk is too small for its partitions.
    """
    size, esp = _whole(layout.size), _whole(layout.esp)
    start = 2 * MIB + esp
    # The last MiB holds the backup of the table.
    room = size - MIB - start
    if room < _SMALLEST_ROOT:
        raise B2ctError(
            f"a disk of {size // MIB} MiB with an EFI system partition of {esp // MIB} MiB leaves "
            f"{max(room, 0) // MIB} MiB for the root file system",
            hint="raise disk.size, or lower disk.esp, in the definition",
        )

    def name(what: str) -> str:
        return str(uuid.uuid5(_NAMESPACE, f"{seed}\0{what}"))

    return DiskPlan(
        size=size,
        uuid=name("disk"),
        bios_boot=Partition(1, "bios", _BIOS_BOOT, MIB, MIB, name("bios")),
        esp=Partition(2, "esp", _ESP, 2 * MIB, esp, name("esp")),
        root=Partition(3, "root", _ROOT_X86_64, start, room, name("root")),
        root_uuid=name("root file system"),
        hash_seed=name("directory index"),
        esp_id=uuid.uuid5(_NAMESPACE, f"{seed}\0esp file system").fields[0],
        label=layout.label,
    )


def _whole(size: int) -> int:
    return -(-size // MIB) * MIB
