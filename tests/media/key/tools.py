"""A key looked at with the field's own tools: mtools, dosfstools, util-linux, xorriso."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from b2ct.media.imagewriter import Data
from b2ct.media.key.fat32 import Volume

_ENV = {**os.environ, "MTOOLSRC": os.devnull, "TZ": "UTC", "LC_ALL": "C.UTF-8"}
START = 2**20


def run(*argv: str | Path, check: bool = True) -> str:
    done = subprocess.run(
        [str(word) for word in argv], env=_ENV, check=False, text=True, errors="replace",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0 or not check, f"{argv}: {done.stdout}"
    return done.stdout


def place(image: Path, offset: int = START) -> str:
    return f"{image}@@{offset}"


def read(image: Path, path: str, offset: int = START) -> bytes:
    """A file on the key."""
    done = subprocess.run(
        ["mtype", "-i", place(image, offset), f"::/{path}"],
        env=_ENV, check=True, capture_output=True,
    )  # fmt: skip
    return done.stdout


def paths(image: Path, offset: int = START) -> list[str]:
    """All files, as mtools lists them."""
    lines = run("mdir", "-b", "-/", "-a", "-i", place(image, offset), "::/").splitlines()
    return sorted(line.removeprefix("::/") for line in lines if not line.endswith("/"))


def unpack(image: Path, folder: Path, offset: int = START) -> dict[str, bytes]:
    """All files with their bytes, copied out by mcopy."""
    folder.mkdir()
    run("mcopy", "-s", "-n", "-i", place(image, offset), "::/", folder)
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def fsck(image: Path, folder: Path, offset: int = START) -> str:
    """What fsck.vfat says of the file system on the key; it must find nothing."""
    part = folder / "partition.fat"
    run("dd", f"if={image}", f"of={part}", "bs=1M", f"skip={offset // 2**20}", "conv=sparse")
    said = run("fsck.vfat", "-n", "-v", part)
    part.unlink()
    return said


def partitions(image: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("sfdisk", "-J", image))["partitiontable"][
        "partitions"
    ]
    return found


def iso_file(iso: Path, path: str, folder: Path) -> bytes:
    """A file of an ISO, extracted by xorriso."""
    out = folder / "extracted"
    out.unlink(missing_ok=True)
    run("xorriso", "-osirrox", "on", "-indev", f"stdio:{iso}", "-extract", f"/{path}", out)
    return out.read_bytes()


def store(volume: Volume, path: Path) -> None:
    """Write a volume whose files are all in memory, without what is before it."""
    with path.open("wb") as out:
        out.truncate(volume.size)
        for piece in volume.pieces:
            assert isinstance(piece.segment, Data)
            os.pwrite(out.fileno(), piece.segment.content, piece.offset)


def graft(iso: Path, out: Path, files: dict[str, bytes], folder: Path) -> Path:
    """A copy of an ISO with more files in it: a netinstall image becomes a DVD."""
    words: list[str | Path] = []
    for number, (path, data) in enumerate(files.items()):
        source = folder / f"graft-{number}"
        source.write_bytes(data)
        words += ["-map", source, f"/{path}"]
    _graft(iso, out, words)
    return out


def _graft(iso: Path, out: Path, words: Sequence[str | Path]) -> None:
    run(
        "xorriso", "-indev", f"stdio:{iso}", "-outdev", f"stdio:{out}",
        "-boot_image", "any", "replay", *words,
    )  # fmt: skip
