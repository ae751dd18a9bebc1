"""Looking into installers: what is found, and what is refused with which words."""

from __future__ import annotations

import gzip
import os
import struct
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.media.installer import Installer, inspect
from b2ct.media.labels import udev_escape
from tests.media import isos


def _facts(found: Installer) -> tuple[str, str, str, str]:
    return found.release, found.distribution_key, found.version, found.arch


def test_el6() -> None:
    found = inspect(isos.sample("el6"))
    assert _facts(found) == ("el6", "centos", "6.10", "x86_64")
    assert found.boot_modes == ("bios-cd", "bios-usb")
    assert [c.path for c in found.boot_configs] == ["isolinux/isolinux.cfg"]
    assert found.device == "hd:LABEL=CentOS_6.10_Final"
    assert not found.has_packages


def test_el7() -> None:
    found = inspect(isos.sample("el7"))
    assert _facts(found)[:2] == ("el7", "centos")
    assert found.volume_id == "CentOS 7 x86_64"
    assert found.label == r"CentOS\x207\x20x86_64"
    assert found.stage2 == "LiveOS/squashfs.img"
    assert found.boot_modes == ("bios-cd", "uefi-cd", "bios-usb", "uefi-usb")
    assert {(c.path, c.location) for c in found.boot_configs} == {
        ("isolinux/isolinux.cfg", "tree"),
        ("EFI/BOOT/grub.cfg", "tree"),
        ("EFI/BOOT/BOOT.conf", "tree"),
        ("EFI/BOOT/grub.cfg", "esp"),
        ("EFI/BOOT/BOOT.conf", "esp"),
    }


def test_el9() -> None:
    found = inspect(isos.sample("el9"))
    assert _facts(found) == ("el9", "almalinux", "9.5", "x86_64")
    assert found.boot_modes == ("bios-cd", "uefi-cd", "bios-usb", "uefi-usb")
    assert {c.partition.path for c in found.boot_configs if c.partition} == {"images/efiboot.img"}


def test_el10_has_its_esp_outside_the_tree() -> None:
    found = inspect(isos.sample("el10"))
    assert _facts(found) == ("el10", "rocky", "10.0", "x86_64")
    assert found.boot_modes == ("bios-cd", "uefi-cd", "bios-usb", "uefi-usb")
    assert {c.partition.path for c in found.boot_configs if c.partition} == {""}
    assert {c.path for c in found.boot_configs if c.kind == "grub"} >= {"boot/grub2/grub.cfg"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[release]\nname = AlmaLinux\nversion = 9.4\n", ("el9", "almalinux", "9.4")),
        ("[release]\nname = CentOS Stream\nversion = 10\n", ("el10", "centos-stream", "10")),
        ("[general]\nfamily = Rocky Linux\nversion = 8.10\n", ("el8", "rocky", "8.10")),
        (
            "[general]\nfamily = Red Hat Enterprise Linux\nversion = 9.4\n",
            ("el9", "rhel", "9.4"),
        ),
        ("[release]\nname = Oracle Linux\nversion = 9.4\n", ("el9", "oracle", "9.4")),
        ("[general]\nfamily = Oracle Linux Server\nversion = 8.10\n", ("el8", "oracle", "8.10")),
        # Whatever menus, label and `.discinfo` say: the packages are of whom `.treeinfo` names.
        ("[general]\nfamily = Scientific Linux\nversion = 7.9\n", ("el7", "", "7.9")),
        ("[release]\nname = AlmaLinux Kitten\nversion = 10\n", ("el10", "", "10")),
        ("[release]\nname = Not Rocky Linux\nversion = 9.4\n", ("el9", "", "9.4")),
        ("[general]\nname = CentOS-7\nfamily = CentOS\nversion = 7\n", ("el7", "centos", "7")),
        ("not an ini file", ("el9", "almalinux", "9.5")),
    ],
)
def test_treeinfo_says_which_release(
    tmp_path: Path, text: str, expected: tuple[str, str, str]
) -> None:
    iso = isos.build("el6", tmp_path, extra={".treeinfo": text.encode()}, payload=4096)
    if expected[1] == "almalinux" and expected[2] == "9.5":  # then the volume ID decides
        data = iso.read_bytes().replace(b"CentOS_6.10_Final", b"AlmaLinux-9-5 x86")
        data = data.replace(b"CentOS 6.10", b"nothing 123")
        iso.write_bytes(data)
    found = inspect(iso)
    assert (found.release, found.distribution_key, found.version) == expected


