"""Remastering as a whole, judged by tools that know nothing of ours."""

from __future__ import annotations

import functools
import hashlib
import random
import re
import shutil
import struct
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.media import remaster
from b2ct.media.installer import inspect
from b2ct.media.iso9660 import children, find
from b2ct.media.layout import read_layout
from b2ct.media.remaster import Entry, Plan
from b2ct.media.source import SECTOR, Image
from tests.media import isos, oracles

FILES = {
    "/ks/hypervisor.ks": b"# hypervisor\n" * 500,
    "/ks/control.ks": b"",
    "/ks/nodes/hv01.physics.example.org.ks": b"one byte more than a sector".ljust(2049, b"#"),
    "ks/nodes/a-name-that-is-longer-than-joliet-used-to-allow-in-its-first-version.ks": b"x",
}
ENTRIES = (
    Entry("B2CT: hypervisor", "/ks/hypervisor.ks"),
    Entry("B2CT: control", "/ks/control.ks", ("inst.text",)),
)
CHANGED = {
    "isolinux/isolinux.cfg", "isolinux/boot.cat", "boot/grub2/grub.cfg", "EFI/BOOT/grub.cfg",
    "EFI/BOOT/BOOT.conf", "images/efiboot.img", ".treeinfo",
}  # fmt: skip


def _plan(iso: Path, **wishes: object) -> Plan:
    options: dict[str, object] = {
        "files": FILES, "entries": ENTRIES, "source_date_epoch": isos.EPOCH, **wishes,
    }  # fmt: skip
    return remaster.plan(inspect(iso), **options)  # type: ignore[arg-type]


@functools.cache
def _remastered(layout: str) -> Path:
    source = isos.sample(layout)
    out = source.with_name(f"{layout}-remastered.iso")
    remaster.write(_plan(source), out)
    return out


@pytest.mark.parametrize("layout", isos.LAYOUTS)
def test_new_files_are_there_by_every_name(layout: str, tmp_path: Path) -> None:
    out = _remastered(layout)
    paths = [path.lstrip("/") for path in FILES]
    assert set(paths) <= set(oracles.listing(out))
    assert set(paths) <= set(oracles.isoinfo_listing(out, "-R"))
    short = [path for path in paths if len(path.rsplit("/", 1)[-1]) <= 64]  # isoinfo's limit
    assert set(short) <= set(oracles.isoinfo_listing(out, "-J"))
    contents = oracles.extract(out, tmp_path / "x")
    for path, data in FILES.items():
        assert contents[path.lstrip("/")] == data
        by_name = oracles.through_pycdlib(out, f"/{path.lstrip('/')}")
        assert by_name == {"rr_path": data, "joliet_path": data}


@pytest.mark.parametrize("layout", isos.LAYOUTS)
def test_what_was_there_is_there_byte_for_byte(layout: str, tmp_path: Path) -> None:
    before = oracles.extract(isos.sample(layout), tmp_path / "before")
    after = oracles.extract(_remastered(layout), tmp_path / "after")
    assert set(before) <= set(after)
    different = {path for path in before if before[path] != after[path]}
    assert different <= CHANGED
    assert "isolinux/isolinux.cfg" in different or "boot/grub2/grub.cfg" in different


@pytest.mark.parametrize("layout", isos.LAYOUTS)
def test_the_media_check_passes(layout: str) -> None:
    assert oracles.media_check(_remastered(layout))


@pytest.mark.parametrize("layout", isos.LAYOUTS)
def test_implanting_again_would_change_nothing(layout: str, tmp_path: Path) -> None:
    again = tmp_path / "again.iso"
    shutil.copy(_remastered(layout), again)
    isos.run("implantisomd5", "--force", again)
    assert again.read_bytes() == _remastered(layout).read_bytes()


@pytest.mark.parametrize("layout", isos.LAYOUTS)
def test_partition_tables_and_boot_records_have_no_new_problem(layout: str) -> None:
    before, after = isos.sample(layout), _remastered(layout)
    assert oracles.partition_problems(after) == oracles.partition_problems(before)
    assert oracles.boot_report(after) == oracles.boot_report(before)


