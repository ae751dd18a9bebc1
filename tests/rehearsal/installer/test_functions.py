"""The initrd's shell functions, run by the very busybox that goes into the initrd."""

from __future__ import annotations

import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from b2ct.rehearsal.installer.initrd import find_busybox
from b2ct.rehearsal.installer.layouts import udev_escape

FUNCTIONS = Path(str(files("b2ct.rehearsal.installer"))) / "data/functions.sh"


def shell(commands: str, *words: str | Path, cmdline: str = "", udev: bool = True) -> str:
    done = subprocess.run(
        [
            *(find_busybox(), "sh", "-c"),
            f'set -f; UDEV_LABELS=$1 cmdline=$2; . "{FUNCTIONS}"; shift 2; {commands}',
            *("sh", "1" if udev else "", cmdline, *map(str, words)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize(
    ("cmdline", "keys", "value"),
    [
        ("quiet inst.ks=hd:LABEL=X:/a.ks", "inst.ks", "hd:LABEL=X:/a.ks"),
        ("ks=a inst.ks=b", "inst.ks", "b"),
        ("ks=a inst.ks=b", "ks inst.ks", "a"),
        ("inst.ks=b", "ks inst.ks", "b"),
        ("ks=a ks=b", "ks", "b"),
        ("inst.ks=hd:LABEL=A=B:/x", "inst.ks", "hd:LABEL=A=B:/x"),
        ("inst.ksdevice=eth0 xks=1", "ks inst.ks", "none"),
        ("inst.ks=*", "inst.ks", "*"),
        (r"inst.ks=hd:LABEL=A\x20B:/x", "inst.ks", r"hd:LABEL=A\x20B:/x"),
    ],
)
def test_arguments(cmdline: str, keys: str, value: str) -> None:
    assert shell(f"first_argument {keys} || printf none", cmdline=cmdline) == value


@pytest.mark.parametrize(
    ("argument", "parts"),
    [
        ("hd:LABEL=X:/ks/a.ks", "hd|LABEL=X|/ks/a.ks"),
        ("hd:LABEL=X", "hd|LABEL=X|"),
        ("hd:sda1:/a.ks", "hd|sda1|/a.ks"),
        ("cdrom:/a.ks", "cdrom||/a.ks"),
        ("http://host/a.ks", "http||"),
    ],
)
def test_split(argument: str, parts: str) -> None:
    assert shell('split "$1"; printf %s "$kind|$source|$path"', argument) == parts


@pytest.mark.parametrize("label", ["CentOS 7 x86_64", "AlmaLinux-9-5-x86_64-dvd", "a/b\\c", "  x"])
def test_escaped_agrees_with_udev_escape(label: str) -> None:
    assert shell('escaped "$1"', label) == udev_escape(label)


def test_el6_does_not_escape() -> None:
    assert shell('escaped "$1"', "A B", udev=False) == "A B"


@pytest.mark.parametrize("bits", ["12", "16", "32"])
def test_label_of_a_fat_file_system(bits: str, tmp_path: Path) -> None:
    image = tmp_path / "fat"
    subprocess.run(
        ["mkfs.vfat", "-C", "-F", bits, "-n", "B2CT KEY", image, "66000"],
        check=True,
        capture_output=True,
    )
    assert shell('label_of "$1"; printf %s "$label"', image) == "B2CT KEY"


def test_label_of_an_iso_and_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    iso = tmp_path / "iso"
    subprocess.run(
        ["xorriso", "-as", "mkisofs", "-V", "CentOS 7 x86_64", "-o", iso, tmp_path / "tree"],
        check=True,
        capture_output=True,
    )
    (tmp_path / "zeros").write_bytes(bytes(100_000))
    assert shell('label_of "$1"; printf %s "$label"', iso) == "CentOS 7 x86_64"
    assert shell('label_of "$1"; printf %s "$label"', tmp_path / "zeros") == ""
