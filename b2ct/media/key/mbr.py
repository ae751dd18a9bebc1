"""What is before the partition: the MBR, and GRUB for BIOS in the gap behind it.

Where GRUB's own images are patched follows grub-core/boot/i386/pc/boot.S and diskboot.S and
include/grub/offsets.h of GRUB 2, as grub-install patches them for a hard disk.
"""

from __future__ import annotations

from dataclasses import dataclass

from b2ct.core.errors import B2ctError

SECTOR = 512
START = 2048
"""The sector at which the partition begins: 1 MiB, as every tool of today aligns."""
FAT32_LBA = 0x0C
"""Partition type. Firmware boots EFI/BOOT from it on removable media, and Windows shows it,
which it would not do with 0xEF."""
_ACTIVE = 0x80
_KERNEL_SECTOR = 0x5C
_BOOT_DRIVE = 0x64
_DRIVE_CHECK = 0x66
_SIGNATURE = 0x1B8
_BLOCK_LIST = SECTOR - 12
_KERNEL_SEGMENT = 0x800
_CODE = 440


@dataclass(frozen=True)
class Grub:
    """GRUB for BIOS: `boot` is its boot sector (boot.img), `core` what grub-mkimage made."""

    boot: bytes
    core: bytes


def head(grub: Grub, *, sectors: int, signature: int) -> bytes:
    """MBR and GRUB, to be written at the start of a disk whose one partition has `sectors`.

    `signature` is the disk's 32-bit ID. Raises B2ctError when GRUB is bigger than the gap.
    """
    core = _core(grub.core)
    if len(core) > (START - 1) * SECTOR:
        raise B2ctError(
            f"this host's GRUB for BIOS has {len(core)} bytes, more than fits before a partition",
            hint="tell the authors of B2CT; `b2ct iso` makes a hybrid ISO that needs no such GRUB",
        )
    return _boot(grub.boot, sectors, signature) + core


def _boot(image: bytes, sectors: int, signature: int) -> bytes:
    """GRUB's boot sector with the partition table in it."""
    if len(image) != SECTOR or image[510:] != b"\x55\xaa":
        raise B2ctError(
            "this host's boot.img is not GRUB's boot sector",
            hint="install GRUB's i386-pc files anew: `b2ct doctor` names the package",
        )
    boot = bytearray(SECTOR)
    boot[:_CODE] = image[:_CODE]
    boot[_KERNEL_SECTOR : _KERNEL_SECTOR + 8] = (1).to_bytes(8, "little")
    boot[_BOOT_DRIVE] = 0xFF  # the drive that the BIOS says
    boot[_DRIVE_CHECK : _DRIVE_CHECK + 2] = b"\x90\x90"  # ... or 0x80 if it says nonsense
    boot[_SIGNATURE : _SIGNATURE + 4] = signature.to_bytes(4, "little")
    boot[446:462] = (
        bytes((_ACTIVE,)) + _chs(START) + bytes((FAT32_LBA,)) + _chs(START + sectors - 1)
        + START.to_bytes(4, "little") + sectors.to_bytes(4, "little")
    )  # fmt: skip
    boot[510:] = b"\x55\xaa"
    return bytes(boot)


def _core(image: bytes) -> bytes:
    """GRUB's core image that lies in sectors 1, 2, 3 ...: its first sector loads the others."""
    core = bytearray(image)
    core += bytes(-len(core) % SECTOR)
    others = len(core) // SECTOR - 1
    core[_BLOCK_LIST:SECTOR] = (
        (2).to_bytes(8, "little")
        + others.to_bytes(2, "little")
        + (_KERNEL_SEGMENT + SECTOR // 16).to_bytes(2, "little")
    )
    return bytes(core)


def _chs(sector: int) -> bytes:
    """Cylinder, head and sector with 255 heads and 63 sectors; the last one where it ends."""
    cylinder, rest = divmod(sector, 255 * 63)
    head, number = divmod(rest, 63)
    if cylinder > 1023:
        return b"\xfe\xff\xff"
    return bytes((head, (number + 1) | cylinder >> 2 & 0xC0, cylinder & 0xFF))
