"""In which ways an image can be booted, read from its boot records.

El Torito 1.0 (boot catalog), the UEFI specification 5.2 and 5.3 (MBR, GPT), 13.3 (removable media).
"""

from __future__ import annotations

import io
import re
import struct
from dataclasses import dataclass
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.core.files import explain
from b2ct.firmware.qemu import Firmware

from .machine import Attach

SECTOR = 2048
BOOT_RECORD = b"\0CD001\1EL TORITO SPECIFICATION"
PLATFORM_EFI = 0xEF
FAT_TYPES = frozenset((0x01, 0x04, 0x06, 0x0B, 0x0C, 0x0E, 0xEF))
ESP_GUID = bytes.fromhex("28732ac11ff8d211ba4b00a0c93ec93b")


@dataclass(frozen=True)
class Mode:
    """One way to boot an image."""

    firmware: Firmware
    attach: Attach


def supported(image: Path) -> list[Mode]:
    """The modes that an image has boot records for, in the order of a table.

    Raises B2ctError when the file cannot be read or has none.
    """
    try:
        with image.open("rb") as file:
            platforms = _el_torito(file)
            modes = {Mode(firmware, Attach.CD) for firmware in platforms}
            modes |= {Mode(firmware, Attach.USB) for firmware in _disk(file)}
            if _is_el6(file):
                # Its installer looks for stage 2 in optical drives only.
                modes -= {Mode(firmware, Attach.USB) for firmware in Firmware}
    except OSError as err:
        raise explain(err, f"read {image}") from err
    if not modes:
        raise B2ctError(
            f"{image} has no boot record: neither El Torito, nor MBR, nor an EFI system partition",
            hint="give an installer ISO or a USB image; `b2ct iso` makes one",
        )
    return sorted(modes, key=lambda mode: (mode.firmware, mode.attach))


def _el_torito(file: io.BufferedReader) -> set[Firmware]:
    """The platforms of the boot catalog: its validation entry, then the section headers."""
    record = _at(file, 17 * SECTOR, SECTOR)
    if not record.startswith(BOOT_RECORD):
        return set()
    catalog = _at(file, struct.unpack_from("<I", record, 0x47)[0] * SECTOR, SECTOR)
    if catalog[:1] != b"\1" or catalog[30:32] != b"\x55\xaa":
        return set()
    platforms = {catalog[1]} if catalog[32] == 0x88 else set()
    for at in range(64, len(catalog), 32):
        if catalog[at] in (0x90, 0x91):
            platforms.add(catalog[at + 1])
    return {Firmware.UEFI if number == PLATFORM_EFI else Firmware.BIOS for number in platforms}


def _disk(file: io.BufferedReader) -> set[Firmware]:
    """What boots from the image as a disk: boot code in the MBR, a FAT partition for UEFI."""
    mbr = _at(file, 0, 512)
    if mbr[510:512] != b"\x55\xaa":
        return set()
    found = {Firmware.BIOS} if any(mbr[:440]) else set()
    types = {mbr[446 + 16 * number + 4] for number in range(4)}
    if types & FAT_TYPES or ESP_GUID in _gpt_types(file):
        found.add(Firmware.UEFI)
    return found


def _gpt_types(file: io.BufferedReader) -> set[bytes]:
    header = _at(file, 512, 92)
    if header[:8] != b"EFI PART":
        return set()
    lba, count, size = struct.unpack_from("<QII", header, 72)
    if not 128 <= size <= 4096:
        return set()
    table = _at(file, lba * 512, min(count, 256) * size)
    return {table[at : at + 16] for at in range(0, len(table) - 127, size)}


def _is_el6(file: io.BufferedReader) -> bool:
    volume = _at(file, 16 * SECTOR + 40, 32).decode("ascii", "replace")
    return re.match(r"(?:CentOS|RHEL|OL|SL|Scientific)[-_ ]6[._ -]?\d*", volume) is not None


def _at(file: io.BufferedReader, offset: int, size: int) -> bytes:
    """Bytes at an offset, filled up with zeros beyond the end of the file."""
    file.seek(offset)
    return file.read(size).ljust(size, b"\0")
