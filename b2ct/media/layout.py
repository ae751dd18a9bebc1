"""How an installer image is laid out: its trees, its boot equipment, and where it can grow."""

from __future__ import annotations

from dataclasses import dataclass

from b2ct.core.errors import B2ctError
from b2ct.media import esp, hybrid
from b2ct.media.esp import Esp
from b2ct.media.hybrid import PLATFORM_BIOS, PLATFORM_EFI, RATIO, Equipment
from b2ct.media.iso9660 import Descriptors, both, children, damaged, find, read_descriptors
from b2ct.media.source import BLOCK, SECTOR, Image

_NOT_ISO = {
    b"<": "it is a web page: the download got an error page instead of the image",
    b"\x1f\x8b": "it is compressed with gzip: unpack it first",
    b"\xfd7zXZ": "it is compressed with xz: unpack it first",
    b"BZh": "it is compressed with bzip2: unpack it first",
    b"QFI\xfb": "it is a QCOW2 disk image, not an installer",
}


@dataclass(frozen=True)
class Layout:
    """The parsed structures of an image."""

    descriptors: Descriptors
    equipment: Equipment
    esps: tuple[Esp, ...]
    gap: int
    """The sector at which new data goes in."""

    def boot_modes(self) -> tuple[str, ...]:
        """Of `bios-cd`, `uefi-cd`, `bios-usb`, `uefi-usb`: those that the equipment offers."""
        platforms = {boot.platform for boot in self.equipment.boot_images}
        starts = {partition.start * BLOCK for partition in self.equipment.partitions()}
        mbr = self.equipment.mbr
        offers = {
            "bios-cd": PLATFORM_BIOS in platforms,
            "uefi-cd": PLATFORM_EFI in platforms and bool(self.esps),
            "bios-usb": bool(mbr) and any(mbr[:64]),
            "uefi-usb": any(partition.offset in starts for partition in self.esps),
        }
        return tuple(mode for mode, offered in offers.items() if offered)


def read_layout(image: Image) -> Layout:
    """Parse an image. Raises B2ctError when it is no ISO image, cut, or damaged."""
    _check_whole(image)
    first = read_descriptors(image)
    equipment = hybrid.read_equipment(image, first.boot_catalog)
    iso = equipment.iso_partition()
    base = iso.start // RATIO if iso else 0
    descriptors = read_descriptors(image, (0, base)) if base else first
    gap = hybrid.gap_position(image, equipment, descriptors.primary.space_size)
    for volume in descriptors.volumes:
        if volume.space_size + volume.base > image.size // SECTOR or volume.base >= gap:
            damaged(image, "a volume descriptor counts sectors that it does not have")
    return Layout(descriptors, equipment, _find_esps(image, first, equipment), gap)


def _check_whole(image: Image) -> None:
    """Refuse what is no ISO 9660 image, and what is shorter than it says."""
    raw = image.sector(16) if image.size >= 17 * SECTOR else b""
    if raw[:6] != b"\x01CD001":
        start = image.read(0, min(8, image.size)).lstrip()
        why = next((text for magic, text in _NOT_ISO.items() if start.startswith(magic)), "")
        raise B2ctError(
            f"{image.path} is not an ISO image" + (f": {why}" if why else ""),
            hint="give the distribution's netinstall, boot or DVD ISO with --source",
        )
    says = both(raw, 80) * SECTOR
    if says > image.size:
        raise B2ctError(
            f"{image.path} is cut: it says that it has {says} bytes, the file has {image.size}",
            hint="download it again, and compare its checksum",
        )


def _find_esps(image: Image, descriptors: Descriptors, equipment: Equipment) -> tuple[Esp, ...]:
    """The EFI system partitions: named by El Torito, and by the partition tables.

    Usually one and the same. Its length is that of the file in the tree, or of the partition: El
    Torito's own number has 16 bits only.
    """
    starts = {b.sector * SECTOR for b in equipment.boot_images if b.platform == PLATFORM_EFI}
    starts |= {p.start * BLOCK for p in equipment.partitions() if p.is_esp}
    files = _image_files(image, descriptors) if starts else {}
    found = []
    for start in sorted(starts):
        if not esp.is_fat(image, start):
            continue  # a HFS+ image for Macs, which no server boots
        path, size = files.get(start, ("", 0))
        if not size:
            sizes = [p.size * BLOCK for p in equipment.partitions() if p.start * BLOCK == start]
            size = max(sizes, default=esp.fat_size(image, start))
        partition = Esp(start, size, path)
        esp.check_size(image, partition)
        found.append(partition)
    return tuple(found)


def _image_files(image: Image, descriptors: Descriptors) -> dict[int, tuple[str, int]]:
    """The files in `images/`, by the byte at which they begin: path and size."""
    volume = descriptors.primary
    folder = find(image, volume, "images")
    if folder is None or not folder.is_directory:
        return {}
    return {
        (volume.base + record.extent) * SECTOR: (f"images/{volume.name(record)}", record.size)
        for record in children(image, volume, folder)
        if not record.is_directory
    }
