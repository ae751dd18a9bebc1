"""Partition tables and boot records that follow a growing image."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from b2ct.media import hybrid, remaster
from b2ct.media.hybrid import MEGABYTE, Equipment, growth_unit
from b2ct.media.installer import inspect
from b2ct.media.layout import read_layout
from b2ct.media.remaster import Entry
from b2ct.media.source import Image
from tests.media import isos, oracles


def _mbr(start: int, size: int, end: bytes, kind: int = 0x17) -> bytes:
    block = bytearray(512)
    block[446:462] = struct.pack("<B3sB3sII", 0x80, bytes(3), kind, end, start, size)
    block[510:] = b"\x55\xaa"
    return bytes(block)


def _entry(mbr: bytes) -> tuple[int, bytes, int, int]:
    status, _, kind, end, start, size = struct.unpack_from("<B3sB3sII", mbr, 446)
    assert status == 0x80
    return kind, end, start, size


@pytest.mark.parametrize(
    ("heads", "per_track", "cylinders", "unit"),
    [
        (64, 32, 100, MEGABYTE),
        (128, 32, 1500, 2 * MEGABYTE),
        (255, 32, 1024, 255 * 32 // 4),
        (255, 63, 1024, MEGABYTE),  # a cylinder's multiple would be 32 MiB: not worth it
    ],
)
def test_an_image_that_ended_on_a_cylinder_goes_on_doing_so(
    heads: int, per_track: int, cylinders: int, unit: int
) -> None:
    size = heads * per_track * cylinders
    end = hybrid._chs(size - 1, heads, per_track)
    equipment = Equipment(_mbr(0, size, end), None, ())
    assert growth_unit(equipment) == unit
    grown = hybrid.grow(equipment, size // 4, 3 * unit)[0]
    kind, new_end, start, new_size = _entry(grown)
    assert (kind, start, new_size) == (0x17, 0, size + 12 * unit)
    assert new_end == hybrid._chs(new_size - 1, heads, per_track)
    if per_track != 63:
        assert new_size % (heads * per_track) == 0


def test_addresses_beyond_cylinder_1023_are_clipped() -> None:
    assert hybrid._chs(64 * 32 * 1024 - 1, 64, 32) == b"\x3f\xe0\xff"
    assert hybrid._chs(64 * 32 * 5000, 64, 32) == b"\x3f\xe0\xff"
    assert hybrid._chs(0, 64, 32) == b"\x00\x01\x00"


def test_an_end_that_is_no_address_stays() -> None:
    equipment = Equipment(_mbr(0, 4096, b"\xfe\xff\xff"), None, ())
    assert _entry(hybrid.grow(equipment, 1024, 512)[0]) == (0x17, b"\xfe\xff\xff", 0, 4096 + 2048)


@pytest.mark.parametrize("start", [0, 64])
def test_a_partition_appended_in_the_mbr_moves(start: int) -> None:
    block = bytearray(_mbr(start, 4096 - start, b"\xfe\xff\xff"))
    block[462:478] = struct.pack("<B3sB3sII", 0, bytes(3), 0xEF, b"\xfe\xff\xff", 4096, 800)
    equipment = Equipment(bytes(block), None, ())
    grown = hybrid.grow(equipment, 1024, 512)[0]
    assert struct.unpack_from("<II", grown, 446 + 8) == (start, 4096 - start + 2048)
    assert struct.unpack_from("<II", grown, 462 + 8) == (4096 + 2048, 800)


def _rearranged(tmp_path: Path, *instead: str) -> Path:
    """EL10's content with other options of xorriso, as other composers may use them."""
    tree = tmp_path / "tree"
    esp = isos.write_tree("el10", tree, {}, 8192)
    assert esp
    isos.run(
        "grub-mkimage", "-O", "i386-pc-eltorito", "-o", tree / "images/eltorito.img",
        "-p", "/boot/grub2", "iso9660", "biosdisk",
    )  # fmt: skip
    iso = tmp_path / "rearranged.iso"
    isos.run(
        "xorriso", "-as", "mkisofs", "-quiet", "-o", iso, "-R", "-J",
        "-V", isos.SHAPES["el10"].volume_id,
        "--grub2-mbr", "/usr/lib/grub/i386-pc/boot_hybrid.img",
        "-append_partition", "2", "0xef", esp, *instead,
        "-c", "boot.cat", "-b", "images/eltorito.img", "-no-emul-boot", "-boot-load-size", "4",
        "-boot-info-table", "--grub2-boot-info", "-eltorito-alt-boot",
        "-e", "--interval:appended_partition_2:all::", "-no-emul-boot", tree,
    )  # fmt: skip
    return iso


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("-partition_offset", "16"),
        ("-appended_part_as_gpt",),
        ("-partition_offset", "16", "-iso_mbr_part_type", "0x83"),
        ("-partition_cyl_align", "all"),
        ("-no-pad",),
    ],
)
def test_other_ways_to_append_the_esp(tmp_path: Path, options: tuple[str, ...]) -> None:
    source = _rearranged(tmp_path, *options)
    out = tmp_path / "out.iso"
    plan = remaster.plan(
        inspect(source),
        files={"/ks/x.ks": b"x" * 70_000},
        entries=[Entry("X", "/ks/x.ks")],
        source_date_epoch=isos.EPOCH,
    )
    remaster.write(plan, out)
    assert "ks/x.ks" in oracles.listing(out)
    assert oracles.media_check(out)
    assert oracles.boot_report(out) == oracles.boot_report(source)
    assert oracles.partition_problems(out) == oracles.partition_problems(source)
    with Image(out) as image:
        layout = read_layout(image)
        (esp,) = layout.esps
        starts = {p.start * 512 for p in layout.equipment.partitions() if p.is_esp}
        assert starts == {esp.offset}
        assert {b.sector * 2048 for b in layout.equipment.boot_images[1:]} == {esp.offset}
        iso = layout.equipment.iso_partition()
        assert iso
        assert iso.end * 512 <= esp.offset
    isos.run("mdir", "-i", f"{out}@@{esp.offset}", "::/EFI/BOOT/grub.cfg")
