"""Boot loaders for the practice installer, from the host's packages.

The genuine media carry shim and a signed GRUB. Here GRUB is made on the host and is unsigned, so
practice media boot with Secure Boot off only.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.core.run import find_tool, need_tool, run

GRUB_FOLDER = Path("/usr/lib/grub")
ISOLINUX_FOLDERS = tuple(
    Path(name)
    for name in (
        "/usr/lib/ISOLINUX",
        "/usr/lib/syslinux/modules/bios",
        "/usr/share/syslinux",
        "/usr/lib/syslinux/bios",
    )
)
ISOLINUX_FILES = ("isolinux.bin", "vesamenu.c32", "ldlinux.c32", "libcom32.c32", "libutil.c32")
EFI_MODULES = (
    *("part_gpt", "part_msdos", "fat", "iso9660", "ext2", "normal", "configfile", "boot"),
    *("linux", "linuxefi", "chain", "search", "search_label", "search_fs_uuid", "search_fs_file"),
    *("all_video", "efi_gop", "efi_uga", "video_bochs", "video_cirrus", "gzio", "echo", "test"),
    *("serial", "sleep", "halt", "reboot", "loadenv", "minicmd", "font", "gfxterm"),
)
INSTALL = "`b2ct doctor` prints the one line that installs what is missing"


def isolinux_file(name: str) -> Path:
    """A file of isolinux or of its modules. Raises B2ctError when the host has none."""
    for folder in ISOLINUX_FOLDERS:
        if (folder / name).is_file():
            return folder / name
    raise B2ctError(
        f"the host has no {name}",
        hint="Debian: apt-get install isolinux syslinux-common; EL: dnf install syslinux-nonlinux",
    )


def grub_file(platform: str, name: str) -> Path:
    """A file of GRUB's platform folder (`i386-pc`, `x86_64-efi`)."""
    path = GRUB_FOLDER / platform / name
    if not path.is_file():
        raise B2ctError(
            f"the host has no {path}",
            hint="Debian: apt-get install grub-pc-bin grub-efi-amd64-bin; "
            "EL: dnf install grub2-pc-modules grub2-efi-x64-modules",
        )
    return path


def _mkimage() -> str:
    return find_tool("grub-mkimage") or find_tool("grub2-mkimage") or need_tool("grub-mkimage")


def _grub_image(target: str, folder: Path, prefix: str, modules: Iterable[str], out: Path) -> None:
    argv = [_mkimage(), "-O", target, "-d", str(folder), "-p", prefix, "-o", str(out), *modules]
    run(argv, hint=INSTALL)


def grub_efi(out: Path) -> None:
    """GRUB for x86_64 UEFI that reads EFI/BOOT/grub.cfg of the volume it was loaded from."""
    folder = grub_file("x86_64-efi", "normal.mod").parent
    modules = [name for name in EFI_MODULES if (folder / f"{name}.mod").is_file()]
    _grub_image("x86_64-efi", folder, "/EFI/BOOT", modules, out)


def grub_knows_linuxefi() -> bool:
    """Whether the host's GRUB has the command that EL's configurations use under UEFI."""
    return (GRUB_FOLDER / "x86_64-efi" / "linuxefi.mod").is_file()


def grub_eltorito(out: Path) -> None:
    """GRUB for BIOS as an El Torito image that reads boot/grub2/grub.cfg of the ISO."""
    folder = grub_file("i386-pc", "biosdisk.mod").parent
    _grub_image("i386-pc-eltorito", folder, "/boot/grub2", ["iso9660", "biosdisk"], out)
