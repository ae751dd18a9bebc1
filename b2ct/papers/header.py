"""The header of a QCOW2 file, read before any program opens what it names.

A file of 200 KiB can name any other file, or a server, as the place of its data, and whoever opens
it with QEMU reads that: `qemu-img info` does, and so does oned on the front-end. So only an image
that is whole in itself passes: no other file, no key, nothing that another program wrote for a
purpose that we do not know. QEMU's docs/interop/qcow2.txt describes the format.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.core.files import explain

MAGIC = b"QFI\xfb"
NO_IMAGE = "give a worker image; `b2ct image build` makes one"
_PLAIN = (
    "an image must be whole in itself. Where it was made, and if you trust who made it, "
    "`qemu-img convert -O qcow2 IMAGE PLAIN.qcow2` writes one that is"
)
_REPAIR = "copy it again, or see `qemu-img check`"
_LONGEST = 64 << 10
"""Bytes that are read. `qemu-img convert` writes a header of less than 1 KiB."""
_FIRST = struct.Struct(">4sIQIIQI")
"""Magic, version, place and length of the backing file's name, cluster bits, size, encryption."""
_SECOND = struct.Struct(">QQQII")
"""Features that must be known, may be unknown, and are cleared; refcount order, header length."""
_AT_SECOND = 72
"""Where version 3 goes on, and where version 2 ends."""
_SUFFICES = 0b11000
"""Features that must be known, and that change nothing but how clusters are packed: compression
type (bit 3) and subclusters (bit 4)."""
_DATA_FILE = 0x44415441
_ELSEWHERE = "keeps its data in another file"
_BITMAPS = "carries dirty bitmaps"
_ENCRYPTED = "is encrypted"
_INCOMPATIBLE = {
    0: "was not closed by the program that wrote it",
    1: "is damaged, as its own header says",
    2: _ELSEWHERE,
}
"""Bit of the features that must be known -> meaning."""
_BROKEN = {_INCOMPATIBLE[0], _INCOMPATIBLE[1]}
_AUTOCLEAR = {0: _BITMAPS, 1: _ELSEWHERE}
_LAZY_REFCOUNTS = 0b1
"""The one feature that may be unknown and that QEMU knows."""
_EXTENSIONS = {0x23852875: _BITMAPS, 0x0537BE77: _ENCRYPTED, _DATA_FILE: _ELSEWHERE}
_HARMLESS = {0x6803F857, 0xE2792ACA}
"""Extensions: names of features, for messages; format of a backing file, refused for itself."""


@dataclass(frozen=True)
class _Header:
    """What of the start of a file is looked at."""

    data: bytes
    version: int
    backing: tuple[int, int]
    end: int
    """Where extensions end: at the name of the backing file, or with the first cluster."""
    encrypted: bool
    incompatible: int = 0
    compatible: int = 0
    autoclear: int = 0
    length: int = _AT_SECOND


def need_plain(image: Path) -> None:
    """Raise B2ctError for what is no QCOW2, or one that needs more than itself to be read.

    The first 64 KiB are read, and no other file is opened.
    """
    try:
        with open(image, "rb", opener=_at_once) as file:
            data = file.read(_LONGEST)
    except OSError as err:
        raise explain(err, f"read {image}") from err
    if not data.startswith(MAGIC):
        raise B2ctError(f"{image} is no QCOW2 image", hint=NO_IMAGE)
    try:
        why = next(_faults(_parsed(data)), "")
    except (struct.error, ValueError) as err:
        raise B2ctError(f"{image} has a damaged QCOW2 header: {err}", hint=_REPAIR) from None
    if why:
        hint = _REPAIR if why in _BROKEN else _PLAIN
        raise B2ctError(f"{image} {why}", hint=hint)


def _at_once(path: str, flags: int) -> int:
    """Nobody waits for the other end of a pipe."""
    return os.open(path, flags | os.O_NONBLOCK)


def _parsed(data: bytes) -> _Header:
    """Raises ValueError and struct.error for what is no header that we know."""
    _, version, place, length, bits, _, encryption = _FIRST.unpack_from(data)
    if version not in (2, 3):
        raise ValueError(f"version {version}")
    if not 9 <= bits <= 21:  # QEMU's own limits
        raise ValueError(f"clusters of 2^{bits} bytes")
    end = min(place or _LONGEST, 1 << bits, _LONGEST)
    header = (data, version, (place, length), end, encryption != 0)
    if version == 2:
        return _Header(*header)
    incompatible, compatible, autoclear, _, size = _SECOND.unpack_from(data, _AT_SECOND)
    if size < _AT_SECOND + _SECOND.size or size % 8 or size > end:
        raise ValueError(f"a length of {size} bytes")
    return _Header(*header, incompatible, compatible, autoclear, size)


def _faults(header: _Header) -> Iterator[str]:
    """Why the file is not plain."""
    if header.backing[0]:
        place, length = header.backing
        yield f"depends on another image, {_name(header.data[place : place + length])}"
    if header.encrypted:
        yield _ENCRYPTED
    for kind, content in _extensions(header):
        if kind == _DATA_FILE:
            yield f"{_ELSEWHERE}, {_name(content)}"
        elif kind not in _HARMLESS:
            yield _EXTENSIONS.get(kind, f"has an unknown part, header extension {kind:#x}")
    for name, value, meaning in (
        ("incompatible", header.incompatible & ~_SUFFICES, _INCOMPATIBLE),
        ("autoclear", header.autoclear, _AUTOCLEAR),
        ("compatible", header.compatible & ~_LAZY_REFCOUNTS, {}),
    ):
        for bit in range(value.bit_length()):
            if value >> bit & 1:
                yield meaning.get(bit, f"has an unknown feature, {name} bit {bit}")


def _extensions(header: _Header) -> Iterator[tuple[int, bytes]]:
    """Kind and content of each, in order. Raises struct.error and ValueError for a broken chain."""
    at = header.length
    while at + 8 <= header.end:
        kind, length = struct.unpack_from(">II", header.data, at)
        if kind == 0:
            return
        at += 8
        if at + length > header.end:
            raise ValueError("an extension that does not end")
        yield kind, header.data[at : at + length]
        at += -(-length // 8) * 8


def _name(raw: bytes) -> str:
    """A name that somebody wrote into the file, fit for a terminal."""
    return ascii(raw[:200].decode(errors="replace"))
