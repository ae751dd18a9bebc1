"""The practice installer's initrd: a static busybox, drivers, and the init script."""

from __future__ import annotations

import gzip
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.core.run import find_tool

from .layouts import Layout
from .modules import Module, in_load_order, index

APPLETS = (
    *("awk", "cat", "cut", "dd", "echo", "grep", "head", "insmod", "ls", "mkdir", "mount"),
    *("poweroff", "printf", "sed", "sh", "sha256sum", "sleep", "sort", "test", "tr", "umount"),
    *("uname", "wc", "["),
)
DIRECTORY, FILE, LINK, DEVICE = 0o040755, 0o100755, 0o120777, 0o020600
WAIT_SECONDS = 10
"""How long the init script waits for a medium to appear, in seconds."""


@dataclass(frozen=True)
class Entry:
    """A member of a cpio archive: path without leading slash, mode, bytes, device number."""

    path: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


def cpio(entries: Iterable[Entry]) -> bytes:
    """An archive in the `newc` format that the kernel unpacks (initramfs buffer format).

    Owner root, modification time 0: the same entries give the same bytes.
    """
    out = bytearray()
    for number, entry in enumerate((*entries, Entry("TRAILER!!!", 0)), start=1):
        name = entry.path.encode() + b"\0"
        links = 2 if entry.mode == DIRECTORY else 1
        major, minor = entry.device
        fields = (number, entry.mode, 0, 0, links, 0, len(entry.data), 0, 0, major, minor)
        out += b"070701" + b"".join(b"%08X" % field for field in (*fields, len(name), 0)) + name
        out += b"\0" * (-len(out) % 4) + entry.data
        out += b"\0" * (-len(out) % 4)
    return bytes(out)


def find_busybox() -> Path:
    """The host's statically linked busybox. Raises B2ctError when there is none."""
    for name in ("busybox.static", "busybox"):
        found = find_tool(name)
        # A dynamically linked ELF file names its interpreter, ld-linux, in its first page.
        if found and b"ld-linux" not in Path(found).read_bytes()[:4096]:
            return Path(found).resolve()
    raise B2ctError(
        "no statically linked busybox, which the practice installer is made of",
        hint="Debian: apt-get install busybox-static; EL: dnf install busybox (EPEL)",
    )


def settings(row: Layout, *, serial: bool) -> str:
    """`/etc/practice.conf`: the release's rules as shell variables for the init script."""
    values = {
        "RELEASE": row.name,
        "KICKSTART_KEYS": " ".join(row.kickstart_keys),
        "STAGE2_KEYS": " ".join(row.stage2_keys),
        "STAGE2": row.stage2,
        "UDEV_LABELS": "1" if row.udev_labels else "",
        "OEMDRV": "1" if row.oemdrv else "",
        "SERIAL": "1" if serial else "",
        "WAIT": str(WAIT_SECONDS),
    }
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())


def entries(row: Layout, modules: list[Module], busybox: bytes, *, serial: bool) -> list[Entry]:
    """The initrd's members, directories first."""
    data = files("b2ct.rehearsal.installer").joinpath("data")
    order = "".join(f"{module.name}.ko {module.options}".rstrip() + "\n" for module in modules)
    folders = ("bin", "dev", "etc", "mnt", "modules", "proc", "sys", "tmp")
    return [
        *(Entry(name, DIRECTORY) for name in folders),
        # Before /dev is mounted the kernel opens the console for the first process.
        Entry("dev/console", DEVICE, device=(5, 1)),
        Entry("bin/busybox", FILE, busybox),
        *(Entry(f"bin/{name}", LINK, b"busybox") for name in APPLETS),
        Entry("init", FILE, data.joinpath("init").read_bytes()),
        Entry("etc/functions.sh", FILE, data.joinpath("functions.sh").read_bytes()),
        Entry("etc/practice.conf", FILE, settings(row, serial=serial).encode()),
        Entry("etc/modules.order", FILE, order.encode()),
        *(Entry(f"modules/{module.name}.ko", FILE, module.data) for module in modules),
    ]


def build(row: Layout, modules: Path, *, serial: bool) -> bytes:
    """The initrd of a layout as the boot loader loads it; `modules` is /lib/modules/RELEASE."""
    busybox = find_busybox().read_bytes()
    drivers = in_load_order(index(modules))
    archive = cpio(entries(row, drivers, busybox, serial=serial))
    # Level 6 halves what slow firmware has to load; the kernel unpacks it in no time.
    return gzip.compress(archive, compresslevel=6, mtime=0)
