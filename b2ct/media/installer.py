"""What an installer ISO is: its release, how it boots, and what it carries.

Everything is read from the image at hand: `.treeinfo` (productmd), `.discinfo` (Anaconda), the
volume ID, and the boot menus. Nothing is taken from the file's name.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.media import bootcfg, esp, labels
from b2ct.media.bootcfg import GRUB, ISOLINUX
from b2ct.media.esp import Esp
from b2ct.media.iso9660 import Volume, children, content, find
from b2ct.media.layout import Layout, read_layout
from b2ct.media.source import Image
from b2ct.site.catalogue import RELEASES

_LARGEST_MENU = 2**20
_LARGEST_TREEINFO = 2**18
_LARGEST_DISCINFO = 2**12
"""Bytes; what distributions write is a tenth of it."""
_LONGEST_LINE = 1000
"""Characters of a line of `.treeinfo`; configparser takes quadratic time for one."""
_LONGEST_NAME = 200
"""Characters of a text that may name a distribution."""
_MOST_TITLES = 64
_ISOLINUX_PATHS = ("isolinux/isolinux.cfg", "isolinux.cfg", "boot/isolinux/isolinux.cfg")
_GRUB_PATHS = ("boot/grub2/grub.cfg", "boot/grub/grub.cfg")
_KERNELS = (
    ("images/pxeboot/vmlinuz", "images/pxeboot/initrd.img"),
    ("isolinux/vmlinuz", "isolinux/initrd.img"),
)
_STAGE2 = ("images/install.img", "LiveOS/squashfs.img")
_ARCHITECTURE = re.compile(
    r"(?<![a-z0-9])(x86_64|aarch64|ppc64le|ppc64|s390x|i[3-6]86)(?![a-z0-9])"
)
_DISTRIBUTIONS = (
    ("oracle", r"Oracle Linux(?: Server)?|OL"),
    ("centos-stream", r"CentOS[ _-]*Stream"),
    ("almalinux", r"Alma ?Linux"),
    ("rocky", r"Rocky(?:[ _-]*Linux)?"),
    ("rhel", r"RHEL|Red Hat Enterprise Linux(?: Server)?"),
    ("centos", r"CentOS(?:[ _-]*Linux)?"),
    ("", r"[A-Z][A-Za-z]{1,30}(?: [A-Z][A-Za-z]{1,30}){0,5}"),
)
_VERSION = r"[ _-]+(?:release )?(\d{1,2})(?:[._-](\d{1,2})(?![\d]))?(?!\d)"
_NAME = r"[A-Z][A-Za-z]{1,30}(?:[ _-]{1,3}[A-Z][A-Za-z]{1,30}){0,5}"
_MENU_WORDS = {"Install", "Test", "Rescue", "Boot", "Welcome", "Troubleshooting"}
_MOST_FOLDERS = 64


@dataclass(frozen=True)
class BootConfig:
    """A boot loader's configuration: `kind` is `isolinux` or `grub`, `location` `tree` or `esp`."""

    path: str
    kind: str
    location: str
    text: str = field(repr=False)
    partition: Esp | None = None


@dataclass(frozen=True)
class Installer:
    """An installer image, as far as its own contents tell."""

    path: Path
    size: int
    """Bytes of the file."""
    volume_id: str
    arch: str
    """`x86_64`, or empty when the image does not say."""
    release: str
    """The catalogue's key: `el6` ... `el10`."""
    distribution: str
    """The name as found, such as `AlmaLinux`."""
    distribution_key: str
    """The catalogue's key, such as `almalinux`; empty for one that it does not know."""
    version: str
    """Such as `9.5`, or `7`."""
    repositories: tuple[str, ...]
    """Paths in the tree that hold package repositories; `` is the root."""
    boot_modes: tuple[str, ...]
    """Of `bios-cd`, `uefi-cd`, `bios-usb`, `uefi-usb`."""
    kernel: str
    initrd: str
    stage2: str
    """Path in the tree; empty when there is none."""
    boot_configs: tuple[BootConfig, ...]
    device: str
    """How a kernel argument names this medium: `hd:LABEL=` and the label as loaders need it."""

    @property
    def has_packages(self) -> bool:
        """It is a DVD with packages, not a netinstall image."""
        return bool(self.repositories)

    @property
    def label(self) -> str:
        r"""The label as it stands in kernel arguments, such as `CentOS\x207\x20x86_64`."""
        return self.device.partition("LABEL=")[2]


