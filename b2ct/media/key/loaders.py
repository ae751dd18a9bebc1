"""The boot loaders of a key: the host's GRUB for BIOS, the ISO's own shim and GRUB for UEFI."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.core.run import run
from b2ct.firmware import grub
from b2ct.firmware.grub import Grub
from b2ct.media.esp import Esp
from b2ct.media.imagewriter import Data
from b2ct.media.key.fat32 import File
from b2ct.media.source import Image

GRUB_PREFIX = "(,msdos1)/boot/grub"
"""The first partition of the disk that the BIOS started."""
GRUB_MODULES = (
    *("biosdisk", "part_msdos", "fat", "normal", "configfile", "search", "search_label"),
    *("linux", "boot", "chain", "test", "echo", "true", "serial", "terminal", "minicmd", "ls"),
    *("cat", "help", "sleep", "halt", "reboot"),
)
"""All that the menu uses and a person at GRUB's prompt may want: no module is on the key."""
_LARGEST_LOADER = 32 * 2**20
_MOST_LOADERS = 32
_TIMEOUT = 60.0


def bios() -> Grub:
    """GRUB for BIOS from the host's own files. Raises B2ctError when the host has none."""
    return grub.bios(prefix=GRUB_PREFIX, modules=GRUB_MODULES)


def has_uefi(files: Sequence[File]) -> bool:
    """The files include a boot loader where UEFI looks for it on removable media."""
    return any(file.path.upper() == "EFI/BOOT/BOOTX64.EFI" for file in files)


def uefi_from_esp(image: Image, partition: Esp) -> tuple[File, ...]:
    """The loaders in an EFI system partition, without its menus: EFI/BOOT/* as files of a key.

    For an ISO whose tree has none. Raises B2ctError when mtools is missing or the FAT is damaged.
    """
    with tempfile.TemporaryDirectory(prefix="b2ct-esp-") as folder:
        link = Path(folder) / "image"  # mtools would read an @@ in the image's own name as offset
        link.symlink_to(image.path.absolute())
        place = f"{link}@@{partition.offset}"
        paths = _mtools("mdir", "-b", "-/", "-i", place, "::/").splitlines()
        found: list[File] = []
        for number, path in enumerate(line.removeprefix("::/") for line in paths):
            if not path.upper().startswith("EFI/BOOT/") or path.endswith("/"):
                continue
            if path.lower().endswith((".cfg", ".conf")):
                continue
            copy = Path(folder) / str(number)
            _mtools("mcopy", "-n", "-i", place, f"::/{path}", str(copy))
            size = copy.stat().st_size
            if size > _LARGEST_LOADER or len(found) == _MOST_LOADERS:
                raise B2ctError(f"{path} in the EFI system partition of {image.path} is too big")
            found.append(File(path, (Data(copy.read_bytes()),)))
    return tuple(found)


def _mtools(tool: str, *words: str) -> str:
    env = {"MTOOLSRC": os.devnull, "MTOOLS_SKIP_CHECK": "1"}
    return run(
        [tool, *words], env=env, timeout=_TIMEOUT,
        hint="the installer's EFI system partition may be damaged: check the ISO's checksum",
    ).stdout  # fmt: skip
