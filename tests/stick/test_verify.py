"""Comparing later: where it differs, how much, and whether that is only edited files."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2ct.stick import verify
from b2ct.stick.blockio import open_device
from b2ct.stick.image import open_image
from b2ct.stick.restore import Format, shape, template
from b2ct.stick.verify import Comparison, first_difference
from tests.stick.test_writer import quiet

MIB = 1 << 20
SIZE = 80 * MIB


def compare(image: Path, stick: Path) -> Comparison:
    door = open_device(stick, write=False)
    try:
        with open_image(image) as source:
            return verify.compare(door, source, quiet)
    finally:
        door.close()


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """An image with an MBR and a FAT32 partition that holds a kickstart."""
    path = "/usr/sbin:/sbin:/usr/bin:/bin"
    if not (shutil.which("mcopy", path=path) and shutil.which("mkfs.fat", path=path)):
        pytest.skip("needs mtools and dosfstools")
    key = tmp_path / "key.img"
    with template(shape(SIZE, 512, Format.FAT32, "B2CT")) as (file, _):
        shutil.copyfile(file, key)
    os.truncate(key, SIZE)
    (tmp_path / "hv.ks").write_text("# as rendered\n")
    mtools(key, "mcopy", tmp_path / "hv.ks", "::/hv.ks")
    return key


def mtools(image: Path, tool: str, *arguments: str | Path) -> None:
    argv = [tool, "-i", f"{image}@@1M", *map(str, arguments)]
    subprocess.run(
        argv, check=True, capture_output=True, env={**os.environ, "MTOOLS_SKIP_CHECK": "1"}
    )


def copy(key: Path) -> Path:
    stick = key.with_name("stick.img")
    shutil.copyfile(key, stick)
    os.truncate(stick, SIZE + 4096)
    return stick


def test_same(key: Path) -> None:
    found = compare(key, copy(key))
    assert found.same
    assert found.image_sha256 == found.device_sha256
    assert found.as_json()["differing_mib"] == 0


def test_an_edited_kickstart_is_only_files(key: Path, tmp_path: Path) -> None:
    stick = copy(key)
    (tmp_path / "hv.ks").write_text("# edited by a person\n")
    mtools(stick, "mcopy", "-o", tmp_path / "hv.ks", "::/hv.ks")
    found = compare(key, stick)
    assert not found.same
    assert found.only_files
    assert found.regions == ("partition 1 (FAT)",)
    assert found.image_sha256 != found.device_sha256


def flip(stick: Path, offset: int) -> None:
    with stick.open("r+b") as out:
        out.seek(offset)
        byte = out.read(1)
        out.seek(offset)
        out.write(bytes([byte[0] ^ 0x80]))


@pytest.mark.parametrize(
    ("offset", "region", "only_files"),
    [
        (440, "the partition table", False),
        (4096, "the boot loader's area before the first partition", False),
        (MIB + 3, "partition 1 (FAT)", False),  # the FAT's boot sector
        (MIB + 65, "partition 1 (FAT)", True),  # its dirty flag, which a mount sets
        (MIB + 512 + 488, "partition 1 (FAT)", True),  # FSInfo's free count
        (50 * MIB + 7, "partition 1 (FAT)", True),
    ],
)
def test_where_it_differs(key: Path, offset: int, region: str, only_files: bool) -> None:
    stick = copy(key)
    flip(stick, offset)
    found = compare(key, stick)
    assert found.first == offset
    assert found.blocks == (offset // MIB,)
    assert found.regions == (region,)
    assert found.only_files is only_files


def test_a_damaged_boot_sector_is_not_hidden_by_edited_files(key: Path) -> None:
    stick = copy(key)
    flip(stick, 60 * MIB)
    flip(stick, MIB + 90)
    assert not compare(key, stick).only_files


def test_what_is_beyond_the_image_does_not_matter(image: Callable[..., Path]) -> None:
    file = image(9 * MIB)
    stick = file.with_name("stick.img")
    stick.write_bytes(file.read_bytes() + b"\xff" * MIB)
    assert compare(file, stick).same


@given(st.binary(min_size=1, max_size=2000), st.data())
@settings(max_examples=100)
def test_first_difference(text: bytes, data: st.DataObject) -> None:
    places = data.draw(st.sets(st.integers(0, len(text) - 1), min_size=1, max_size=4))
    other = bytearray(text)
    for place in places:
        other[place] ^= 1
    assert first_difference(text, bytes(other)) == min(places)