def inspect(path: Path) -> Installer:
    """Look into an installer ISO.

    Raises B2ctError that says why when it is missing, a folder, no ISO image, cut, damaged, not an
    installer, for another architecture, or of a release that the catalogue does not have.
    """
    with Image(path) as image:
        return _inspect(image)


def _inspect(image: Image) -> Installer:
    layout = read_layout(image)
    volume = layout.descriptors.primary
    kernel, initrd = _kernel(image, volume)
    configs = tuple(_boot_configs(image, layout))
    _check_bootable(image, layout, configs)
    tree = _treeinfo(image, volume)
    _check_no_live_system(image, configs)
    release, name, key, version = _recognise(image, tree, configs, volume)
    return Installer(
        path=image.path,
        size=image.size,
        volume_id=volume.identifier,
        arch=_architecture(image, volume, tree),
        release=release,
        distribution=name,
        distribution_key=key,
        version=version,
        repositories=_repositories(image, volume, tree),
        boot_modes=layout.boot_modes(),
        kernel=kernel,
        initrd=initrd,
        stage2=next((path for path in _stage2_paths(tree) if find(image, volume, path)), ""),
        boot_configs=configs,
        device=_device(volume, release),
    )


def _refuse(image: Image, why: str) -> B2ctError:
    return B2ctError(
        f"{image.path} is not an installer that B2CT can change: {why}",
        hint="give an EL6 ... EL10 netinstall, boot or DVD ISO",
    )


def _kernel(image: Image, volume: Volume) -> tuple[str, str]:
    for pair in _KERNELS:
        if all(find(image, volume, path) for path in pair):
            return pair
    raise _refuse(image, "it has no installer's kernel and initrd")


def _boot_configs(image: Image, layout: Layout) -> Iterator[BootConfig]:
    volume = layout.descriptors.primary
    for path in _ISOLINUX_PATHS:
        if (data := content(image, volume, path, limit=_LARGEST_MENU)) is not None:
            yield BootConfig(path, ISOLINUX, "tree", _decode(data))
    for path in (*_GRUB_PATHS, *_efi_paths(image, volume)):
        if (data := content(image, volume, path, limit=_LARGEST_MENU)) is not None:
            yield BootConfig(path, GRUB, "tree", _decode(data))
    for partition in layout.esps:
        for path, data in esp.read_configurations(image, partition).items():
            yield BootConfig(path, GRUB, "esp", _decode(data), partition)


def _efi_paths(image: Image, volume: Volume) -> list[str]:
    """Where GRUB under UEFI looks in the tree: `EFI/*/grub.cfg` and `EFI/*/BOOT.conf`."""
    top = find(image, volume, "EFI")
    if top is None or not top.is_directory:
        return []
    folders = [volume.name(r) for r in children(image, volume, top) if r.is_directory]
    return [
        f"EFI/{f}/{name}" for f in folders[:_MOST_FOLDERS] for name in ("grub.cfg", "BOOT.conf")
    ]


def _decode(data: bytes) -> str:
    return data.decode("utf-8", errors="surrogateescape")


def _check_bootable(image: Image, layout: Layout, configs: tuple[BootConfig, ...]) -> None:
    if not layout.equipment.boot_images:
        raise _refuse(image, "it has no boot loader (no El Torito boot image)")
    if not configs:
        raise _refuse(image, "it has no isolinux or GRUB configuration")


