"""The practice installer's catalogue: a row for each layout that a release's ISO has.

The values follow lorax's x86 templates by release branch (`share/x86.tmpl` of EL7,
`99-generic/x86.tmpl` of EL9 and EL10) and Anaconda's own image scripts of EL6.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from b2ct.core.errors import B2ctError


class Recipe(StrEnum):
    """Which programs write the ISO, and how it becomes bootable from a disk as well."""

    ISOHYBRID = "genisoimage, isohybrid"
    ISOHYBRID_UEFI = "genisoimage, isohybrid --uefi"
    XORRISO_ISOLINUX = "xorriso -isohybrid-mbr -isohybrid-gpt-basdat"
    XORRISO_GRUB = "xorriso --grub2-mbr -partition_offset 16 -append_partition 2"


@dataclass(frozen=True)
class Layout:
    """How the installer ISO of one release is laid out, and which arguments it reads.

    `kickstart_keys` and `stage2_keys` are in the order of precedence; `udev_labels` says that a
    label in an argument is written as udev names it under /dev/disk/by-label (EL7 and later).
    """

    name: str
    volume_id: str
    product: str
    version: str
    recipe: Recipe
    stage2: str
    kickstart_keys: tuple[str, ...]
    stage2_keys: tuple[str, ...]
    isolinux_config: str = ""
    efi_config: str = ""
    bios_grub_config: str = ""
    efi_linux: str = "linuxefi"
    efi_initrd: str = "initrdefi"
    rescue: str = "inst.rescue"
    boot_conf: bool = False
    esp_in_tree: bool = True
    udev_labels: bool = True
    oemdrv: bool = True


LAYOUTS: dict[str, Layout] = {
    row.name: row
    for row in (
        Layout(
            name="el6",
            volume_id="CentOS_6.10_Final",
            product="CentOS",
            version="6.10",
            recipe=Recipe.ISOHYBRID,
            stage2="images/install.img",
            kickstart_keys=("ks",),
            stage2_keys=("stage2",),
            rescue="rescue",
            isolinux_config="isolinux-el6.cfg",
            udev_labels=False,
            oemdrv=False,
        ),
        Layout(
            name="el7",
            volume_id="CentOS 7 x86_64",
            product="CentOS",
            version="7",
            recipe=Recipe.ISOHYBRID_UEFI,
            stage2="LiveOS/squashfs.img",
            kickstart_keys=("ks", "inst.ks"),
            stage2_keys=("stage2", "inst.stage2"),
            rescue="rescue",
            isolinux_config="isolinux.cfg",
            efi_config="grub-efi.cfg",
            boot_conf=True,
        ),
        Layout(
            name="el9",
            volume_id="AlmaLinux-9-5-x86_64-dvd",
            product="AlmaLinux",
            version="9.5",
            recipe=Recipe.XORRISO_ISOLINUX,
            stage2="images/install.img",
            kickstart_keys=("inst.ks",),
            stage2_keys=("inst.stage2",),
            isolinux_config="isolinux.cfg",
            efi_config="grub-efi.cfg",
            boot_conf=True,
        ),
        Layout(
            name="el10",
            volume_id="AlmaLinux-10-0-x86_64-dvd",
            product="AlmaLinux",
            version="10.0",
            recipe=Recipe.XORRISO_GRUB,
            stage2="images/install.img",
            kickstart_keys=("inst.ks",),
            stage2_keys=("inst.stage2",),
            efi_config="grub-efi.cfg",
            bios_grub_config="grub-bios.cfg",
            esp_in_tree=False,
        ),
    )
}


def layout(name: str) -> Layout:
    """The row of that name. Raises B2ctError with the names there are."""
    found = LAYOUTS.get(name)
    if found is None:
        raise B2ctError(
            f"there is no practice layout '{name}'", hint=f"choose one of {', '.join(LAYOUTS)}"
        )
    return found


def udev_escape(label: str) -> str:
    r"""A label as udev writes it in /dev/disk/by-label: `CentOS 7` is `CentOS\x207`.

    Follows `encode_devnode_name` of libudev: ASCII letters, digits and `#+-.:=@_` stay.
    """
    plain = set("#+-.:=@_")
    return "".join(
        char if (char.isascii() and char.isalnum()) or char in plain else f"\\x{ord(char):02x}"
        for char in label
    )