@pytest.mark.parametrize("layout", ["el7", "el9", "el10"])
def test_the_partition_table_says_where_the_image_ends(layout: str) -> None:
    out = _remastered(layout)
    blocks = out.stat().st_size // 512
    printed = isos.run("xorriso", "-indev", out, "-report_system_area", "plain")
    assert re.search(rf"GPT lba range +: +\d+ +\d+ +{blocks - 1}\n", printed)
    data = out.read_bytes()
    assert data[-512:].startswith(b"EFI PART")  # the backup header is the last block
    assert data.count(b"EFI PART\x00\x00\x01\x00") == 2  # and no old one is left behind


@pytest.mark.parametrize("layout", isos.LAYOUTS)
def test_the_whole_image_is_inside_its_first_partition(layout: str) -> None:
    """New data must be reachable through /dev/sda1 as well as through /dev/sda."""
    out = _remastered(layout)
    with Image(out) as image:
        parsed = read_layout(image)
        iso = parsed.equipment.iso_partition()
        assert iso is not None
        for volume in parsed.descriptors.volumes:
            record = find(image, volume, "ks/hypervisor.ks")
            assert record is not None
            start = (volume.base + record.extent) * SECTOR
            assert iso.start * 512 <= start
            assert start + record.size <= iso.end * 512
            assert image.read(start, record.size) == FILES["/ks/hypervisor.ks"]


def test_both_trees_of_el10_have_the_files() -> None:
    """A kernel that mounts the partition sees the second tree, which counts from there."""
    out = _remastered("el10")
    second = out.with_name("el10-partition.iso")
    with out.open("rb") as file:
        file.seek(16 * SECTOR)
        second.write_bytes(file.read())
    paths = [path.lstrip("/") for path in FILES]
    assert set(paths) <= set(oracles.listing(second))
    assert set(paths) <= set(oracles.isoinfo_listing(second, "-R"))
    assert (
        b"/ks/hypervisor.ks" in oracles.through_pycdlib(second, "/boot/grub2/grub.cfg")["rr_path"]
    )


@pytest.mark.parametrize("layout", ["el7", "el9", "el10"])
def test_the_configuration_inside_the_esp_is_that_of_the_tree(layout: str, tmp_path: Path) -> None:
    out = _remastered(layout)
    tree = oracles.extract(out, tmp_path / "tree")
    with Image(out) as image:
        (esp,) = read_layout(image).esps
    for name in ("grub.cfg", "BOOT.conf"):
        inside = tmp_path / name
        isos.run("mcopy", "-i", f"{out}@@{esp.offset}", f"::/EFI/BOOT/{name}", inside)
        assert inside.read_bytes() == tree[f"EFI/BOOT/{name}"]
        assert b"/ks/hypervisor.ks" in inside.read_bytes()
    for name in ("BOOTX64.EFI", "grubx64.efi"):
        inside = tmp_path / name
        isos.run("mcopy", "-i", f"{out}@@{esp.offset}", f"::/EFI/BOOT/{name}", inside)
        assert inside.read_bytes() == tree[f"EFI/BOOT/{name}"]
    esp_image = tmp_path / "esp.img"
    with out.open("rb") as file:
        file.seek(esp.offset)
        esp_image.write_bytes(file.read(esp.size))
    assert "lost" not in isos.run("fsck.fat", "-n", esp_image)


@pytest.mark.parametrize("layout", ["el7", "el9"])
def test_treeinfo_has_the_new_sum_of_the_esp_and_keeps_the_others(
    layout: str, tmp_path: Path
) -> None:
    tree = oracles.extract(_remastered(layout), tmp_path / "tree")
    text = tree[".treeinfo"].decode()
    digest = hashlib.sha256(tree["images/efiboot.img"]).hexdigest()
    assert f"images/efiboot.img = sha256:{digest}\n" in text
    assert f"images/pxeboot/vmlinuz = sha256:{'0' * 64}\n" in text