@pytest.mark.parametrize(
    ("volume_id", "expected"),
    [
        (b"RHEL-9-4-0-BaseO", ("el9", "rhel", "9.4")),
        (b"CentOS-8-2-2004-x", ("el8", "centos", "8.2")),
        (b"CentOS 7 x86_64", ("el7", "centos", "7")),
        (b"CentOS-Stream-9-B", ("el9", "centos-stream", "9")),
        (b"Rocky-9-4-x86_64", ("el9", "rocky", "9.4")),
    ],
)
def test_volume_ids_say_which_release(
    tmp_path: Path, volume_id: bytes, expected: tuple[str, str, str]
) -> None:
    iso = tmp_path / "x.iso"
    data = isos.sample("el6").read_bytes().replace(b"CentOS 6.10", b"           ")
    iso.write_bytes(data.replace(b"CentOS_6.10_Final", volume_id.ljust(17)))
    found = inspect(iso)
    assert (found.release, found.distribution_key, found.version) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Oracle Linux 9.4", ("el9", "oracle", "9.4")),
        ("Rocky Linux release 9.4 (Blue Onyx)", ("el9", "rocky", "9.4")),
        ("EuroLinux 9.4", ("el9", "", "9.4")),
        ("9.4", ("el6", "centos", "6.10")),  # names nobody: then the label does
    ],
)
def test_discinfo_outranks_label_and_menus(
    tmp_path: Path, said: str, expected: tuple[str, str, str]
) -> None:
    extra = {".discinfo": f"1431.5\n{said}\nx86_64\n".encode()}
    found = inspect(isos.build("el6", tmp_path, extra=extra, payload=4096))
    assert (found.release, found.distribution_key, found.version) == expected


@pytest.mark.parametrize(
    "arguments",
    ["root=live:CDLABEL=AlmaLinux-9-5-x86_64 rd.live.image quiet", "root=live:/dev/x liveimg ro"],
)
def test_a_live_image_is_refused_by_what_it_is(tmp_path: Path, arguments: str) -> None:
    menu = isos.isolinux_menu(isos.SHAPES["el6"])
    menu = menu.replace("initrd.img quiet", f"initrd.img {arguments}")
    extra = {"isolinux/isolinux.cfg": menu.encode(), "LiveOS/squashfs.img": b"live"}
    iso = isos.build("el6", tmp_path, extra=extra, payload=4096)
    assert "it is a live image, whose installer takes no kickstart" in _refusal(iso)


def test_a_dvd_has_repositories(tmp_path: Path) -> None:
    extra = {
        "BaseOS/repodata/repomd.xml": b"<repomd/>",
        "AppStream/repodata/repomd.xml": b"<repomd/>",
        "addons/HighAvailability/repodata/repomd.xml": b"<repomd/>",
        "images/boot.txt": b"",
    }
    found = inspect(isos.build("el10", tmp_path, extra=extra, payload=4096))
    assert found.has_packages
    assert set(found.repositories) == {"AppStream", "BaseOS"}


# --- refusals -----------------------------------------------------------------------------------


def _refusal(path: Path) -> str:
    with pytest.raises(B2ctError) as caught:
        inspect(path)
    assert caught.value.hint
    assert "\n" not in caught.value.message
    return caught.value.message


def test_a_missing_file(tmp_path: Path) -> None:
    assert "does not exist" in _refusal(tmp_path / "nothing.iso")


def test_a_folder(tmp_path: Path) -> None:
    assert "is a folder" in _refusal(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "is not a file" in _refusal(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not an ISO image"),
        (b"x", "not an ISO image"),
        (bytes(100_000), "not an ISO image"),
        (b"\n<!DOCTYPE html><html>" + bytes(60_000), "web page"),
        (gzip.compress(b"x"), "gzip"),
        (b"QFI\xfb" + bytes(50_000), "QCOW2"),
    ],
)
def test_what_is_no_iso(tmp_path: Path, data: bytes, why: str) -> None:
    (tmp_path / "x.iso").write_bytes(data)
    assert why in _refusal(tmp_path / "x.iso")


