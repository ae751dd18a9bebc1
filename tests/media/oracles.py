"""What independent tools say about an image."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pycdlib

from tests.media.isos import run


def media_check(iso: Path) -> bool:
    """Isomd5sum's verdict."""
    return "PASS" in run("checkisomd5", "--verbose", iso)


def extract(iso: Path, folder: Path) -> dict[str, bytes]:
    """Every file that xorriso sees in the first tree: path -> bytes."""
    folder.mkdir()
    run("xorriso", "-osirrox", "on", "-indev", iso, "-extract", "/", folder)
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def listing(iso: Path) -> list[str]:
    """Paths as `xorriso -find` prints them; fails when xorriso complains."""
    printed = run("xorriso", "-indev", iso, "-find", "/")
    assert not re.search(r"(FAILURE|FATAL|SORRY|WARNING) :", printed), printed
    return re.findall(r"(?m)^'/(.+)'$", printed)


def isoinfo_listing(iso: Path, kind: str) -> list[str]:
    """Paths as isoinfo finds them; kind is `-R` (Rock Ridge) or `-J` (Joliet)."""
    return sorted(line[1:] for line in run("isoinfo", kind, "-f", "-i", iso).splitlines() if line)


def through_pycdlib(iso: Path, path: str) -> dict[str, bytes]:
    """A file's bytes by each of its names."""
    image = pycdlib.PyCdlib()
    image.open(str(iso))
    found = {}
    for kind in ("rr_path", "joliet_path"):
        data = io.BytesIO()
        image.get_file_from_iso_fp(data, **{kind: path})
        found[kind] = data.getvalue()
    image.close()
    return found


def partition_problems(iso: Path) -> list[str]:
    """What sgdisk finds wrong, without numbers: those may change with the size."""
    printed = run("sgdisk", "-v", iso, check=False)
    return sorted(re.sub(r"\d+", "N", line) for line in printed.splitlines() if line.strip())


def boot_report(iso: Path) -> list[str]:
    """Xorriso's account of El Torito and the system area, without sizes and addresses."""
    printed = run(
        "xorriso", "-indev", iso, "-report_el_torito", "plain", "-report_system_area", "plain"
    )
    lines = [
        line
        for line in printed.splitlines()
        if re.match(r"El Torito|System area|MBR|GPT|Partition|libisofs", line)
    ]
    return [" ".join(re.sub(r"\b\d{3,}\b", "N", line).split()) for line in lines]
