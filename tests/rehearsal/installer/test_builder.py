"""The ISOs that are built, judged by the field's own tools."""

from __future__ import annotations

import filecmp
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.rehearsal import installer as practice
from b2ct.rehearsal.installer import mkiso
from b2ct.rehearsal.installer.layouts import LAYOUTS, udev_escape

PracticeIso = Callable[[str], Path]
EVERY = ["el6", "el7", "el9", "el10"]


def output(*argv: str | Path) -> str:
    done = subprocess.run(
        [str(word) for word in argv], capture_output=True, text=True, check=False, errors="replace"
    )
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def listing(iso: Path) -> list[str]:
    found = output("xorriso", "-indev", iso, "-find", "/", "-type", "f")
    return re.findall(r"^'/(.*)'$", found, re.MULTILINE)


def extract(iso: Path, name: str, folder: Path) -> bytes:
    target = folder / "extracted"
    target.unlink(missing_ok=True)
    output("xorriso", "-osirrox", "on", "-indev", iso, "-extract", f"/{name}", target)
    return target.read_bytes()


def report(iso: Path) -> str:
    plain = ("-report_el_torito", "plain", "-report_system_area", "plain")
    return output("xorriso", "-indev", iso, *plain)


@pytest.mark.parametrize("layout", EVERY)
def test_media_check_passes(layout: str, practice_iso: PracticeIso) -> None:
    assert "PASS" in output("checkisomd5", "--verbose", practice_iso(layout))


@pytest.mark.parametrize("layout", EVERY)
def test_volume_id_and_metadata(layout: str, practice_iso: PracticeIso, tmp_path: Path) -> None:
    iso, row = practice_iso(layout), LAYOUTS[layout]
    assert f"Volume id    : '{row.volume_id}'" in report(iso)
    files = listing(iso)
    assert {".discinfo", ".treeinfo", row.stage2} <= set(files)
    assert f"mainimage = {row.stage2}" in extract(iso, ".treeinfo", tmp_path).decode()


@pytest.mark.parametrize("layout", EVERY)
def test_joliet_tree(layout: str, practice_iso: PracticeIso) -> None:
    descriptors = practice_iso(layout).read_bytes()[16 * 2048 : 24 * 2048]
    kinds = [descriptors[at] for at in range(0, len(descriptors), 2048)]
    assert 2 in kinds
    # Joliet: the escape sequence of UCS-2 level 3.
    assert b"%/E" in descriptors


@pytest.mark.parametrize("layout", ["el6", "el7", "el9"])
def test_isolinux_entries(layout: str, practice_iso: PracticeIso, tmp_path: Path) -> None:
    iso, row = practice_iso(layout), LAYOUTS[layout]
    text = extract(iso, "isolinux/isolinux.cfg", tmp_path).decode()
    labels = re.findall(r"^label (\S+)$", text, re.MULTILINE)
    default = re.search(r"^label (\S+)\n(?:(?!label).*\n)*?  menu default$", text, re.MULTILINE)
    assert default is not None
    if layout == "el6":
        assert default[1] == "linux"
        assert "rd.live.check" not in text
        assert "stage2" not in text
    else:
        assert default[1] == "check"
        assert f"inst.stage2=hd:LABEL={udev_escape(row.volume_id)} rd.live.check" in text
    assert "rescue" in labels
    kernel = extract(iso, "isolinux/vmlinuz", tmp_path)
    assert kernel == extract(iso, "images/pxeboot/vmlinuz", tmp_path)


@pytest.mark.parametrize("layout", ["el7", "el9", "el10"])
def test_the_esp_has_the_same_configuration_as_the_tree(
    layout: str, practice_iso: PracticeIso, tmp_path: Path
) -> None:
    iso, row = practice_iso(layout), LAYOUTS[layout]
    in_tree = extract(iso, "EFI/BOOT/grub.cfg", tmp_path)
    assert udev_escape(row.volume_id).encode() in in_tree
    image = tmp_path / "esp"
    if layout == "el10":
        assert "images/efiboot.img" not in listing(iso)
        start, count = re.search(  # type: ignore[union-attr]
            r"GPT start and size :   2  (\d+)  (\d+)", report(iso)
        ).groups()
        data = iso.read_bytes()
        image.write_bytes(data[int(start) * 512 : (int(start) + int(count)) * 512])
    else:
        image.write_bytes(extract(iso, "images/efiboot.img", tmp_path))
    shown = subprocess.run(
        ["mtype", "-i", image, "::EFI/BOOT/grub.cfg"], capture_output=True, check=True
    ).stdout
    assert shown == in_tree
    assert "ANACONDA" in output("mlabel", "-i", image, "-s", "::")
    boot_conf = "EFI/BOOT/BOOT.conf" in listing(iso)
    assert boot_conf is (layout != "el10")


