"""What is before the partition: the MBR, and GRUB for BIOS in the gap behind it."""

from __future__ import annotations

from b2ct.core.errors import B2ctError
from b2ct.firmware.grub import CODE, SECTOR, Grub, boot_code, core_at

START = 2048
"""The sector at which the partition begins: 1 MiB, as every tool of today aligns."""
FAT32_LBA = 0x0C
"""Partition type. Firmware boots EFI/BOOT from it on removable media, and Windows shows it,
which it would not do with 0xEF."""
_ACTIVE = 0x80
_SIGNATURE = 0x1B8


def head(grub: Grub, *, sectors: int, signature: int) -> bytes:
    """MBR and GRUB, to be written at the start of a disk whose one partition has `sectors`.

    `signature` is the disk's 32-bit ID. Raises B2ctError when GRUB is bigger than the gap.
    """
    core = core_at(grub, 1)
    if len(core) > (START - 1) * SECTOR:
        raise B2ctError(
            f"this host's GRUB for BIOS has {len(core)} bytes, more than fits before a partition",
            hint="tell the authors of B2CT; `b2ct iso` makes a hybrid ISO that needs no such GRUB",
        )
    return _boot(grub, sectors, signature) + core


def _boot(grub: Grub, sectors: int, signature: int) -> bytes:
    """GRUB's boot sector with the partition table in it."""
    boot = bytearray(SECTOR)
    boot[:CODE] = boot_code(grub, 1)
    boot[_SIGNATURE : _SIGNATURE + 4] = signature.to_bytes(4, "little")
    boot[446:462] = (
        bytes((_ACTIVE,)) + _chs(START) + bytes((FAT32_LBA,)) + _chs(START + sectors - 1)
        + START.to_bytes(4, "little") + sectors.to_bytes(4, "little")
    )  # fmt: skip
    boot[510:] = b"\x55\xaa"
    return bytes(boot)


def _chs(sector: int) -> bytes:
    """Cylinder, head and sector with 255 heads and 63 sectors; the last one where it ends."""
    cylinder, rest = divmod(sector, 255 * 63)
    head, number = divmod(rest, 63)
    if cylinder > 1023:
        return b"\xfe\xff\xff"
    return bytes((head, (number + 1) | cylinder >> 2 & 0xC0, cylinder & 0xFF))