@pytest.mark.parametrize("layout", isos.LAYOUTS)
def test_tables_inside_boot_images_stay_right(layout: str) -> None:
    """isolinux and GRUB carry their own address and length: neither may move."""
    before, after = isos.sample(layout), _remastered(layout)
    with Image(before) as old, Image(after) as new:
        bios_old = read_layout(old).equipment.boot_images[0]
        bios_new = read_layout(new).equipment.boot_images[0]
        assert bios_new == bios_old
        assert new.sector(bios_new.sector) == old.sector(bios_old.sector)
    assert after.read_bytes()[:440] == before.read_bytes()[:440]  # the MBR's boot code


@pytest.mark.parametrize("layout", isos.LAYOUTS)
def test_volume_space_sizes_grow_alike(layout: str) -> None:
    before, after = isos.sample(layout), _remastered(layout)
    growth = (after.stat().st_size - before.stat().st_size) // SECTOR
    with Image(before) as old, Image(after) as new:
        sizes = [v.space_size for v in read_layout(old).descriptors.volumes]
        grown = [v.space_size for v in read_layout(new).descriptors.volumes]
    assert growth > 0
    assert grown == [size + growth for size in sizes]
    assert len(grown) == (4 if layout == "el10" else 2)


@pytest.mark.parametrize("layout", isos.LAYOUTS)
def test_the_same_inputs_give_the_same_bytes(layout: str, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere @@512.iso"
    shutil.copy(isos.sample(layout), copy)
    remaster.write(_plan(copy), tmp_path / "out.iso")
    assert (tmp_path / "out.iso").read_bytes() == _remastered(layout).read_bytes()


def test_source_date_epoch_is_read_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(isos.EPOCH))
    source = isos.sample("el9")
    remaster.write(_plan(source, source_date_epoch=None), tmp_path / "out.iso")
    assert (tmp_path / "out.iso").read_bytes() == _remastered("el9").read_bytes()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(B2ctError, match="SOURCE_DATE_EPOCH"):
        _plan(source, source_date_epoch=None)


@pytest.mark.parametrize("layout", isos.LAYOUTS)
def test_remastering_a_remastered_image(layout: str, tmp_path: Path) -> None:
    other = {"/ks/hypervisor.ks": b"second edition\n"}
    plan = _plan(_remastered(layout), files=other, entries=ENTRIES[:1])
    out = tmp_path / "twice.iso"
    remaster.write(plan, out)
    contents = oracles.extract(out, tmp_path / "x")
    assert contents["ks/hypervisor.ks"] == b"second edition\n"
    path = "isolinux/isolinux.cfg" if layout != "el10" else "boot/grub2/grub.cfg"
    assert contents[path].count(b"/ks/hypervisor.ks") == 1
    assert b"control.ks" not in contents[path]
    assert oracles.media_check(out)
    assert oracles.partition_problems(out) == oracles.partition_problems(isos.sample(layout))
    assert oracles.boot_report(out) == oracles.boot_report(isos.sample(layout))


@pytest.mark.parametrize("layout", isos.LAYOUTS)
def test_a_full_root_directory_moves(layout: str, tmp_path: Path) -> None:
    """No room for one more record: the root moves, and its children and path tables follow."""
    extra = {f"folder{i:02}/file.txt": f"{i}".encode() for i in range(12)}
    source = isos.build(layout, tmp_path, extra=extra, payload=8192)
    out = tmp_path / "out.iso"
    many = {f"/in-the-root-{i:02}.ks": b"x" for i in range(40)}
    remaster.write(_plan(source, files=FILES | many), out)
    with Image(source) as old, Image(out) as new:
        old_roots = [v.root.extent for v in read_layout(old).descriptors.volumes]
        volumes = read_layout(new).descriptors.volumes
        assert all(v.root.extent != root for v, root in zip(volumes, old_roots, strict=True))
    before = oracles.extract(source, tmp_path / "before")
    after = oracles.extract(out, tmp_path / "after")
    assert {p: d for p, d in after.items() if p in before and p not in CHANGED} == {
        p: d for p, d in before.items() if p not in CHANGED
    }
    assert after["ks/hypervisor.ks"] == FILES["/ks/hypervisor.ks"]
    for kind in ("-R", "-J"):
        found = oracles.isoinfo_listing(out, kind)
        assert set(oracles.isoinfo_listing(source, kind)) <= set(found)
        assert "ks/hypervisor.ks" in found
    _check_path_tables(out)


