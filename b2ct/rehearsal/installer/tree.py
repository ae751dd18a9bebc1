"""The files of a practice installer, staged in a folder as the release lays them out."""

from __future__ import annotations

import hashlib
import os
import shutil
import string
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from b2ct.core.run import run

from . import loaders
from .layouts import Layout, udev_escape

STAGE2_SIZE = 8 << 20
"""Bytes of the stage 2 placeholder: enough to be a file of its own, small enough to be quick."""
ESP_SLACK = 256 << 10
"""Free bytes in the ESP, as lorax's mkefiboot leaves them."""
GRAPHICAL = " console=tty0 console=ttyS0,115200"


class _Template(string.Template):
    """`@{NAME}` is filled in; dollars and braces of boot loaders stay."""

    delimiter = "@"


@dataclass(frozen=True)
class Content:
    """What goes onto every layout: the kernel's and initrd's bytes, and how the menus behave.

    `menu_seconds` is how long a menu waits; `serial` puts console=ttyS0 into every entry; `epoch`
    is the time stamp of everything, in seconds since 1970.
    """

    kernel: bytes
    initrd: bytes
    menu_seconds: int
    serial: bool
    epoch: int


def fill(name: str, row: Layout, content: Content) -> str:
    """A configuration file of the practice installer, filled in for a layout."""
    modern = loaders.grub_knows_linuxefi()
    values: Mapping[str, str] = {
        "PRODUCT": row.product,
        "VERSION": row.version,
        "VOLUME_ID": row.volume_id,
        "LABEL": udev_escape(row.volume_id),
        "TENTHS": str(content.menu_seconds * 10),
        "SECONDS": str(content.menu_seconds),
        "CONSOLE": GRAPHICAL if content.serial else "",
        "RESCUE": row.rescue,
        "LINUX": row.efi_linux if modern else "linux",
        "INITRD": row.efi_initrd if modern else "initrd",
    }
    text = files("b2ct.rehearsal.installer").joinpath(f"data/{name}").read_text(encoding="utf-8")
    return _Template(text).substitute(values)


def stage(row: Layout, content: Content, root: Path) -> None:
    """Write the files of an ISO below `root`; the ESP's image, too, where the release has one."""
    _put(root / ".discinfo", f"{content.epoch}.000000\n{row.product} {row.version}\nx86_64\n")
    _put(root / ".treeinfo", treeinfo(row, content))
    _put(root / row.stage2, placeholder(row))
    _put(root / "images/pxeboot/vmlinuz", content.kernel)
    _put(root / "images/pxeboot/initrd.img", content.initrd)
    if row.isolinux_config:
        _stage_isolinux(row, content, root)
    if row.bios_grub_config:
        _stage_bios_grub(row, content, root)
    if row.efi_config:
        _stage_efi(row, content, root)
    settle(root, content.epoch)


def esp_image(row: Layout, root: Path) -> Path:
    """Where the ESP's image is: in the tree, or beside it where the ISO only appends it."""
    return root / "images/efiboot.img" if row.esp_in_tree else root.parent / "efiboot.img"


def placeholder(row: Layout) -> bytes:
    """Stage 2 of a practice installer: no file system, bytes that do not compress."""
    head = f"practice stage 2 of {row.product} {row.version}: it installs nothing\n".encode()
    return (head + hashlib.shake_128(head).digest(STAGE2_SIZE))[:STAGE2_SIZE]


def treeinfo(row: Layout, content: Content) -> str:
    """`.treeinfo` in the form of pylorax's: sections general, stage2, images, checksums."""
    kernel, initrd = "images/pxeboot/vmlinuz", "images/pxeboot/initrd.img"
    sums = {
        row.stage2: hashlib.sha256(placeholder(row)),
        initrd: hashlib.sha256(content.initrd),
        kernel: hashlib.sha256(content.kernel),
    }
    sections = {
        "general": {
            "arch": "x86_64",
            "family": row.product,
            "name": f"{row.product}-{row.version}",
            "packagedir": "",
            "timestamp": str(content.epoch),
            "variant": "",
            "version": row.version,
        },
        "stage2": {"mainimage": row.stage2},
        "images-x86_64": {"kernel": kernel, "initrd": initrd},
        "checksums": {name: f"sha256:{digest.hexdigest()}" for name, digest in sums.items()},
    }
    return "\n".join(
        f"[{title}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())
        for title, keys in sections.items()
    )


def settle(root: Path, epoch: int) -> None:
    """Give everything below `root` one time stamp and plain permissions."""
    for path in [*root.rglob("*"), root]:
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (epoch, epoch))


def _put(path: Path, data: bytes | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)


def _stage_isolinux(row: Layout, content: Content, root: Path) -> None:
    folder = root / "isolinux"
    folder.mkdir()
    for name in loaders.ISOLINUX_FILES:
        shutil.copyfile(loaders.isolinux_file(name), folder / name)
    _put(folder / "isolinux.cfg", fill(row.isolinux_config, row, content))
    _put(folder / "boot.msg", fill("boot.msg", row, content))
    # One file under two names, as the release media have it.
    for name in ("vmlinuz", "initrd.img"):
        (folder / name).hardlink_to(root / "images/pxeboot" / name)


def _stage_bios_grub(row: Layout, content: Content, root: Path) -> None:
    _put(root / "boot/grub2/grub.cfg", fill(row.bios_grub_config, row, content))
    loaders.grub_eltorito(root / "images/eltorito.img")
    shutil.copytree(loaders.GRUB_FOLDER / "i386-pc", root / "boot/grub2/i386-pc")


def _stage_efi(row: Layout, content: Content, root: Path) -> None:
    folder = root / "EFI/BOOT"
    folder.mkdir(parents=True)
    loaders.grub_efi(folder / "grubx64.efi")
    # In shim's place stands GRUB itself: nothing here is signed.
    shutil.copyfile(folder / "grubx64.efi", folder / "BOOTX64.EFI")
    text = fill(row.efi_config, row, content)
    _put(folder / "grub.cfg", text)
    if row.boot_conf:
        _put(folder / "BOOT.conf", text)
    settle(root, content.epoch)
    _make_esp(root / "EFI", esp_image(row, root), content.epoch)


def _make_esp(folder: Path, image: Path, epoch: int) -> None:
    """A FAT image that holds `folder`, labelled ANACONDA as lorax's mkefiboot does."""
    sizes = [path.stat().st_size for path in folder.rglob("*")]
    kib = (sum(sizes) + 4096 * len(sizes) + ESP_SLACK) // 1024
    stamp = {"SOURCE_DATE_EPOCH": str(epoch), "TZ": "UTC"}
    run(
        ["mkfs.vfat", "--invariant", "-i", "b2c7b2c7", "-n", "ANACONDA", "-C", image, str(kib)],
        env=stamp,
    )
    run(["mcopy", "-i", image, "-s", "-m", "-Q", folder, "::"], env=stamp)
