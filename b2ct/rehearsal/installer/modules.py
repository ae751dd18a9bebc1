"""Kernel modules without kmod: dependencies are read from the modules' own `.modinfo` section."""

from __future__ import annotations

import gzip
import lzma
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from b2ct.core.run import run

WANTED: tuple[tuple[str, str], ...] = (
    ("sr_mod", ""),
    ("sd_mod", ""),
    ("ahci", ""),
    ("ata_piix", ""),
    ("xhci_pci", ""),
    # The second that the driver waits by default is for drives with a motor.
    ("usb_storage", "delay_use=0"),
    ("isofs", ""),
    ("vfat", ""),
)
"""Drivers of the practice installer and their options: drives, buses, file systems."""

OPTIONAL: tuple[tuple[str, str], ...] = tuple(
    (name, "") for name in ("nls_cp437", "nls_iso8859_1", "nls_ascii", "nls_utf8")
)
"""Loaded where the distribution has them; kernels differ in their default character set."""

SOFT: dict[str, tuple[str, ...]] = {
    "sd_mod": ("crct10dif_generic", "crc64_rocksoft_generic"),
    "ext4": ("crc32c_generic",),
}
"""What a driver asks for only while it is being loaded, and no dependency names."""


@dataclass(frozen=True)
class Index:
    """A modules folder: module name -> file, and the names that are built into the kernel."""

    files: dict[str, Path]
    builtin: frozenset[str]


@dataclass(frozen=True)
class Module:
    """One module to load: its name, uncompressed bytes and options."""

    name: str
    data: bytes
    options: str


def module_name(file: str) -> str:
    """`kernel/fs/nls/nls_iso8859-1.ko.xz` is the module `nls_iso8859_1`."""
    return file.rpartition("/")[2].partition(".ko")[0].replace("-", "_")


def index(folder: Path) -> Index:
    """List a modules folder (`/lib/modules/RELEASE`)."""
    files = {module_name(path.name): path for path in sorted(folder.glob("kernel/**/*.ko*"))}
    listing = folder / "modules.builtin"
    lines = listing.read_text().split() if listing.is_file() else []
    return Index(files, frozenset(module_name(line) for line in lines))


def read(path: Path) -> bytes:
    """A module's bytes, whatever the distribution packed it with (gzip, xz, zstd, nothing)."""
    if path.suffix == ".zst":
        with tempfile.TemporaryDirectory() as folder:
            unpacked = Path(folder) / "module.ko"
            run(["zstd", "-d", "-q", "-o", unpacked, path])
            return unpacked.read_bytes()
    data = path.read_bytes()
    unpack = {".xz": lzma.decompress, ".gz": gzip.decompress}.get(path.suffix)
    return unpack(data) if unpack else data


def dependencies(data: bytes) -> list[str]:
    """The modules that a module names in its `depends=` line."""
    for field in data.split(b"\0"):
        if field.startswith(b"depends="):
            names = field.removeprefix(b"depends=").decode("ascii", "replace").split(",")
            return [module_name(name) for name in names if name]
    return []


def in_load_order(
    known: Index, wanted: Iterable[tuple[str, str]] = (*WANTED, *OPTIONAL)
) -> list[Module]:
    """Every module that is wanted or depended on, dependencies first; built-in ones left out."""
    options = dict(wanted)
    order: dict[str, Module] = {}

    def add(name: str) -> None:
        if name in order or name in known.builtin or name not in known.files:
            return
        data = read(known.files[name])
        for needed in (*SOFT.get(name, ()), *dependencies(data)):
            add(needed)
        order[name] = Module(name, data, options.get(name, ""))

    for name in options:
        add(name)
    return list(order.values())