def _check_path_tables(iso: Path) -> None:
    """Every directory of every tree is in both path tables, at its place and in order."""
    with Image(iso) as image:
        for volume in read_layout(image).descriptors.volumes:
            tables = []
            for at, endian in ((140, "<"), (148, ">")):
                sector = struct.unpack_from(endian + "I", volume.raw, at)[0]
                raw = image.read((volume.base + sector) * SECTOR, volume.path_table_size)
                tables.append(_parse_path_table(raw, endian))
            assert tables[0] == tables[1]
            names, extents, parents = zip(*tables[0], strict=True)
            assert list(parents) == sorted(parents)
            assert extents[0] == volume.root.extent
            for number, (name, extent, parent) in enumerate(tables[0]):
                folder = image.sector(volume.base + extent)
                assert struct.unpack_from("<I", folder, 2)[0] == extent  # `.`
                up = struct.unpack_from("<I", folder, folder[0] + 2)[0]  # `..`
                # libisofs writes the folder itself there in Joliet trees
                assert volume.joliet or up == extents[parent - 1]
                assert number == 0 or name != b"\0"
            assert len(set(zip(names, parents, strict=True))) == len(names)


def _parse_path_table(raw: bytes, endian: str) -> list[tuple[bytes, int, int]]:
    found, at = [], 0
    while at < len(raw):
        length, _, extent, parent = struct.unpack_from(endian + "BBIH", raw, at)
        found.append((raw[at + 8 : at + 8 + length], extent, parent))
        at += 8 + length + length % 2
    return found


@pytest.mark.parametrize("layout", isos.LAYOUTS)
def test_path_tables(layout: str) -> None:
    _check_path_tables(isos.sample(layout))
    _check_path_tables(_remastered(layout))


@pytest.mark.parametrize("layout", ["el6", "el10"])
def test_hundreds_of_nodes(layout: str, tmp_path: Path) -> None:
    noise = random.Random(1)
    files = {f"/ks/nodes/worker-{i:04}.ks": noise.randbytes(3000) for i in range(400)}
    entries = [Entry(f"Node worker-{i:04}", path) for i, path in enumerate(files)]
    out = tmp_path / "out.iso"
    remaster.write(_plan(isos.sample(layout), files=files, entries=entries), out)
    contents = oracles.extract(out, tmp_path / "x")
    assert {f"/{p}": d for p, d in contents.items() if p.startswith("ks/")} == files
    with Image(out) as image:
        volume = read_layout(image).descriptors.primary
        folder = find(image, volume, "ks/nodes")
        assert folder is not None
        identifiers = {record.identifier for record in children(image, volume, folder)}
        assert len(identifiers) == 400  # short names stay unique
        assert all(re.fullmatch(rb"[A-Z0-9_]{1,8}\.KS;1", name) for name in identifiers)
    assert oracles.media_check(out)


def test_an_image_without_partition_tables(tmp_path: Path) -> None:
    """Burnt-only media have El Torito and nothing else."""
    plain = tmp_path / "plain.iso"
    data = bytearray(isos.sample("el6").read_bytes())
    data[:512] = bytes(512)
    plain.write_bytes(data)
    out = tmp_path / "out.iso"
    remaster.write(_plan(plain), out)
    assert out.read_bytes()[:512] == bytes(512)
    assert "ks/hypervisor.ks" in oracles.listing(out)
    assert oracles.media_check(out)


