"""Remaster an installer ISO: kickstarts in, boot entries in front, everything else untouched.

The plan says every byte that changes before anything is written. New data goes into a gap that is
opened behind the file system (see `hybrid`); directories, volume descriptors, partition tables
and El Torito follow, and so do the configurations inside the EFI system partition. Kernels, shim
and GRUB are never moved, so the tables inside them and Secure Boot's signatures stay right.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from b2ct.core.clock import image_time
from b2ct.core.errors import B2ctError
from b2ct.media import bootcfg, bootmenu, esp, hybrid, imagewriter, labels, mediacheck
from b2ct.media.bootmenu import Entry, Menu
from b2ct.media.esp import Esp
from b2ct.media.graft import Place, check_path, graft
from b2ct.media.imagewriter import Copy, Data, Progress, Segment, Stream, Written
from b2ct.media.installer import BootConfig, Installer
from b2ct.media.iso9660 import Volume, both, content, damaged, find, to_both
from b2ct.media.layout import Layout, read_layout
from b2ct.media.source import SECTOR, Image
from b2ct.site.catalogue import RELEASES

__all__ = ["Entry", "Plan", "Written", "plan", "write"]

PADDING = 150
"""Sectors of zeros at the end, as mkisofs writes: drives that read ahead on a burned disc."""
LARGEST_TOTAL = 256 * 2**20
"""Bytes of files that may be added: they are held in memory."""
LONGEST_TIMEOUT = 3600
_SMALL = 2**20


@dataclass(frozen=True)
class Plan:
    """What remastering will do. `changes` says it in lines for a person."""

    installer: Installer
    files: tuple[str, ...]
    """Paths of the new files in the tree."""
    entries: tuple[Entry, ...]
    changes: tuple[str, ...]
    stream: Stream = field(repr=False)
    mended: tuple[str, ...] = ()
    """Labels that the menus of the source named, and that no medium has: they were corrected."""

    @property
    def size(self) -> int:
        """Bytes of the result."""
        return self.stream.size


def plan(
    installer: Installer,
    *,
    files: Mapping[str, bytes],
    entries: Sequence[Entry],
    default: int = 0,
    timeout: int | None = 60,
    serial: str | None = None,
    source_date_epoch: int | None = None,
) -> Plan:
    """Work out a remaster; nothing is written.

    `files` are new files: path in the tree -> bytes. `default` is the index of the entry that
    boots after `timeout` seconds (None: never by itself). `serial` is a console such as
    `ttyS0,115200`. `source_date_epoch` dates the new records, in seconds since 1970; without it
    the environment's SOURCE_DATE_EPOCH does, or else the clock.
    Raises B2ctError for what cannot be put on this medium, and says what to do.
    """
    placed = {check_path(path): data for path, data in files.items()}
    stamp = image_time() if source_date_epoch is None else source_date_epoch
    with Image(installer.path) as image:
        layout = read_layout(image)
        menu = _menu(installer, entries, default, timeout, serial)
        _check(image, layout, placed, menu)
        work = _Work(image, layout, stamp)
        texts, mended = _edit_configs(installer, menu)
        work.add_files(placed | {c.path: t for c, t in texts.items() if c.location == "tree"})
        work.change_esps({c: t for c, t in texts.items() if c.location == "esp"})
        stream = work.stream()
    changes = tuple(_say(installer, placed, menu, texts, stream))
    return Plan(installer, tuple(sorted(placed)), menu.entries, changes, stream, mended)


def write(
    plan: Plan,
    out: Path,
    *,
    progress: Progress | None = None,
    sha256: bool = False,
    mode: int = 0o644,
) -> Written:
    """Write a planned image, atomically and in one pass; see `imagewriter.write`."""
    return imagewriter.write(plan.stream, out, progress=progress, sha256=sha256, mode=mode)


def _menu(
    installer: Installer,
    entries: Sequence[Entry],
    default: int,
    timeout: int | None,
    serial: str | None,
) -> Menu:
    if not entries:
        raise B2ctError("there is no boot entry to make", hint="name a role or a node")
    for entry in entries:
        bootmenu.check_entry(entry)
    if not 0 <= default < len(entries):
        raise B2ctError(f"there is no entry {default} to be the default among {len(entries)}")
    if timeout is not None and not 1 <= timeout <= LONGEST_TIMEOUT:
        raise B2ctError(
            f"a timeout of {timeout} seconds is not possible", hint=f"1 to {LONGEST_TIMEOUT}"
        )
    console = bootmenu.parse_serial(serial) if serial else None
    release = RELEASES[installer.release]
    _check_label(installer)
    stage2 = "inst.stage2" if release.prefixed_arguments and installer.stage2 else ""
    return Menu(
        tuple(entries), default, timeout, console, release.ks_argument, installer.device, stage2
    )


def _check_label(installer: Installer) -> None:
    """Refuse a label that boot menus cannot name."""
    hint = (
        f"the {installer.release.upper()} installer cannot find a medium of that name: give it "
        "another (xorriso -volid)"
    )
    if re.search(r"\s", installer.device):
        raise B2ctError(
            f"the label '{installer.label}' has a space, which a kernel argument cannot hold",
            hint=hint,
        )
    named = installer.volume_id
    if not named or not named.isprintable() or not {"'", '"'}.isdisjoint(named):
        raise B2ctError(f"{installer.path.name} has the label {named!r}", hint=hint)


def _check(image: Image, layout: Layout, files: Mapping[str, bytes], menu: Menu) -> None:
    """Refuse what the tree cannot hold."""
    volume = layout.descriptors.primary
    if not volume.rock_ridge:
        raise B2ctError(
            f"{image.path} has no Rock Ridge names, so that an installer would not find new files",
            hint="use the distribution's own ISO",
        )
    if sum(len(data) for data in files.values()) > LARGEST_TOTAL:
        raise B2ctError(f"the new files have more than {LARGEST_TOTAL // 2**20} MiB")
    for entry in menu.entries:
        path = entry.kickstart
        if path is None:
            continue
        if not path.startswith("/") or (
            check_path(path) not in files and find(image, volume, path) is None
        ):
            raise B2ctError(
                f"the entry '{entry.title}' names the kickstart {path}, which is not on the medium"
            )


def _edit_configs(
    installer: Installer, menu: Menu
) -> tuple[dict[BootConfig, bytes], tuple[str, ...]]:
    """The new text of every configuration that changes; and the wrong labels that they named."""
    texts, wrong, installs = {}, set[str](), False
    for config in installer.boot_configs:
        text, found = labels.mended(config.text, installer.volume_id, installer.device)
        wrong |= set(found)
        edited = bootcfg.edit(config.kind, text, menu)
        installs = installs or edited is not None
        text = text if edited is None else edited
        if text != config.text:
            texts[config] = text.encode("utf-8", errors="surrogateescape")
    if not installs:
        raise B2ctError(
            f"{installer.path}: none of its boot menus has an entry that installs",
            hint="use the distribution's own ISO, not one that was changed",
        )
    return texts, tuple(sorted(wrong))


class _Work:
    """Collects the changes of one remaster as patches: byte of the result -> bytes."""

    def __init__(self, image: Image, layout: Layout, stamp: int) -> None:
        self.image = image
        self.layout = layout
        self.stamp = stamp
        self.patches: dict[int, bytes] = {}
        self.behind: dict[int, bytes] = {}
        """Patches of what lies behind the gap, by the byte of the source: it moves."""
        self.descriptors: list[tuple[int, bytes]] = []
        self.treeinfo = _TreeInfo(image, layout.descriptors.primary)
        self.next = layout.gap

    def _patch(self, patches: Mapping[int, bytes]) -> None:
        """Collect patches. Raises B2ctError when two structures claim the same place."""
        if not self.patches.keys().isdisjoint(patches):
            damaged(self.image, "two of its structures are at the same place")
        self.patches |= patches

    def allocate(self, sectors: int) -> int:
        """The next free sectors behind the file system."""
        first = self.next
        self.next += sectors
        return first

    def add_files(self, files: Mapping[str, bytes]) -> None:
        """Put files into every tree of the image, new ones and new versions."""
        places = {}
        for path, data in sorted(files.items()):
            sector = self.allocate(max(1, -(-len(data) // SECTOR)))
            places[path] = Place(sector, len(data))
            self._patch({sector * SECTOR: data})
            self.treeinfo.changed(path, partial(_data_digest, data))
        for volume in self.layout.descriptors.volumes:
            grafted = graft(self.image, volume, places, allocate=self.allocate, stamp=self.stamp)
            self._patch(grafted.patches)
            self.descriptors.append((volume.sector, grafted.descriptor))

    def change_esps(self, texts: Mapping[BootConfig, bytes]) -> None:
        """Replace the configurations inside the EFI system partitions."""
        for partition in self.layout.esps:
            wanted = {c.path: text for c, text in texts.items() if c.partition == partition}
            if wanted:
                with tempfile.TemporaryDirectory(prefix="b2ct-esp-") as folder:
                    self._change_esp(partition, wanted, Path(folder))

    def _change_esp(self, partition: Esp, texts: Mapping[str, bytes], folder: Path) -> None:
        replaced = esp.replace_configurations(
            self.image, partition, texts, stamp=self.stamp, folder=folder
        )
        behind = partition.offset >= self.layout.gap * SECTOR
        for at, data in replaced.patches.items():
            if behind:
                self.behind[partition.offset + at] = data
            else:
                self._patch({partition.offset + at: data})
        if partition.path:
            self.treeinfo.changed(partition.path, partial(_file_digest, replaced.image))

    def stream(self) -> Stream:
        """All changes as the segments of the result."""
        gap, volume = self.layout.gap, self.layout.descriptors.primary
        growth = self._growth()
        self._patch(self.treeinfo.patches())
        self._patch({at + growth * SECTOR: data for at, data in self.behind.items()})
        for sector, raw in self.descriptors:
            blank = sector == volume.sector
            self._patch({sector * SECTOR: _descriptor(raw, growth, blank=blank)})
        self._patch(hybrid.grow(self.layout.equipment, gap, growth))
        size = self.image.size + growth * SECTOR
        return Stream(
            source=self.image.path,
            source_size=self.image.size,
            source_modified=self.image.modified,
            segments=tuple(self._segments(gap * SECTOR, growth * SECTOR, size)),
            size=size,
            summed=mediacheck.checked_bytes(volume.space_size + growth),
            supported=b"RHLISOSTATUS=1" in volume.raw[mediacheck.FIELD_AT :],
            field_at=volume.sector * SECTOR + mediacheck.FIELD_AT,
        )

    def _segments(self, gap: int, growth: int, size: int) -> Iterator[Segment]:
        """The result in order: the source with a gap of zeros, and the patches over it."""
        at = 0
        for start in sorted(self.patches):
            if start < at or start + len(self.patches[start]) > size:
                damaged(self.image, "two of its structures overlap, or one ends behind the image")
            yield from _unpatched(at, start, gap, growth)
            yield Data(self.patches[start])
            at = start + len(self.patches[start])
        yield from _unpatched(at, size, gap, growth)

    def _growth(self) -> int:
        """Sectors to grow by: what is needed, in steps that keep the alignment."""
        gap, volume = self.layout.gap, self.layout.descriptors.primary
        needed = self.next - gap + (PADDING if gap == volume.space_size else 0)
        unit = hybrid.growth_unit(self.layout.equipment)
        growth = -(-needed // unit) * unit
        while not mediacheck.every_version_agrees(volume.space_size + growth):
            growth += unit
        return growth


class _TreeInfo:
    """`.treeinfo`, in which checksums are replaced where they stand: they keep their length."""

    def __init__(self, image: Image, volume: Volume) -> None:
        record = find(image, volume, ".treeinfo")
        self.at = (volume.base + record.extent) * SECTOR if record else 0
        self.old = content(image, volume, ".treeinfo", limit=_SMALL) or b""
        self.new = bytearray(self.old)

    def changed(self, path: str, digest: Callable[[str], str]) -> None:
        """Say that a file changed; `digest` computes its sum by the name of the algorithm."""
        line = (
            rb"(?m)^[ \t]*" + re.escape(path.encode()) + rb"[ \t]*[=:][ \t]*(\w+):([0-9a-f]+)\s*?$"
        )
        for found in re.finditer(line, self.old):
            name = found[1].decode()
            if name in {"md5", "sha1", "sha224", "sha256", "sha384", "sha512"}:
                value = digest(name).encode()
                if len(value) == len(found[2]):
                    self.new[found.start(2) : found.end(2)] = value

    def patches(self) -> dict[int, bytes]:
        """The file's new bytes, if any changed."""
        return {self.at: bytes(self.new)} if self.new != self.old else {}