def _treeinfo(image: Image, volume: Volume) -> configparser.ConfigParser:
    """`.treeinfo`, empty where there is none or it cannot be read."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    data = content(image, volume, ".treeinfo", limit=_LARGEST_TREEINFO) or b""
    lines = data.decode(errors="replace").splitlines()
    try:
        parser.read_file(line for line in lines if len(line) <= _LONGEST_LINE)
    except configparser.Error:
        return configparser.ConfigParser(interpolation=None)
    return parser


def _check_no_live_system(image: Image, configs: tuple[BootConfig, ...]) -> None:
    """A live image has an installer as well, which takes no kickstart (`liveinst`)."""
    starts = [bootcfg.install_entry(config.kind, config.text) for config in configs]
    words = {word.partition("=")[0] for entry in starts if entry for word in entry.arguments}
    if "rd.live.image" in words or "liveimg" in words:
        raise _refuse(image, "it is a live image, whose installer takes no kickstart")


def _described(image: Image, volume: Volume, tree: configparser.ConfigParser) -> Iterator[str]:
    """What the image says of itself, such as `AlmaLinux 9.5`, the most reliable first."""
    for section, key in (("release", "name"), ("general", "family")):
        name = tree.get(section, key, fallback="")
        yield f"{name} {tree.get(section, 'version', fallback='')}"
    yield "".join(_discinfo(image, volume)[1:2])


def _guesses(volume: Volume, configs: tuple[BootConfig, ...]) -> Iterator[str]:
    """Texts that people change: the label, and the titles of the menus."""
    yield volume.identifier
    for config in configs:
        yield from bootcfg.titles(config.kind, config.text)[:_MOST_TITLES]


def _discinfo(image: Image, volume: Volume) -> list[str]:
    """The lines of `.discinfo`: time, name, architecture, numbers of discs."""
    data = content(image, volume, ".discinfo", limit=_LARGEST_DISCINFO) or b""
    return _decode(data).splitlines()


def _recognise(
    image: Image,
    tree: configparser.ConfigParser,
    configs: tuple[BootConfig, ...],
    volume: Volume,
) -> tuple[str, str, str, str]:
    """Release key, distribution as found, its key, version.

    What `.treeinfo` and `.discinfo` say counts, whatever it is: the packages are that
    distribution's. Of labels and titles those count that name a distribution of the catalogue.
    """
    told = [one for text in _described(image, volume, tree) if (one := _named(text))]
    guessed = [one for text in _guesses(volume, configs) if (one := _named(text))]
    guessed.sort(key=lambda one: not one[2])
    found = told[:1] or guessed
    for release, name, key, version in found:
        if release in RELEASES:
            return release, name, key, version
    which = f"it is {found[0][1]} {found[0][3]}" if found else ""
    raise B2ctError(
        f"{image.path}: {which or 'nothing on it says which release it is'}",
        hint=f"the catalogue knows {', '.join(RELEASES)}",
    )


def _named(text: str) -> tuple[str, str, str, str] | None:
    """What a text names: release, distribution, its key (empty: none of the catalogue), version."""
    found = re.search(rf"(?<![A-Za-z])({_NAME}){_VERSION}", text[:_LONGEST_NAME])
    if not found:
        return None
    name = found[1]
    while _is_menu_word(name) and re.search("[ _-]", name):
        name = re.split(r"[ _-]+", name, maxsplit=1)[1]
    if _is_menu_word(name):
        return None
    key = next((key for key, pattern in _DISTRIBUTIONS if re.fullmatch(pattern, name)), "")
    version = ".".join(filter(None, found.group(2, 3)))
    return f"el{int(found[2])}", re.sub(r"[_-]+", " ", name), key, version


def _is_menu_word(name: str) -> bool:
    """A menu title's verb is no distribution."""
    return re.split("[ _-]", name, maxsplit=1)[0] in _MENU_WORDS


def _architecture(image: Image, volume: Volume, tree: configparser.ConfigParser) -> str:
    """`x86_64`, or empty when nothing says. Raises B2ctError for another architecture."""
    for text in (
        tree.get("tree", "arch", fallback=""),
        tree.get("general", "arch", fallback=""),
        "".join(_discinfo(image, volume)[2:3]),
        volume.identifier.replace("-", " ").replace(".", " ").replace("_x86_64", " x86_64"),
    ):
        if found := _ARCHITECTURE.search(text):
            if found[1] != "x86_64":
                raise B2ctError(
                    f"{image.path} is for {found[1]}", hint="B2CT installs x86_64 machines"
                )
            return found[1]
    return ""


def _stage2_paths(tree: configparser.ConfigParser) -> tuple[str, ...]:
    said = tree.get("stage2", "mainimage", fallback="")
    return (*([said] if said else []), *_STAGE2)


def _repositories(image: Image, volume: Volume, tree: configparser.ConfigParser) -> tuple[str, ...]:
    """The root, its folders, and what `.treeinfo` names, where they hold `repodata/repomd.xml`."""
    said = [
        tree.get(section, "repository", fallback="").strip("./")
        for section in tree.sections()
        if section.startswith(("variant-", "addon-"))
    ]
    folders = [r for r in children(image, volume, volume.root) if r.is_directory]
    places = {"": volume.root} | {volume.name(r): r for r in folders[:_MOST_FOLDERS]}
    for path in said[:_MOST_FOLDERS]:
        if path not in places and (record := find(image, volume, path)):
            places[path] = record
    metadata = "repodata/repomd.xml"
    return tuple(p for p, start in places.items() if find(image, volume, metadata, start=start))


def _device(volume: Volume, release: str) -> str:
    """How kernel arguments name the medium: by the label that it really has."""
    if RELEASES[release].prefixed_arguments:  # dracut looks under /dev/disk/by-label
        return f"hd:LABEL={labels.udev_escape(volume.identifier)}"
    return f"hd:LABEL={volume.identifier}"  # EL6's loader hands the label to mount as it is
