"""Configurations inside an EFI system partition."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.media import esp
from b2ct.media.esp import Esp
from b2ct.media.source import Image
from tests.media import isos


@pytest.fixture
def partition(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    found = isos.write_tree("el9", tmp_path / "tree", {}, 100)
    assert found
    return found


def test_differences_are_all_that_changes(partition: Path, tmp_path: Path) -> None:
    texts = {"EFI/BOOT/grub.cfg": b"new\n" * 5000, "EFI/BOOT/BOOT.conf": b"x\n"}
    with Image(partition) as image:
        place = Esp(0, image.size)
        assert esp.is_fat(image, 0)
        assert esp.fat_size(image, 0) == image.size
        before = esp.read_configurations(image, place)
        assert set(before) == set(texts)
        replaced = esp.replace_configurations(
            image, place, texts, stamp=isos.EPOCH, folder=tmp_path / "work"
        )
    patched = bytearray(partition.read_bytes())
    for at, data in replaced.patches.items():
        patched[at : at + len(data)] = data
    assert bytes(patched) == replaced.image.read_bytes()
    assert sum(map(len, replaced.patches.values())) < 60_000
    with Image(replaced.image) as image:
        assert esp.read_configurations(image, place) == texts
    loader = tmp_path / "loader"
    isos.run("mcopy", "-i", replaced.image, "::/EFI/BOOT/grubx64.efi", loader)
    assert loader.read_bytes() == (tmp_path / "tree/EFI/BOOT/grubx64.efi").read_bytes()


def test_what_does_not_fit(partition: Path, tmp_path: Path) -> None:
    with Image(partition) as image, pytest.raises(B2ctError, match="does not fit") as caught:
        esp.replace_configurations(
            image, Esp(0, image.size), {"EFI/BOOT/grub.cfg": bytes(3_000_000)},
            stamp=0, folder=tmp_path / "work",
        )  # fmt: skip
    assert "several media" in caught.value.hint


def test_what_is_no_fat(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(4096))
    with Image(tmp_path / "x") as image:
        assert not esp.is_fat(image, 0)
        assert not esp.is_fat(image, 4000)
        with pytest.raises(B2ctError):
            esp.read_configurations(image, Esp(0, 4096))
        with pytest.raises(B2ctError, match="cut"):
            esp.check_size(image, Esp(0, 8192))
