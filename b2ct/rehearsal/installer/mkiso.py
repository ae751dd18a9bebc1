"""From a staged tree to a bootable ISO, with the programs that the releases were made with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from b2ct.core.run import find_tool, need_tool, run

from . import loaders
from .layouts import Layout, Recipe
from .settle import settle_dates, settle_gpt
from .tree import esp_image

_UEFI_TOOLS = ("mcopy", "mkfs.vfat")
TOOLS: dict[Recipe, tuple[str, ...]] = {
    Recipe.ISOHYBRID: ("implantisomd5", "isohybrid"),
    Recipe.ISOHYBRID_UEFI: ("implantisomd5", "isohybrid", *_UEFI_TOOLS),
    Recipe.XORRISO_ISOLINUX: ("implantisomd5", "xorriso", *_UEFI_TOOLS),
    Recipe.XORRISO_GRUB: ("implantisomd5", "xorriso", *_UEFI_TOOLS),
}
"""Host programs that a recipe runs, so that a missing one is told before any work is done."""
MBR_ID = 0xB2C7
ESP_TYPE = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
DATA_TYPE = "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7"
ISOLINUX_BOOT = (
    *("-b", "isolinux/isolinux.bin", "-c", "isolinux/boot.cat"),
    *("-boot-load-size", "4", "-boot-info-table", "-no-emul-boot"),
)
UEFI_BOOT = ("-eltorito-alt-boot", "-e", "images/efiboot.img", "-no-emul-boot")


def make(row: Layout, root: Path, iso: Path, epoch: int) -> None:
    """Write the ISO of a layout from the tree below `root`, and implant its media check."""
    recipes: dict[Recipe, Callable[[Layout, Path, Path, int], None]] = {
        Recipe.ISOHYBRID: _isohybrid,
        Recipe.ISOHYBRID_UEFI: _isohybrid_uefi,
        Recipe.XORRISO_ISOLINUX: _xorriso_isolinux,
        Recipe.XORRISO_GRUB: _xorriso_grub,
    }
    recipes[row.recipe](row, root, iso, epoch)
    run(["implantisomd5", "--force", iso])


def _mkisofs() -> list[str]:
    """The classic program; xorriso's emulation where the distribution has no other."""
    for name in ("genisoimage", "mkisofs"):
        if find_tool(name):
            return [name, "-quiet"]
    return [need_tool("xorriso"), "-as", "mkisofs", "-quiet"]


def _common(row: Layout, iso: Path) -> list[str]:
    # Whoever builds: the files belong to root, as on the release's media.
    return ["-o", str(iso), "-R", "-J", "-uid", "0", "-gid", "0", "-V", row.volume_id]


def _stamp(epoch: int) -> dict[str, str]:
    return {"SOURCE_DATE_EPOCH": str(epoch), "TZ": "UTC"}


def _isohybrid(row: Layout, root: Path, iso: Path, epoch: int) -> None:
    run([*_mkisofs(), *_common(row, iso), "-T", *ISOLINUX_BOOT, str(root)], env=_stamp(epoch))
    settle_dates(iso, epoch)
    run(["isohybrid", "--id", str(MBR_ID), iso])


def _isohybrid_uefi(row: Layout, root: Path, iso: Path, epoch: int) -> None:
    argv = [*_mkisofs(), *_common(row, iso), "-T", *ISOLINUX_BOOT, *UEFI_BOOT, str(root)]
    run(argv, env=_stamp(epoch))
    settle_dates(iso, epoch)
    run(["isohybrid", "--uefi", "--id", str(MBR_ID), iso])
    settle_gpt(iso, row.name)


def _xorriso_isolinux(row: Layout, root: Path, iso: Path, epoch: int) -> None:
    run(
        [
            *("xorriso", "-as", "mkisofs", "-quiet", *_common(row, iso)),
            *("-isohybrid-mbr", loaders.isolinux_file("isohdpfx.bin")),
            *(*ISOLINUX_BOOT, *UEFI_BOOT, "-isohybrid-gpt-basdat", root),
        ],
        env=_stamp(epoch),
    )


def _xorriso_grub(row: Layout, root: Path, iso: Path, epoch: int) -> None:
    run(
        [
            *("xorriso", "-as", "mkisofs", "-quiet", *_common(row, iso)),
            *("--grub2-mbr", loaders.grub_file("i386-pc", "boot_hybrid.img")),
            *("-partition_offset", "16", "-appended_part_as_gpt"),
            *("-append_partition", "2", ESP_TYPE, esp_image(row, root)),
            *("-iso_mbr_part_type", DATA_TYPE, "-c", "boot.cat", "--boot-catalog-hide"),
            *("-b", "images/eltorito.img", "-no-emul-boot", "-boot-load-size", "4"),
            *("-boot-info-table", "--grub2-boot-info", "-eltorito-alt-boot"),
            *("-e", "--interval:appended_partition_2:all::", "-no-emul-boot", root),
        ],
        env=_stamp(epoch),
    )
