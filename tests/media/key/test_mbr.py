from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.firmware import grub as firmware_grub
from b2ct.firmware.grub import Grub
from b2ct.media.key import loaders, mbr
from tests.media.key import tools

BOOT = bytes(510) + b"\x55\xaa"


@pytest.mark.parametrize("mib", [40, 1900, 7400, 300_000])
def test_the_partition_table(tmp_path: Path, mib: int) -> None:
    sectors = mib * 2048 - mbr.START
    image = tmp_path / "disk"
    with image.open("wb") as out:
        out.write(mbr.head(loaders.bios(), sectors=sectors, signature=0xCAFE0001))
        out.truncate(mib * 2**20)
    assert tools.run("sfdisk", "--verify", image).strip().endswith("No errors detected.")
    assert tools.partitions(image) == [
        {
            "node": f"{image}1", "start": 2048, "size": sectors, "type": "c", "bootable": True,
        }
    ]  # fmt: skip
    assert "0xcafe0001" in tools.run("sfdisk", "-l", image)
    assert "255/63" not in tools.run("fdisk", "-l", image)


def test_grub_finds_its_core_behind_the_mbr() -> None:
    grub = loaders.bios()
    head = mbr.head(grub, sectors=100_000, signature=1)
    assert head[:0x5C] == grub.boot[:0x5C]
    assert int.from_bytes(head[0x5C:0x64], "little") == 1
    assert head[0x66:0x68] == b"\x90\x90"
    core = head[512:]
    assert len(core) % 512 == 0
    assert core.startswith(grub.core[:500])
    assert int.from_bytes(core[500:508], "little") == 2
    assert int.from_bytes(core[508:510], "little") == len(core) // 512 - 1
    assert int.from_bytes(core[510:512], "little") == 0x820


def test_a_grub_that_does_not_fit() -> None:
    with pytest.raises(B2ctError, match="more than fits"):
        mbr.head(Grub(BOOT, bytes(2**20)), sectors=1, signature=1)


def test_a_boot_sector_that_is_none() -> None:
    with pytest.raises(B2ctError, match="not GRUB's boot sector"):
        mbr.head(Grub(b"\x7fELF", bytes(2**15)), sectors=1, signature=1)


def test_no_grub_on_this_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(firmware_grub, "FOLDERS", (tmp_path,))
    with pytest.raises(B2ctError, match="no GRUB for BIOS") as caught:
        loaders.bios()
    assert "grub-pc-bin" in caught.value.hint
    assert "grub2-pc-modules" in caught.value.hint
