"""Take the clock and the dice out of what genisoimage and isohybrid wrote.

Same inputs are to give the same bytes. xorriso honours SOURCE_DATE_EPOCH by itself; the two older
programs stamp the present time and draw random GUIDs, so these are set afterwards, in place.
"""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

SECTOR = 2048
DIRECTORY_FLAG = 2


def settle_dates(iso: Path, epoch: int) -> None:
    """Set every date in descriptors and directories (ECMA-119 8.4.26 and 9.1.5, RRIP TF)."""
    then = time.gmtime(epoch)
    long = time.strftime("%Y%m%d%H%M%S00", then).encode() + b"\0"
    with iso.open("r+b") as file:
        for sector in range(16, 64):
            descriptor = _read(file, sector * SECTOR, SECTOR)
            if descriptor[1:6] != b"CD001" or descriptor[0] == 255:
                return
            if descriptor[0] in (1, 2):
                _write(file, sector * SECTOR + 813, long + long)
                _write(file, sector * SECTOR + 864, long)
                _settle_tree(file, sector * SECTOR + 156, _short(then))


def _short(then: time.struct_time) -> bytes:
    """A date as directory records and Rock Ridge have it: seven bytes."""
    return bytes((then.tm_year - 1900, *then[1:6], 0))


def _settle_tree(file: BinaryIO, root: int, date: bytes) -> None:
    """Set the dates of the record at byte `root` and of every directory below it."""
    _write(file, root + 18, date)
    waiting, seen = [_extent(_read(file, root, 34))], set()
    while waiting:
        start, size = waiting.pop()
        if start in seen:
            continue
        seen.add(start)
        for at, record in _records(_read(file, start, size)):
            _write(file, start + at + 18, date)
            for offset, stamps in _time_stamps(record):
                _write(file, start + at + offset, date * stamps)
            if record[25] & DIRECTORY_FLAG:
                waiting.append(_extent(record))


def _extent(record: bytes) -> tuple[int, int]:
    """Where a directory record's data begins, and its length, both in bytes."""
    sector, size = struct.unpack_from("<I4xI", record, 2)
    return sector * SECTOR, size


def _records(directory: bytes) -> Iterator[tuple[int, bytes]]:
    """A directory's records with their offsets; none crosses a sector (ECMA-119 6.8.1.1)."""
    at = 0
    while at < len(directory):
        length = directory[at]
        if length:
            yield at, directory[at : at + length]
        at = at + length if length else (at // SECTOR + 1) * SECTOR


def _time_stamps(record: bytes) -> Iterator[tuple[int, int]]:
    """Rock Ridge TF fields in a record's system use area: offset of the stamps, and how many."""
    at = 33 + record[32]
    at += at % 2
    while at + 5 <= len(record) and record[at + 2] >= 4:
        length = record[at + 2]
        if record[at : at + 2] == b"TF":
            yield at + 5, (length - 5) // 7
        at += length


def settle_gpt(iso: Path, seed: str) -> None:
    """Replace the random GUIDs that isohybrid draws by fixed ones, in both copies of the GPT.

    UEFI specification 5.3: the header at LBA 1 names its backup; the CRC-32 of the entries and
    then of the header itself are computed anew.
    """
    with iso.open("r+b") as file:
        file.seek(512)
        backup = struct.unpack_from("<Q", file.read(92), 32)[0]
        for lba in (1, backup):
            file.seek(lba * 512)
            header = bytearray(file.read(92))
            entries_lba, count, size = struct.unpack_from("<QII", header, 72)
            file.seek(entries_lba * 512)
            table = bytearray(file.read(count * size))
            for number in range(count):
                at = number * size
                if any(table[at : at + 16]):
                    table[at + 16 : at + 32] = f"b2ct-{seed}-{number + 1:06}".encode()[:16].ljust(
                        16
                    )
            header[56:72] = f"b2ct-{seed}-disk".encode()[:16].ljust(16)
            struct.pack_into("<I", header, 88, zlib.crc32(table))
            struct.pack_into("<I", header, 16, 0)
            struct.pack_into("<I", header, 16, zlib.crc32(header))
            file.seek(entries_lba * 512)
            file.write(table)
            file.seek(lba * 512)
            file.write(header)


def _read(file: BinaryIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)


def _write(file: BinaryIO, offset: int, data: bytes) -> None:
    file.seek(offset)
    file.write(data)