def test_the_flag_of_the_media_check_is_kept(tmp_path: Path) -> None:
    source = tmp_path / "supported.iso"
    shutil.copy(isos.sample("el9"), source)
    isos.run("implantisomd5", "--supported-iso", source)
    out = tmp_path / "out.iso"
    remaster.write(_plan(source), out)
    assert "Supported ISO: yes" in isos.run("checkisomd5", "--md5sumonly", out)
    assert oracles.media_check(out)


def test_what_will_be_done_is_said_before() -> None:
    said = "\n".join(_plan(isos.sample("el9")).changes)
    for expected in (
        "add /ks/hypervisor.ks (6500 bytes)",
        "boot entry 'B2CT: hypervisor' with /ks/hypervisor.ks (default)",
        "edit isolinux/isolinux.cfg in the tree",
        "edit EFI/BOOT/grub.cfg in the EFI system partition",
    ):
        assert expected in said


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wishes", "why"),
    [
        ({"entries": ()}, "no boot entry"),
        ({"default": 2}, "no entry 2"),
        ({"default": -1}, "no entry -1"),
        ({"timeout": 0}, "timeout of 0"),
        ({"timeout": 3601}, "timeout of 3601"),
        ({"serial": "com1"}, "serial console"),
        ({"entries": (Entry("x", "/ks/none.ks"),)}, "not on the medium"),
        ({"entries": (Entry("x", "ks/hypervisor.ks"),)}, "not on the medium"),
        ({"entries": (Entry("a\nb", None),)}, "title"),
        ({"files": {"/ks/../x": b""}, "entries": (Entry("x"),)}, "not a path"),
        ({"files": {"/ks/a b.ks": b""}, "entries": (Entry("x"),)}, "not a path"),
        ({"files": {"": b""}, "entries": (Entry("x"),)}, "not a path"),
        ({"files": {"/ks/" + "a" * 104: b""}, "entries": (Entry("x"),)}, "not a path"),
        ({"files": {"/a/b/c/d/e/f/g/h.ks": b""}, "entries": (Entry("x"),)}, "too many folders"),
        ({"files": {"/images": b""}, "entries": (Entry("x"),)}, "already on the medium"),
        ({"files": {"/.discinfo/x": b""}, "entries": (Entry("x"),)}, "not a path"),
        ({"files": {"/images/install.img/x": b""}, "entries": (Entry("x"),)}, "not a folder"),
    ],
)
def test_wishes_that_are_refused(wishes: dict[str, object], why: str) -> None:
    with pytest.raises(B2ctError, match=re.escape(why)):
        _plan(isos.sample("el9"), **wishes)


def test_an_iso_without_rock_ridge_is_refused(tmp_path: Path) -> None:
    data = isos.sample("el6").read_bytes().replace(b"SP\x07\x01\xbe\xef", b"XX\x07\x01\xbe\xef")
    # without Rock Ridge the names are those of ISO 9660, which the loader's files have too
    (tmp_path / "x.iso").write_bytes(data)
    with pytest.raises(B2ctError, match="Rock Ridge"):
        _plan(tmp_path / "x.iso")


def test_el6_cannot_use_a_label_with_a_space(tmp_path: Path) -> None:
    data = isos.sample("el6").read_bytes().replace(b"CentOS_6.10_Final", b"CentOS 6.10 Final")
    (tmp_path / "x.iso").write_bytes(data)
    with pytest.raises(B2ctError, match="space"):
        _plan(tmp_path / "x.iso")


def test_an_esp_that_is_too_small_for_the_menu(tmp_path: Path) -> None:
    entries = [Entry(f"Node {i}", "/ks/control.ks", ("x=" + "y" * 900,)) for i in range(2500)]
    with pytest.raises(B2ctError) as caught:
        _plan(isos.sample("el9"), entries=entries)
    assert "does not fit" in caught.value.message
    assert "several media" in caught.value.hint


def test_no_menu_that_installs(tmp_path: Path) -> None:
    data = isos.sample("el6").read_bytes().replace(b"initrd=initrd.img", b"notrd=initrd.img ")
    (tmp_path / "x.iso").write_bytes(data)
    with pytest.raises(B2ctError, match="none of its boot menus"):
        _plan(tmp_path / "x.iso")
