"""GRUB from the host's own files: for BIOS, patched for the place where it lies, and for UEFI.

Where GRUB's images are patched follows grub-core/boot/i386/pc/boot.S and diskboot.S and
include/grub/offsets.h of GRUB 2, as grub-install patches them for a hard disk.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.core.run import find_tool, need_tool, run

SECTOR = 512
CODE = 440
"""Bytes of a boot sector that are code; behind them come the disk's ID and the partitions."""
FOLDERS = (Path("/usr/lib/grub/i386-pc"),)
UEFI_FOLDERS = (Path("/usr/lib/grub/x86_64-efi"),)
_KERNEL_SECTOR = 0x5C
_BOOT_DRIVE = 0x64
_DRIVE_CHECK = 0x66
_BLOCK_LIST = SECTOR - 12
_KERNEL_SEGMENT = 0x800
_TIMEOUT = 60.0


@dataclass(frozen=True)
class Grub:
    """GRUB for BIOS: `boot` is its boot sector (boot.img), `core` what grub-mkimage made."""

    boot: bytes
    core: bytes


def boot_code(grub: Grub, core_sector: int) -> bytes:
    """The code of a boot sector (440 bytes) that loads GRUB's core from a sector (LBA) on.

    Raises B2ctError when the host's boot.img is none.
    """
    if len(grub.boot) != SECTOR or grub.boot[510:] != b"\x55\xaa":
        raise B2ctError(
            "this host's boot.img is not GRUB's boot sector",
            hint="install GRUB's i386-pc files anew: `b2ct doctor` names the package",
        )
    code = bytearray(grub.boot[:CODE])
    code[_KERNEL_SECTOR : _KERNEL_SECTOR + 8] = core_sector.to_bytes(8, "little")
    code[_BOOT_DRIVE] = 0xFF  # the drive that the BIOS says
    code[_DRIVE_CHECK : _DRIVE_CHECK + 2] = b"\x90\x90"  # ... or 0x80 if it says nonsense
    return bytes(code)


def core_at(grub: Grub, sector: int) -> bytes:
    """GRUB's core in whole sectors, to lie at `sector` (LBA): its first sector loads the others."""
    core = bytearray(grub.core)
    core += bytes(-len(core) % SECTOR)
    others = len(core) // SECTOR - 1
    core[_BLOCK_LIST:SECTOR] = (
        (sector + 1).to_bytes(8, "little")
        + others.to_bytes(2, "little")
        + (_KERNEL_SEGMENT + SECTOR // 16).to_bytes(2, "little")
    )
    return bytes(core)


def bios(*, prefix: str, modules: Sequence[str], script: str = "") -> Grub:
    """GRUB for BIOS from the host's own files, with the modules that it has of those named.

    `prefix` is where GRUB looks for its configuration, such as `(,msdos1)/boot/grub`. `script` is
    run before that. Raises B2ctError when the host has none.
    """
    folder = next((f for f in FOLDERS if (f / "normal.mod").is_file()), None)
    if folder is None or not (folder / "boot.img").is_file():
        raise B2ctError(
            "this host has no GRUB for BIOS, which the image needs",
            hint="Debian: apt-get install grub-pc-bin grub-common; "
            "EL: dnf install grub2-pc-modules grub2-tools",
        )
    core = mkimage("i386-pc", folder, ["-p", prefix], modules, script)
    return Grub((folder / "boot.img").read_bytes(), core)


def uefi(*, prefix: str, modules: Sequence[str], script: str = "") -> bytes:
    """GRUB for UEFI as one EFI program, not signed for Secure Boot; otherwise like `bios`."""
    folder = next((f for f in UEFI_FOLDERS if (f / "normal.mod").is_file()), None)
    if folder is None:
        raise B2ctError(
            "this host has no GRUB for UEFI, which the image needs",
            hint="Debian: apt-get install grub-efi-amd64-bin grub-common; "
            "EL: dnf install grub2-efi-x64-modules grub2-tools",
        )
    return mkimage("x86_64-efi", folder, ["-p", prefix], modules, script)


def mkimage(
    target: str, folder: Path, words: Sequence[str], modules: Sequence[str], script: str = ""
) -> bytes:
    """An image made by grub-mkimage for `target` from the modules that `folder` has.

    Raises B2ctError when the tool is missing or fails.
    """
    tool = find_tool("grub-mkimage") or find_tool("grub2-mkimage") or need_tool("grub-mkimage")
    present = [name for name in modules if (folder / f"{name}.mod").is_file()]
    with tempfile.TemporaryDirectory(prefix="b2ct-grub-") as work:
        out = Path(work) / "image"
        early = Path(work) / "early.cfg"
        early.write_text(script)
        first = ("-c", early) if script else ()
        run(
            [tool, "-O", target, "-d", folder, *words, *first, "-o", out, *present],
            timeout=_TIMEOUT,
            hint="GRUB's files may belong to another version than grub-mkimage: reinstall both",
        )
        return out.read_bytes()
