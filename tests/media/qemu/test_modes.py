from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2ct.core.errors import B2ctError
from b2ct.media.qemu.modes import supported

ALL = ["bios cd", "bios usb", "uefi cd", "uefi usb"]


def names(image: Path) -> list[str]:
    return [f"{mode.firmware} {mode.attach}" for mode in supported(image)]


@pytest.mark.parametrize(
    ("layout", "expected"), [("el6", ["bios cd"]), ("el7", ALL), ("el9", ALL), ("el10", ALL)]
)
def test_modes_of_the_layouts(
    layout: str, expected: list[str], practice_iso: Callable[[str], Path]
) -> None:
    assert names(practice_iso(layout)) == expected


def test_an_iso_without_boot_equipment_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/file").touch()
    iso = tmp_path / "a.iso"
    subprocess.run(
        ["xorriso", "-as", "mkisofs", "-o", iso, tmp_path / "tree"], check=True, capture_output=True
    )
    with pytest.raises(B2ctError, match="has no boot record"):
        supported(iso)


def test_a_stick_with_an_esp_boots_under_uefi_from_usb(tmp_path: Path) -> None:
    image = tmp_path / "stick.img"
    with image.open("wb") as file:
        file.truncate(64 << 20)
    subprocess.run(
        ["sgdisk", "-n", "1:2048:0", "-t", "1:ef00", image], check=True, capture_output=True
    )
    assert names(image) == ["uefi usb"]


def test_a_missing_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(B2ctError, match="no such file"):
        supported(tmp_path / "nowhere.iso")


@settings(max_examples=60)
@given(head=st.binary(max_size=64), at=st.sampled_from([0, 440, 510, 512, 17 * 2048 + 0x47, 38912]))
def test_garbage_is_refused_or_read_but_never_crashes(
    head: bytes, at: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    image = tmp_path_factory.mktemp("garbage") / "image"
    data = bytearray(40_000)
    data[510:512] = b"\x55\xaa"
    data[512:520] = b"EFI PART"
    data[17 * 2048 : 17 * 2048 + 30] = b"\0CD001\1EL TORITO SPECIFICATION"
    data[at : at + len(head)] = head
    image.write_bytes(data)
    with suppress(B2ctError):
        assert set(names(image)) <= set(ALL)