@pytest.mark.parametrize(
    ("layout", "platforms", "expected"),
    [
        ("el6", ["BIOS"], ["MBR isohybrid", "0x17"]),
        ("el7", ["BIOS", "UEFI"], ["MBR isohybrid", "GPT", "0xef"]),
        ("el9", ["BIOS", "UEFI"], ["MBR isohybrid", "GPT", "0xef"]),
        ("el10", ["BIOS", "UEFI"], ["grub2-mbr", "GPT", "28732ac11ff8d211ba4b00a0c93ec93b"]),
    ],
)
def test_boot_equipment(
    layout: str, platforms: list[str], expected: list[str], practice_iso: PracticeIso
) -> None:
    text = report(practice_iso(layout))
    assert re.findall(r"El Torito boot img :\s+\d+\s+(\S+)", text) == platforms
    for words in expected:
        assert words in text


def test_el10_has_two_trees_and_a_sound_gpt(practice_iso: PracticeIso) -> None:
    iso = practice_iso("el10")
    assert "Partition offset   : 16" in report(iso)
    data = iso.read_bytes()
    assert data[16 * 2048 + 1 :][:5] == data[32 * 2048 + 1 :][:5] == b"CD001"
    assert "No problems found" in output("sgdisk", "-v", iso)


@pytest.mark.parametrize("layout", ["el7", "el9"])
def test_gpt_checksums_hold(layout: str, practice_iso: PracticeIso) -> None:
    """sgdisk calls isohybrid's overlapping partitions problems; broken checksums it calls so."""
    done = subprocess.run(
        ["sgdisk", "-v", practice_iso(layout)], capture_output=True, text=True, check=False
    )
    text = done.stdout + done.stderr
    assert "CRC" not in text
    assert "corrupt" not in text.lower()
    assert "overlap" in text


@pytest.mark.parametrize("layout", EVERY)
def test_same_inputs_give_the_same_bytes(
    layout: str, tmp_path: Path, practice_iso: PracticeIso
) -> None:
    first = practice_iso(layout)
    # The programs' clocks count seconds: let another one begin.
    time.sleep(1.1)
    again = practice.build(layout, tmp_path / "again.iso")
    assert filecmp.cmp(again, first, shallow=False)


def test_source_date_epoch_is_the_time_of_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    iso = practice.build("el7", tmp_path / "a.iso")
    # ECMA-119 8.4.26.1: the descriptor's creation date as digits.
    assert iso.read_bytes()[16 * 2048 + 813 :][:16] == b"2001090901464000"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(B2ctError, match="SOURCE_DATE_EPOCH is 'yesterday'"):
        practice.build("el7", tmp_path / "b.iso")


def test_genuine_media_have_no_serial_console(tmp_path: Path) -> None:
    iso = practice.build("el9", tmp_path / "a.iso", serial=False)
    assert b"ttyS0" not in extract(iso, "isolinux/isolinux.cfg", tmp_path)


def test_nothing_is_left_when_the_target_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(B2ctError, match="cannot write"):
        practice.build("el6", tmp_path / "missing" / "a.iso")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("layout", ["el6", "el7"])
def test_without_genisoimage_xorriso_takes_its_place(
    layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, practice_iso: PracticeIso
) -> None:
    monkeypatch.setattr(
        mkiso, "find_tool", lambda name: None if name in {"genisoimage", "mkisofs"} else name
    )
    iso = practice.build(layout, tmp_path / "a.iso")
    boots = r"El Torito boot img :.*? (BIOS|UEFI)  y"
    assert re.findall(boots, report(iso)) == re.findall(boots, report(practice_iso(layout)))
    assert "MBR isohybrid" in report(iso)
    assert "PASS" in output("checkisomd5", "--verbose", iso)


def test_a_missing_tool_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("b2ct.core.run.find_tool", lambda _name: None)
    with pytest.raises(B2ctError, match="'implantisomd5' is not installed"):
        practice.build("el6", tmp_path / "a.iso")