def _data_digest(data: bytes, name: str) -> str:
    return hashlib.new(name, data).hexdigest()


def _file_digest(path: Path, name: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, name).hexdigest()


def _descriptor(raw: bytes, growth: int, *, blank: bool) -> bytes:
    """A volume descriptor of a volume that grew; `blank` clears the media check's field."""
    new = bytearray(raw)
    new[80:88] = to_both(both(raw, 80) + growth)
    if blank:
        at = mediacheck.FIELD_AT
        new[at : at + mediacheck.FIELD_LENGTH] = b" " * mediacheck.FIELD_LENGTH
    return bytes(new)


def _unpatched(start: int, end: int, gap: int, growth: int) -> Iterator[Segment]:
    """Bytes `start` to `end` of the result where nothing is patched."""
    before, inside, behind = min(end, gap), min(end, gap + growth), end
    if start < before:
        yield Copy(start, before - start)
    if max(start, gap) < inside:
        yield Data(bytes(inside - max(start, gap)))
    if max(start, gap + growth) < behind:
        first = max(start, gap + growth)
        yield Copy(first - growth, behind - first)


def _say(
    installer: Installer,
    files: Mapping[str, bytes],
    menu: Menu,
    texts: Mapping[BootConfig, bytes],
    stream: Stream,
) -> Iterator[str]:
    """What will be done, line by line."""
    for path, data in sorted(files.items()):
        yield f"add /{path} ({len(data)} bytes)"
    for number, entry in enumerate(menu.entries):
        mark = " (default)" if number == menu.default else ""
        with_ks = f" with {entry.kickstart}" if entry.kickstart else ""
        yield f"boot entry '{entry.title}'{with_ks}{mark}"
    for config in texts:
        where = "the EFI system partition" if config.location == "esp" else "the tree"
        yield f"edit {config.path} in {where}"
    grub = any(config.kind == bootcfg.GRUB for config in texts)
    if "uefi-cd" in installer.boot_modes and not grub:
        yield "leave the UEFI menu as it is: it is not GRUB 2's; the new entries are BIOS's only"
    yield f"implant a media-check MD5; the image grows to {stream.size} bytes"
