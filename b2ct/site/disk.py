"""The disks of a machine, as site.yaml describes them."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from b2ct.document.model import Model
from b2ct.document.types import AbsolutePath, Line, Size

_WWN_PREFIXES = ("dm-uuid-mpath-", "wwn-", "scsi-", "nvme-", "0x", "naa.", "eui.")


def plain_wwn(wwn: str) -> str:
    """A world wide name without what lsblk, udev and /dev/disk/by-id put before it."""
    wwn = wwn.lower().rpartition("/")[2]
    for prefix in _WWN_PREFIXES:
        wwn = wwn.removeprefix(prefix)
    return wwn


class DiskMatch(Model):
    """A disk of `mirror` or of `datastores`; several keys must all match."""

    serial: Line | None = Field(None, description="Serial number as `lsblk -o SERIAL` shows it.")
    wwn: Line | None = Field(
        None,
        description="World wide name, as `lsblk -o WWN`, udev or /dev/disk/by-id spell it.",
        examples=["0x5000c500a1b2c3d4"],
    )
    path: AbsolutePath | None = Field(
        None,
        description="A name that stays, below /dev/disk/by-path/ or by-id/.",
        examples=["/dev/disk/by-path/pci-0000:00:1f.2-ata-1"],
    )
    model: Line | None = Field(None, description="Model; more than one such disk: asked.")
    min_size: Size | None = Field(None, description="At least this large.")
    max_size: Size | None = Field(None, description="At most this large.")

    @property
    def names_one(self) -> bool:
        """Whether it names one disk, and not any of a kind."""
        return bool(self.serial or self.wwn or self.path)

    @property
    def says_which(self) -> bool:
        """Whether it says anything at all."""
        return bool(self.names_one or self.model or self.min_size or self.max_size)


class Disk(DiskMatch):
    """The disk to install on. Left out: asked; several keys must all match.

    Disks of a SAN by Fibre Channel and multipath are taken, those by iSCSI or FCoE are not.
    """

    mirror: tuple[DiskMatch, ...] = Field(
        (),
        min_length=2,
        max_length=2,
        description=(
            "Two disks instead of one: the system is on both (RAID 1) and starts from either."
        ),
    )
    datastores: tuple[DiskMatch, ...] = Field(
        (),
        description=(
            "Further disks, joined for /var/lib/one/datastores; nothing of it is kept twice."
        ),
    )
    wipe: bool = Field(
        False,
        description="Erase its contents without asking. Left out: a disk with data is asked for.",
    )

    @property
    def matches(self) -> tuple[tuple[str, DiskMatch], ...]:
        """Every description with what its disk is for: `system` or `datastores`."""
        system = self.mirror or (self,)
        return (
            *(("system", match) for match in system),
            *(("datastores", match) for match in self.datastores),
        )

    @model_validator(mode="after")
    def _mirror(self) -> Self:
        if self.mirror and self.says_which:
            raise ValueError("`mirror` instead of `serial`, `wwn`, `path`, `model` and sizes")
        return self
