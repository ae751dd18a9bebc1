"""Keys in virtual machines, as USB storage: the installer finds the very kickstart on the key."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from b2ct.firmware.qemu import Firmware
from b2ct.media.boot import BootResult, boot, choose_modes
from b2ct.media.key.build import make_key
from b2ct.media.key.request import KeyRequest
from b2ct.media.qemu.machine import Attach
from b2ct.site.catalogue import Role
from b2ct.site.model import Site
from tests.media.key import tools

PracticeIso = Callable[[str], Path]
SITE = Site.model_validate(
    {"site": {"name": "uni"}, "installer": {"timeout": 1, "serial_console": "ttyS0,115200"}}
)
MATRIX = [
    ("el6", Firmware.BIOS),
    *((layout, firmware) for layout in ("el7", "el9", "el10") for firmware in Firmware),
]


@pytest.fixture
def key(tmp_path: Path, practice_iso: PracticeIso) -> Callable[[str], Path]:
    def make(layout: str) -> Path:
        out = tmp_path / "key.img"
        roles = (Role.CONTROL, Role.HYPERVISOR)
        make_key(KeyRequest(site=SITE, roles=roles, output=out), practice_iso(layout))
        return out

    return make


def start(image: Path, firmware: Firmware) -> BootResult:
    found = boot(image, firmware=firmware, attach=Attach.USB, timeout=240)
    assert found.passed, found
    return found


@pytest.mark.boot
@pytest.mark.parametrize(("layout", "firmware"), MATRIX)
def test_the_kickstart_found_is_the_one_on_the_key(
    key: Callable[[str], Path], layout: str, firmware: Firmware
) -> None:
    image = key(layout)
    found = start(image, firmware)
    assert found.kickstart_path == "/ks/auto.ks"
    assert found.kickstart_sha256 == hashlib.sha256(tools.read(image, "ks/auto.ks")).hexdigest()
    stage2 = "stage2=hd:LABEL=UNI:/images/install.img" if layout == "el6" else "inst.stage2="
    assert stage2 in found.cmdline


@pytest.mark.boot
@pytest.mark.parametrize(("layout", "firmware"), [("el6", Firmware.BIOS), ("el9", Firmware.UEFI)])
def test_an_edited_kickstart_in_a_submenu_of_a_submenu(
    practice_iso: PracticeIso, tmp_path: Path, layout: str, firmware: Firmware
) -> None:
    """As a person would: another default in the menu, and a kickstart changed and put back."""
    image = tmp_path / "key.img"
    nodes = [{"name": f"hv{number:02}", "role": "hypervisor"} for number in range(25)]
    site = Site.model_validate({**SITE.model_dump(exclude_unset=True), "nodes": nodes})
    make_key(KeyRequest(site=site, output=image), practice_iso(layout))
    path = "ks/hv24.ks" if layout == "el6" else "ks/hypervisor.ks"
    before = tools.read(image, path)
    kickstart = before + b"# edited on a laptop\n" * 400
    menu = tools.read(image, "boot/grub/grub.cfg").replace(b"default=0", b'default="1>1>4"')
    for name, data in ((path, kickstart), ("boot/grub/grub.cfg", menu)):
        (tmp_path / "edited").write_bytes(data)
        tools.run("mcopy", "-o", "-i", tools.place(image), tmp_path / "edited", f"::/{name}")
    tools.fsck(image, tmp_path)
    found = start(image, firmware)
    assert found.kickstart_path == f"/{path}"
    assert ("b2ct.node=hv24" in found.cmdline.split()) == (layout != "el6")
    assert found.kickstart_sha256 == hashlib.sha256(kickstart).hexdigest()
    assert found.kickstart_sha256 != hashlib.sha256(before).hexdigest()


def test_the_modes_that_a_key_offers(key: Callable[[str], Path]) -> None:
    modes = choose_modes(key("el9"), every=True)
    assert [(mode.firmware, mode.attach) for mode in modes] == [
        (Firmware.BIOS, Attach.USB),
        (Firmware.UEFI, Attach.USB),
    ]