@pytest.mark.parametrize("layout", isos.LAYOUTS)
@pytest.mark.parametrize("share", [0.03, 0.2, 0.5, 0.65])
def test_a_cut_download(tmp_path: Path, layout: str, share: float) -> None:
    data = isos.sample(layout).read_bytes()
    (tmp_path / "x.iso").write_bytes(data[: int(len(data) * share)])
    assert "cut" in _refusal(tmp_path / "x.iso")


def test_a_download_that_lacks_only_its_backup_partition_table(tmp_path: Path) -> None:
    data = isos.sample("el7").read_bytes()
    (tmp_path / "x.iso").write_bytes(data[:-2048])
    assert "cut" in _refusal(tmp_path / "x.iso")


def test_an_iso_that_is_no_installer(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/readme").write_text("photos")
    isos.run("genisoimage", "-quiet", "-R", "-J", "-o", tmp_path / "x.iso", tmp_path / "tree")
    assert "no installer's kernel" in _refusal(tmp_path / "x.iso")


def test_an_installer_without_boot_loader(tmp_path: Path) -> None:
    isos.write_tree("el9", tmp_path / "tree", {}, 4096)
    isos.run(
        "genisoimage", "-quiet", "-R", "-J", "-V", "AlmaLinux-9-5-x86_64-dvd",
        "-o", tmp_path / "x.iso", tmp_path / "tree",
    )  # fmt: skip
    assert "no boot loader" in _refusal(tmp_path / "x.iso")


def test_an_installer_without_boot_configuration(tmp_path: Path) -> None:
    data = isos.sample("el6").read_bytes()
    data = data.replace(b"isolinux.cfg", b"isolinux.old").replace(b"ISOLINUX.CFG", b"ISOLINUX.OLD")
    (tmp_path / "x.iso").write_bytes(data)
    assert "no isolinux or GRUB configuration" in _refusal(tmp_path / "x.iso")


def test_another_release(tmp_path: Path) -> None:
    data = isos.sample("el6").read_bytes().replace(b"CentOS 6.10", b"Fedora 39.0")
    (tmp_path / "x.iso").write_bytes(data.replace(b"CentOS_6.10_Final", b"Fedora-S-dvd-39  "))
    assert "Fedora 39" in _refusal(tmp_path / "x.iso")


def test_a_release_that_nothing_names(tmp_path: Path) -> None:
    data = isos.sample("el6").read_bytes().replace(b"CentOS 6.10", b"           ")
    (tmp_path / "x.iso").write_bytes(data.replace(b"CentOS_6.10_Final", b"NO NAME          "))
    assert "which release" in _refusal(tmp_path / "x.iso")


def test_another_architecture(tmp_path: Path) -> None:
    data = isos.sample("el9").read_bytes().replace(b"\nx86_64\n", b"\ni386  \n")
    (tmp_path / "x.iso").write_bytes(data.replace(b"arch = x86_64", b"arch = i386  "))
    assert "i386" in _refusal(tmp_path / "x.iso")


def test_a_udf_bridge(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/readme").write_text("x")
    isos.run("genisoimage", "-quiet", "-udf", "-o", tmp_path / "x.iso", tmp_path / "tree")
    assert "UDF" in _refusal(tmp_path / "x.iso")


def test_a_directory_that_claims_a_gigabyte(tmp_path: Path) -> None:
    data = bytearray(isos.sample("el6").read_bytes())
    struct.pack_into("<I", data, 16 * 2048 + 156 + 10, 1 << 30)
    (tmp_path / "x.iso").write_bytes(data)
    assert "damaged" in _refusal(tmp_path / "x.iso")


def test_missing_mtools_is_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("b2ct.core.run.find_tool", lambda _name: None)
    with pytest.raises(B2ctError) as caught:
        inspect(isos.sample("el9"))
    assert "b2ct doctor" in caught.value.hint


@pytest.mark.parametrize(
    ("label", "escaped"),
    [
        ("CentOS 7 x86_64", r"CentOS\x207\x20x86_64"),
        ("RHEL-9.4 Server", r"RHEL-9.4\x20Server"),
        ("a/b\\c", r"a\x2fb\x5cc"),
        ("plain-1.0_x", "plain-1.0_x"),
    ],
)
def test_labels_as_udev_escapes_them(label: str, escaped: str) -> None:
    assert udev_escape(label) == escaped
