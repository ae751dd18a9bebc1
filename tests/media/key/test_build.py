"""Whole keys from practice ISOs, looked at with the field's own tools."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.media.key.build import KeyMade, make_key
from b2ct.media.key.request import KeyRequest
from b2ct.site.catalogue import Role
from b2ct.site.model import Site
from tests.media.key import tools

PracticeIso = Callable[[str], Path]
LAYOUTS = ("el6", "el7", "el9", "el10")
NODES = [
    {"name": name, "role": role, "interfaces": [{"network": "s", "mac": f"02:00:00:00:00:{n:02}"}]}
    for n, (name, role) in enumerate([("control", "control"), ("hv01", "hypervisor")])
]
SITE = Site.model_validate(
    {"site": {"name": "uni"}, "networks": {"s": {}}, "nodes": NODES, "installer": {"timeout": 1}}
)


@pytest.fixture(autouse=True)
def _one_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")


def make(iso: Path, out: Path, **more: object) -> KeyMade:
    wishes: dict[str, object] = {"site": SITE, "output": out, **more}
    return make_key(KeyRequest(**wishes), iso)  # type: ignore[arg-type]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_key_for_a_whole_site(tmp_path: Path, practice_iso: PracticeIso, layout: str) -> None:
    iso, key = practice_iso(layout), tmp_path / "key.img"
    done = make(iso, key, sha256=True)
    told = done.as_json()
    assert told["size"] == key.stat().st_size
    assert told["sha256"] == hashlib.sha256(key.read_bytes()).hexdigest()
    assert told["firmware"] == (["bios"] if layout == "el6" else ["bios", "uefi"])
    assert tools.run("sfdisk", "--verify", key).strip().endswith("No errors detected.")
    assert "No errors detected" in tools.run("sfdisk", "--verify", key)
    tools.fsck(key, tmp_path)
    assert tools.run("blkid", "-p", "-o", "value", "-s", "LABEL", "-O", "1048576", key) == "UNI\n"
    files = tools.unpack(key, tmp_path / "unpacked")
    for path in ("images/pxeboot/vmlinuz", "images/pxeboot/initrd.img", done.installer.stage2):
        assert files[path] == tools.iso_file(iso, path, tmp_path), path
    assert files[".discinfo"] == tools.iso_file(iso, ".discinfo", tmp_path)
    for path in files:
        if path.startswith("EFI/") and path.endswith(".efi".upper()):
            assert files[path] == tools.iso_file(iso, path, tmp_path), path
    assert ("EFI/BOOT/BOOTX64.EFI" in files) == (layout != "el6")
    assert ("EFI/BOOT/BOOT.conf" in files) == (layout in ("el7", "el9"))
    assert not [path for path in files if path.startswith(("isolinux", "boot/grub2"))]
    sums = {k["path"].strip("/"): k["sha256"] for k in told["kickstarts"]}
    assert sums == {p: hashlib.sha256(b).hexdigest() for p, b in files.items() if p[-3:] == ".ks"}
    own = ("node_control", "hv01") if layout == "el6" else ()  # else an argument of the entry
    assert set(sums) == {f"ks/{n}.ks" for n in ("auto", "control", "hypervisor", *own)}
    grub = files["boot/grub/grub.cfg"].decode()
    assert [f"b2ct.node={name}" in grub for name in ("control", "hv01")] == [not own, not own]
    tools.run("sh", "-c", f"cd {tmp_path}/unpacked && sha256sum -c --strict ks/SHA256SUMS")
    readme = files["README.txt"].decode("ascii")
    assert readme.count("\n") == readme.count("\r\n") > 30
    for kickstart in told["kickstarts"]:
        assert kickstart["title"] in readme
        assert kickstart["path"].strip("/") in readme
    assert "$" not in readme


def test_the_same_inputs_give_the_same_bytes(tmp_path: Path, practice_iso: PracticeIso) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        make(practice_iso("el9"), tmp_path / name / "key.img")
    assert (tmp_path / "a/key.img").read_bytes() == (tmp_path / "b/key.img").read_bytes()


def test_ids_follow_the_contents(tmp_path: Path, practice_iso: PracticeIso) -> None:
    first = make(practice_iso("el9"), tmp_path / "a.img", dry_run=True)
    other = make(practice_iso("el9"), tmp_path / "a.img", roles=(Role.CONTROL,), dry_run=True)
    assert first.plan.digest != other.plan.digest
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def dvd(tmp_path: Path, practice_iso: PracticeIso) -> Callable[[str], Path]:
    """A practice ISO with packages on it."""

    def get(layout: str) -> Path:
        folders = ("",) if layout in ("el6", "el7") else ("BaseOS/", "AppStream/")
        files = {f"{folder}repodata/repomd.xml": b"<repomd/>\n" for folder in folders}
        for folder in folders:
            for number in range(30):
                name = f"{folder}Packages/p/package-{number}-1.0-1.x86_64.rpm"
                files[name] = f"{name}\n".encode() * 2000
        return tools.graft(practice_iso(layout), tmp_path / f"{layout}-dvd.iso", files, tmp_path)

    return get


@pytest.mark.parametrize("layout", ["el7", "el9"])
def test_the_packages_of_a_dvd(tmp_path: Path, dvd: Callable[[str], Path], layout: str) -> None:
    iso, key = dvd(layout), tmp_path / "key.img"
    done = make(iso, key, roles=(Role.HYPERVISOR,))
    assert done.as_json()["packages_from"] == "medium"
    tools.fsck(key, tmp_path)
    files = tools.unpack(key, tmp_path / "unpacked")
    folders = ("",) if layout == "el7" else ("BaseOS/", "AppStream/")
    for folder in folders:
        assert files[f"{folder}repodata/repomd.xml"] == b"<repomd/>\n"
        name = f"{folder}Packages/p/package-7-1.0-1.x86_64.rpm"
        assert files[name] == f"{name}\n".encode() * 2000
    assert "file:///run/install/repo" in _script(files["ks/hypervisor.ks"])
    assert "are on this key" in files["README.txt"].decode()


def _script(kickstart: bytes) -> str:
    return kickstart.decode().replace("root=/run/install/repo", "file:///run/install/repo")


def test_packages_stay_behind_where_the_network_is_wanted(
    tmp_path: Path, dvd: Callable[[str], Path]
) -> None:
    site = Site.model_validate({"installer": {"source": "network"}})
    key = tmp_path / "key.img"
    done = make(dvd("el9"), key, site=site, roles=(Role.HYPERVISOR,))
    assert done.as_json()["packages_from"] == "network"
    assert not [path for path in tools.paths(key) if "Packages" in path]


def test_el6_takes_no_packages_from_a_key(tmp_path: Path, dvd: Callable[[str], Path]) -> None:
    iso, key = dvd("el6"), tmp_path / "key.img"
    done = make(iso, key, site=Site(), roles=(Role.HYPERVISOR,))
    assert any("packages from the network" in what for what in done.prepared.assumed)
    assert not [path for path in tools.paths(key) if "Packages" in path]
    assert "\nurl --url=" in tools.read(key, "ks/hypervisor.ks").decode()
    insisting = Site.model_validate({"installer": {"source": "medium"}})
    with pytest.raises(B2ctError, match="carries no packages") as caught:
        make(iso, tmp_path / "other.img", site=insisting, roles=(Role.HYPERVISOR,))
    assert "source: network" in caught.value.hint
    assert not (tmp_path / "other.img").exists()


def test_names_that_collide_on_fat(tmp_path: Path, practice_iso: PracticeIso) -> None:
    files = {
        "repodata/repomd.xml": b"x", "Packages/A.rpm": b"1", "Packages/a.rpm": b"2",
    }  # fmt: skip
    iso = tools.graft(practice_iso("el9"), tmp_path / "dvd.iso", files, tmp_path)
    with pytest.raises(B2ctError, match="one and the same file"):
        make(iso, tmp_path / "key.img")
    assert not (tmp_path / "key.img").exists()


def test_names_that_fat_cannot_hold(tmp_path: Path, practice_iso: PracticeIso) -> None:
    files = {"repodata/repomd.xml": b"x", "Packages/a:b.rpm": b"1"}
    iso = tools.graft(practice_iso("el9"), tmp_path / "dvd.iso", files, tmp_path)
    with pytest.raises(B2ctError, match=r"Packages/a:b\.rpm cannot be on a FAT32 key"):
        make(iso, tmp_path / "key.img")


def test_links_are_left_out_and_told(tmp_path: Path, practice_iso: PracticeIso) -> None:
    out = tmp_path / "linked.iso"
    (tmp_path / "link").symlink_to("images")
    tools.run(
        "xorriso", "-indev", practice_iso("el9"), "-outdev", f"stdio:{out}", "-boot_image", "any",
        "replay", "-map", tmp_path / "link", "/alias", "-mkdir", "/repodata", "--",
        "-map", practice_iso("el6").parent / "lock", "/repodata/repomd.xml",
    )  # fmt: skip
    done = make(out, tmp_path / "key.img")
    assert done.plan.left_out == ("alias",)
    assert "left out  alias" in done.as_text()


def test_an_efi_loader_that_is_only_in_the_esp(tmp_path: Path, practice_iso: PracticeIso) -> None:
    iso, out = practice_iso("el9"), tmp_path / "esp-only.iso"
    tools.run(
        "xorriso", "-indev", iso, "-outdev", f"stdio:{out}", "-boot_image", "any", "replay",
        "-rm", "/EFI/BOOT/BOOTX64.EFI", "/EFI/BOOT/grubx64.efi",
    )  # fmt: skip
    done = make(out, tmp_path / "key.img")
    assert done.plan.uefi
    loader = tools.read(tmp_path / "key.img", "EFI/BOOT/BOOTX64.EFI")
    assert loader == tools.iso_file(iso, "EFI/BOOT/BOOTX64.EFI", tmp_path)


def test_the_kickstarts_of_a_remastered_iso(tmp_path: Path, practice_iso: PracticeIso) -> None:
    from b2ct.media.make import IsoRequest, make_iso

    iso, key = tmp_path / "b2ct.iso", tmp_path / "key.img"
    roles = (Role.HYPERVISOR, Role.CONTROL)
    made = make_iso(IsoRequest(site=Site(), roles=roles, output=iso), practice_iso("el9"))
    done = make(iso, key, site=Site())
    assert any("as they are" in what for what in done.prepared.assumed)
    for path, data in made.medium.files.items():
        assert tools.read(key, path.strip("/")) == data
    menu = tools.read(key, "boot/grub/grub.cfg").decode()
    assert menu.index("/ks/auto.ks") < menu.index("/ks/control.ks") < menu.index("/ks/hypervisor")
    assert "'Install: find out by MAC address'" in menu


def test_nothing_to_serve(tmp_path: Path, practice_iso: PracticeIso) -> None:
    with pytest.raises(B2ctError, match="needs a role or a node") as caught:
        make(practice_iso("el9"), tmp_path / "key.img", site=Site())
    assert "--role" in caught.value.hint
