"""Trees of files that are like a system, without being one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from b2ct.image.disk.make import DiskMade, make
from b2ct.image.model import MIB, Boot, Layout, System

EPOCH = 1_700_000_000
DEBIAN = System(distribution="debian", release="12", packaging="apt")
EL6 = System(distribution="centos", release="6.10", packaging="rpm")
EL8 = System(distribution="almalinux", release="8", packaging="rpm")
BOOT = Boot(kernel="linux-image-amd64")


def layout(mib: int = 160, esp: int = 34) -> Layout:
    """A disk smaller than the model allows: tests need no more."""
    return Layout.model_construct(size=mib * MIB, esp=esp * MIB, file_system="ext4", label="root")


def system(tree: Path, *kernels: str) -> Path:
    """A tree with kernels that are not, owners, modes, links, a device-like set of oddities."""
    for folder in ("boot", "etc", "usr/bin", "usr/share/many", "home/user", "tmp"):
        (tree / folder).mkdir(parents=True)
    for release in kernels or ("6.1.0-32-amd64",):
        (tree / f"boot/vmlinuz-{release}").write_bytes(b"kernel " * 1000)
        (tree / f"boot/initrd.img-{release}").write_bytes(b"initrd " * 1000)
    (tree / "usr/bin/tool").write_bytes(bytes(range(256)) * 100)
    (tree / "usr/bin/tool").chmod(0o4755)
    (tree / "usr/bin/other").hardlink_to(tree / "usr/bin/tool")
    (tree / "usr/bin/link").symlink_to("tool")
    (tree / "tmp").chmod(0o1777)
    (tree / "home/user/secret").write_text("mine")
    (tree / "home/user/secret").chmod(0o600)
    for number in range(300):
        (tree / f"usr/share/many/file {number} ä").write_text(f"{number}\n" * (number * 10))
    os.utime(tree / "usr/bin/tool", (1_000_000_000, 1_000_000_000))
    os.utime(tree / "usr/share/many/file 1 ä", (-1000, -1000))
    return tree


def disk(tree: Path, raw: Path, **changes: Any) -> DiskMade:
    """A raw disk of the tree with the settings of these tests."""
    settings = {
        "system": DEBIAN, "layout": layout(), "boot": BOOT, "epoch": EPOCH, "seed": "a worker",
    }  # fmt: skip
    return make(tree, raw, **{**settings, **changes})


def part(raw: Path, start: int, size: int, out: Path) -> Path:
    """A copy of a partition, as a file of its own."""
    subprocess.run(
        [
            *("dd", f"if={raw}", f"of={out}", "bs=1M", "conv=sparse", "status=none"),
            *(f"skip={start // MIB}", f"count={size // MIB}"),
        ],
        check=True,
    )
    with out.open("r+b") as file:
        file.truncate(size)
    return out


def told(*argv: str | Path, code: int = 0) -> str:
    """What a tool of the host prints; its exit code must be `code`."""
    done = subprocess.run(
        [str(word) for word in argv], check=False, text=True, errors="replace",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    assert done.returncode == code, f"{argv}: {done.returncode}: {done.stdout}"
    return done.stdout
