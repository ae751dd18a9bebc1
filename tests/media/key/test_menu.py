"""The menu: what it says, and that GRUB's own checker takes it."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from b2ct.media.bootcfg import InstallEntry
from b2ct.media.bootmenu import Entry, Serial
from b2ct.media.installer import Installer
from b2ct.media.key import menu
from b2ct.media.key.menu import Menu


def installer(release: str, stage2: str = "images/install.img") -> Installer:
    return Installer(
        path=Path("x.iso"), size=1, volume_id="X", arch="x86_64", release=release,
        distribution="CentOS", distribution_key="centos", version="9", repositories=(),
        boot_modes=(), kernel="images/pxeboot/vmlinuz", initrd="images/pxeboot/initrd.img",
        stage2=stage2, boot_configs=(), device="hd:LABEL=X",
    )  # fmt: skip


MENU = Menu(
    label="UNI",
    installer=installer("el9"),
    general=(Entry("Install uni: find out", "/ks/auto.ks"), Entry("It's a control node", "/ks/c")),
    nodes=(),
    timeout=20,
    serial=None,
    own=("quiet",),
)


def checked(text: str) -> str:
    """The text, once GRUB's checker has found nothing wrong with it."""
    subprocess.run(["grub-script-check"], input=text, text=True, check=True)
    return text


def nodes(count: int) -> tuple[tuple[str, Entry], ...]:
    names = [f"hv{number:03}" for number in range(count)]
    return tuple((name, Entry(f"Install uni: {name}", f"/ks/{name}.ks")) for name in names)


@pytest.mark.parametrize(
    ("release", "stage2", "words"),
    [
        ("el6", "images/install.img", "stage2=hd:LABEL=UNI:/images/install.img ks=hd:LABEL=UNI:/k"),
        ("el7", "LiveOS/squashfs.img", "inst.stage2=hd:LABEL=UNI inst.ks=hd:LABEL=UNI:/k"),
        ("el8", "images/install.img", "inst.stage2=hd:LABEL=UNI inst.ks=hd:LABEL=UNI:/k"),
        ("el10", "images/install.img", "inst.stage2=hd:LABEL=UNI inst.ks=hd:LABEL=UNI:/k"),
    ],
)
def test_arguments_by_release(release: str, stage2: str, words: str) -> None:
    chosen = replace(MENU, installer=installer(release, stage2))
    assert " ".join(menu.arguments(chosen, "/k")) == f"{words} quiet"


def test_a_serial_console_is_not_quiet() -> None:
    chosen = replace(MENU, own=("quiet", "rhgb", "console=tty0"), serial=Serial(1, 9600))
    assert menu.arguments(chosen, None)[1:] == ("console=tty0", "console=ttyS1,9600")
    text = checked(menu.text(chosen))
    assert "serial --unit=1 --speed=9600" in text


def test_the_first_entry_is_the_default() -> None:
    text = checked(menu.text(MENU))
    assert "set default=0\nset timeout=20\n" in text
    assert text.index("find out") < text.index("control node") < text.index("local disk")
    assert "'It'\\''s a control node'" in text
    assert "inst.rescue" in text


def test_rescue_of_el6() -> None:
    text = checked(menu.text(replace(MENU, installer=installer("el6"))))
    assert " rescue\n" in text
    assert "inst." not in text


@pytest.mark.parametrize("count", [0, 8, 9, 20, 21, 300])
def test_every_node_is_offered_once_and_no_menu_is_long(count: int) -> None:
    text = checked(menu.text(replace(MENU, nodes=nodes(count))))
    for name, _ in nodes(count):
        assert text.count(f"/ks/{name}.ks") == 1
    depth, lengths = 0, [0]
    for line in text.splitlines():
        word = line.split()[:1]
        if word in (["menuentry"], ["submenu"]):
            lengths[-1] += 1
            if word == ["submenu"]:
                lengths.append(0)
        depth = depth + line.count("{") - line.count("}")
        if line.strip() == "}" and len(lengths) > depth + 1:
            assert lengths.pop() <= 20
    assert depth == 0
    assert lengths[0] <= 13


def test_what_uefi_reads_speaks_the_words_of_its_release() -> None:
    text = checked(menu.stub(MENU, InstallEntry("linuxefi", ())))
    assert "set load_kernel=linuxefi\nset load_initrd=initrdefi\n" in text
    text = checked(menu.stub(MENU, InstallEntry("linux", ())))
    assert "set load_kernel=linux\nset load_initrd=initrd\n" in text
    assert "source ($root)/boot/grub/grub.cfg" in text
    assert "--label UNI" in text
