"""Put files into an ISO 9660 tree without rewriting it: the sectors that change, and nothing else.

A directory keeps its place while its records fit; else it moves to new sectors, and its parent,
its children and the path tables follow. New records carry the Rock Ridge entries that their
neighbours have, or a Joliet name. Paths are relative, with `/` between parts.
"""

from __future__ import annotations

import re
import struct
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from b2ct.core.errors import B2ctError
from b2ct.media.iso9660 import (
    DIRECTORY,
    MULTI_EXTENT,
    Record,
    Volume,
    both,
    damaged,
    directory_bytes,
    split_records,
    susp,
    to_both,
)
from b2ct.media.source import SECTOR, Image

LONGEST_NAME = 103
"""Characters: the longest name that a Joliet record holds."""
DEEPEST = 8
"""Levels of directories (ECMA-119 6.8.2.1)."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
_MOST_DIRECTORIES = 65_535
"""Path tables number their directories with 16 bits."""
_LARGEST_PATH_TABLE = 4 * 2**20
_MOST_SUBFOLDERS = 4096


@dataclass(frozen=True)
class Place:
    """Where a file's data is: sector from the start of the image, and length in bytes."""

    sector: int
    size: int


@dataclass(frozen=True)
class Grafted:
    """A tree's changes."""

    patches: dict[int, bytes]
    """Byte of the output -> bytes."""
    descriptor: bytes
    """The volume descriptor; the volume space size is the caller's to set."""


def check_path(path: str) -> str:
    """A path in the tree without its leading slash. Raises B2ctError for one that is not safe."""
    parts = path.removeprefix("/").split("/")
    for part in parts:
        if not _NAME.fullmatch(part) or len(part) > LONGEST_NAME:
            raise B2ctError(
                f"'{path}' is not a path for the medium",
                hint="its parts may have letters, digits and . _ + -, at most"
                f" {LONGEST_NAME} characters, and begin with a letter or digit",
            )
    if len(parts) > DEEPEST - 1:
        raise B2ctError(
            f"'{path}' has too many folders", hint=f"at most {DEEPEST - 2} are possible"
        )
    return "/".join(parts)


