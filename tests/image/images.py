"""An image as a build leaves it behind, without the build: some bytes and the files beside them."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from typing import Any

from b2ct.papers.about import About, Package
from b2ct.papers.beside import Beside
from b2ct.papers.write import write
from b2ct.rehearsal.oned.files import qcow2_header

EPOCH = 1_700_000_000
PACKAGES = (
    Package("bash", "5.2.15-2+b7", "amd64", license="GPL-3.0-or-later"),
    Package("g++", "4:12.2.0-3", "amd64", "gcc-defaults"),
    Package("tzdata", "2024a-0+deb12u1", "all"),
)


def about(image: Path, **changes: Any) -> About:
    data = image.read_bytes()
    values: dict[str, Any] = {
        "name": "debian-12-worker",
        "title": "A worker",
        "distribution": "debian",
        "release": "12",
        "packaging": "apt",
        "epoch": EPOCH,
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": len(data),
        "virtual_size": 2**33,
        "definition": "title: A worker\n",
        "packages": PACKAGES,
        "layers": {"base": "0" * 64, "packages": "1" * 64},
        "kernel": "6.1.0-32-amd64",
        "arguments": ("root=UUID=x", "ro"),
    }
    return About(**{**values, **changes})


def an_image(folder: Path, name: str = "worker.qcow2", **changes: Any) -> Beside:
    image = folder / name
    image.write_bytes(qcow2_header(2**33).ljust(256, b"\0") + bytes(range(256)) * 5000)
    return write(image, about(image, **changes))


def a_key(folder: Path, name: str = "key", passphrase: str = "") -> Path:
    key = folder / name
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", name, "-f", key], check=True
    )
    return key


def allow(path: Path, **keys: Path) -> Path:
    """A list of allowed signers: name -> key."""
    lines = [f"{name} {key.with_name(key.name + '.pub').read_text()}" for name, key in keys.items()]
    path.write_text("".join(lines))
    return path