class _Directory:
    """A directory being changed. `extent` counts from the volume's base; -1: not yet placed."""

    def __init__(
        self, name: str, parent: _Directory | None, records: list[Record], extent: int, size: int
    ) -> None:
        self.name = name
        self.parent = parent
        self.records = records
        self.extent = extent
        self.sectors = -(-size // SECTOR)
        self.moved = False
        self.loaded: dict[str, _Directory] = {}

    @property
    def size(self) -> int:
        return self.sectors * SECTOR


class _Grafter:
    def __init__(
        self, image: Image, volume: Volume, allocate: Callable[[int], int], stamp: int
    ) -> None:
        self.image = image
        self.volume = volume
        self.allocate = allocate
        moment = time.gmtime(stamp)
        # ECMA-119 9.1.5: years since 1900, and the offset from UTC in quarters of an hour
        self.date = bytes((min(max(moment.tm_year - 1900, 0), 255), *moment[1:6], 0))
        root = volume.root
        self.root = self._load("", None, root)
        self.template = _Template.of(volume, self.root.records[0])
        self.patches: dict[int, bytes] = {}

    def _load(self, name: str, parent: _Directory | None, record: Record) -> _Directory:
        data = directory_bytes(self.image, self.volume, record)
        records = split_records(self.image, data)
        return _Directory(name, parent, records, record.extent, record.size)

    def put(self, path: str, place: Place) -> None:
        """Add a file, or point an existing one at its new data."""
        *folders, name = path.split("/")
        here = self.root
        for folder in folders:
            here = self._folder(here, folder)
        extent = place.sector - self.volume.base
        for index, record in enumerate(here.records[2:], start=2):
            if self.volume.name(record) == name:
                if record.flags & (DIRECTORY | MULTI_EXTENT):
                    raise B2ctError(f"/{path} is already on the medium and is not a small file")
                here.records[index] = record.at(extent, place.size)
                return
        self._insert(here, name, extent, place.size, flags=0)

    def _folder(self, parent: _Directory, name: str) -> _Directory:
        """The directory of that name, made where it is missing."""
        if name in parent.loaded:
            return parent.loaded[name]
        for record in parent.records[2:]:
            if self.volume.name(record) == name:
                if not record.is_directory:
                    raise B2ctError(f"'{name}' is already on the medium and is not a folder")
                parent.loaded[name] = self._load(name, parent, record)
                return parent.loaded[name]
        own = [self._record(special, "", 0, 0, DIRECTORY) for special in (b"\0", b"\1")]
        made = parent.loaded[name] = _Directory(name, parent, own, -1, 0)
        self._insert(parent, name, 0, 0, flags=DIRECTORY)
        self.template.count_folder(parent)
        return made

    def _insert(self, here: _Directory, name: str, extent: int, size: int, *, flags: int) -> None:
        identifier = self._identifier(here, name, folder=bool(flags & DIRECTORY))
        record = self._record(identifier, name, extent, size, flags)
        at = bisect_left(here.records, identifier, lo=2, key=lambda r: r.identifier)
        here.records.insert(at, record)

    def _identifier(self, here: _Directory, name: str, *, folder: bool) -> bytes:
        taken = {record.identifier for record in here.records}
        if self.volume.joliet:
            return name.encode("utf-16-be")
        return _short_name(name, taken, folder=folder)

    def _record(self, identifier: bytes, name: str, extent: int, size: int, flags: int) -> Record:
        raw = bytes(2) + to_both(extent) + to_both(size) + self.date + bytes((flags, 0, 0))
        raw += to_both(1, 2) + bytes((len(identifier),)) + identifier
        raw += bytes((len(identifier) + 1) % 2)
        raw += self.template.system_use(name, self.date, flags)
        raw += bytes(len(raw) % 2)
        return Record(bytes((len(raw),)) + raw[1:])

    def finish(self) -> Grafted:
        """Place what changed, and make the bytes."""
        self._settle(self.root)
        self._write(self.root)
        raw = bytearray(self.volume.raw)
        raw[156:190] = self.volume.root.at(self.root.extent, self.root.size).raw
        self._path_tables(raw)
        return Grafted(self.patches, bytes(raw))

    def _settle(self, here: _Directory) -> None:
        """Give each directory its place; a moved one has to be told to its children."""
        sectors = len(_pack(here.records)) // SECTOR
        if here.extent < 0 or sectors > here.sectors:
            here.moved = True
            here.extent = self.allocate(sectors) - self.volume.base
            here.sectors = sectors
            self._tell_children(here)
        for child in here.loaded.values():
            self._settle(child)

    def _tell_children(self, here: _Directory) -> None:
        """Point the `..` of those folders at the new place that nothing else changes."""
        folders = [r for r in here.records[2:] if r.is_directory]
        if len(folders) > _MOST_SUBFOLDERS:
            damaged(self.image, f"a folder with {len(folders)} folders in it")
        for record in folders:
            if self.volume.name(record) in here.loaded:
                continue
            sector = self.volume.base + record.extent
            raw = self.image.sector(sector)
            own, parent, *_ = split_records(self.image, raw)
            at = len(own.raw)
            parent = parent.at(here.extent, here.size)
            self.patches[sector * SECTOR] = raw[:at] + parent.raw + raw[at + len(parent.raw) :]

    def _write(self, here: _Directory) -> None:
        parent = here.parent or here
        for index, record in enumerate(here.records):
            child = None if index < 2 else here.loaded.get(self.volume.name(record))
            target = (here, parent)[index] if index < 2 else child
            if target is not None:
                here.records[index] = record.at(target.extent, target.size)
        data = _pack(here.records).ljust(here.size, b"\0")
        self.patches |= self._changed(here, data)
        for child in here.loaded.values():
            self._write(child)

    def _changed(self, here: _Directory, data: bytes) -> dict[int, bytes]:
        """The sectors of a directory that differ; all of them when it moved."""
        start = (self.volume.base + here.extent) * SECTOR
        if here.moved:
            return {start: data}
        old = self.image.read(start, len(data))
        pieces = range(0, len(data), SECTOR)
        return {
            start + at: data[at : at + SECTOR]
            for at in pieces
            if data[at : at + SECTOR] != old[at : at + SECTOR]
        }

    def _path_tables(self, descriptor: bytearray) -> None:
        """Both path tables, and their optional copies where there are any (ECMA-119 9.4)."""
        size = self.volume.path_table_size
        places = (  # offset in the descriptor, byte order, required
            (140, "<", True), (144, "<", False), (148, ">", True), (152, ">", False),
        )  # fmt: skip
        old = struct.unpack_from("<I", self.volume.raw, 140)[0]
        nodes = _read_path_table(self.image, self.volume.base + old, size)
        self._rename_nodes(nodes, self.root, 0)
        order = _number(nodes)
        descriptor[132:140] = to_both(len(_path_table(nodes, order, "<")))
        for at, endian, required in places:
            here = struct.unpack_from(endian + "I", self.volume.raw, at)[0]
            if not here and not required:
                continue
            table = _path_table(nodes, order, endian)
            if len(table) > -(-size // SECTOR) * SECTOR:
                here = self.allocate(-(-len(table) // SECTOR)) - self.volume.base
                struct.pack_into(endian + "I", descriptor, at, here)
            self.patches[(self.volume.base + here) * SECTOR] = table

    def _rename_nodes(self, nodes: list[_Node], here: _Directory, index: int) -> None:
        """Bring the changed directories into the path table's nodes."""
        nodes[index].extent = here.extent
        known = {node.name: i for i, node in enumerate(nodes) if i and node.parent == index}
        identifiers = {self.volume.name(r): r.identifier for r in here.records[2:]}
        for name, child in here.loaded.items():
            identifier = identifiers[name]
            if identifier not in known:
                nodes.append(_Node(identifier, child.extent, index))
                known[identifier] = len(nodes) - 1
            self._rename_nodes(nodes, child, known[identifier])


def graft(
    image: Image,
    volume: Volume,
    files: Mapping[str, Place],
    *,
    allocate: Callable[[int], int],
    stamp: int,
) -> Grafted:
    """Put files into one tree.

    `allocate` takes a number of sectors and returns the first, counted from the start of the
    image; `stamp` is the time of the new records in seconds since 1970. Raises B2ctError for
    paths that are taken by something else, and for damaged trees.
    """
    grafter = _Grafter(image, volume, allocate, stamp)
    for path in sorted(files):
        grafter.put(path, files[path])
    return grafter.finish()


def _pack(records: list[Record]) -> bytes:
    """Records one after the other, none across the end of a sector."""
    data = bytearray()
    for record in records:
        if len(data) % SECTOR + len(record.raw) > SECTOR:
            data.extend(bytes(-len(data) % SECTOR))
        data += record.raw
    return bytes(data.ljust(-(-len(data) // SECTOR) * SECTOR, b"\0"))


def _short_name(name: str, taken: set[bytes], *, folder: bool) -> bytes:
    """A unique name of at most eight and three characters, which any reader takes."""
    stem, dot, extension = name.upper().rpartition(".") if not folder else (name.upper(), "", "")
    if not dot and not folder:
        stem, extension = extension, ""
    stem, extension = (re.sub(r"[^A-Z0-9_]", "_", part) for part in (stem or "_", extension[:3]))
    tail = "" if folder else f".{extension};1"
    candidate = f"{stem[:8]}{tail}".encode()
    number = 0
    while candidate in taken:
        number += 1
        candidate = f"{stem[: 8 - len(str(number))]}{number}{tail}".encode()
    return candidate


@dataclass
class _Template:
    """Which system use entries the tree's records have: new records get the same."""

    skip: int = 0
    rock_ridge: bool = False
    old_style: bool = False
    """Each record has an `RR` entry (RRIP 1991), as mkisofs writes."""
    px_length: int = 36
    links: bool = False
    """Directories count their subdirectories as links; else each says 1."""

    @classmethod
    def of(cls, volume: Volume, first: Record) -> _Template:
        if not volume.rock_ridge:
            return cls()
        entries = dict(susp(first.system_use[volume.skip :]))
        attributes = entries.get(b"PX", bytes(32))
        return cls(
            volume.skip, True, b"RR" in entries, len(attributes) + 4, both(attributes, 8) > 1
        )

    def system_use(self, name: str, date: bytes, flags: int) -> bytes:
        if not self.rock_ridge:
            return b""
        folder = flags & DIRECTORY
        mode, links = (0o040555, 2 if self.links else 1) if folder else (0o100444, 1)
        attributes = b"".join(to_both(value) for value in (mode, links, 0, 0, 0))
        px = attributes[: self.px_length - 4]
        area = bytes(self.skip)
        if self.old_style:
            area += b"RR\x05\x01" + bytes((0x89 if name else 0x81,))
        if name:
            area += b"NM" + bytes((5 + len(name), 1, 0)) + name.encode()
        area += b"PX" + bytes((4 + len(px), 1)) + px
        return area + b"TF\x1a\x01\x0e" + date * 3  # modified, accessed, attributes changed

    def count_folder(self, parent: _Directory) -> None:
        """A new subdirectory is one more link to its parent, where the tree counts links."""
        if not (self.rock_ridge and self.links):
            return
        places = [(parent.records, 0)]
        if parent.parent is None:
            places.append((parent.records, 1))
        for records, index in places:
            raw = records[index].raw
            at = _px_links(raw, records[index].system_use_offset + self.skip)
            if at:
                links = to_both(both(raw, at) + 1)
                records[index] = Record(raw[:at] + links + raw[at + 8 :])


def _px_links(raw: bytes, at: int) -> int:
    """Where in a record the number of links is; 0: nowhere."""
    while at + 4 <= len(raw) and raw[at + 2] >= 4:
        if raw[at : at + 2] == b"PX":
            return at + 12
        at += raw[at + 2]
    return 0


@dataclass
class _Node:
    """A directory in the path table; `parent` is an index into the list of nodes."""

    name: bytes
    extent: int
    parent: int


def _read_path_table(image: Image, sector: int, size: int) -> list[_Node]:
    """The little-endian path table."""
    if size > _LARGEST_PATH_TABLE:
        damaged(image, f"a path table of {size} bytes")
    data = image.read(sector * SECTOR, size)
    nodes: list[_Node] = []
    at = 0
    while at + 8 <= len(data):
        length = data[at]
        extent, parent = struct.unpack_from("<IH", data, at + 2)
        if not length or not 1 <= parent <= len(nodes) + (not nodes):
            damaged(image, "its path table is not readable")
        nodes.append(_Node(data[at + 8 : at + 8 + length], extent, parent - 1))
        at += 8 + length + length % 2
    if not nodes:
        damaged(image, "its path table is empty")
    return nodes


def _number(nodes: list[_Node]) -> list[int]:
    """The order of a path table: by level, then by parent, then by name (ECMA-119 6.9.1)."""
    below: dict[int, list[int]] = {}
    for index, node in enumerate(nodes[1:], start=1):
        below.setdefault(node.parent, []).append(index)
    order = [0]
    for index in order:
        order += sorted(below.get(index, []), key=lambda i: nodes[i].name)
    if len(order) > _MOST_DIRECTORIES:
        raise B2ctError("the medium would have too many folders")
    return order


def _path_table(nodes: list[_Node], order: list[int], endian: str) -> bytes:
    number = {index: position for position, index in enumerate(order, start=1)}
    table = bytearray()
    for index in order:
        node = nodes[index]
        parent = number[node.parent] if index else 1
        table += struct.pack(f"{endian}BBIH", len(node.name), 0, node.extent, parent)
        table += node.name + bytes(len(node.name) % 2)
    return bytes(table)
