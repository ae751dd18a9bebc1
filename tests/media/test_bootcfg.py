"""Boot menus: what goes in, what stays, and titles that try to break out."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2ct.core.errors import B2ctError
from b2ct.media import bootcfg, bootmenu
from b2ct.media.bootcfg import GRUB, ISOLINUX, edit
from b2ct.media.bootmenu import Entry, Menu, Serial, check_entry, parse_serial
from tests.media.isos import SHAPES, grub_menu, isolinux_menu

ENTRY = Entry("B2CT: hypervisor", "/ks/hypervisor.ks")


def _menu(
    *entries: Entry,
    default: int = 0,
    timeout: int | None = 30,
    serial: Serial | None = None,
    ks: str = "inst.ks",
    stage2: str = "",
) -> Menu:
    return Menu(entries or (ENTRY,), default, timeout, serial, ks, "hd:LABEL=FALLBACK", stage2)


def _edit(kind: str, text: str, menu: Menu) -> str:
    edited = edit(kind, text, menu)
    assert edited is not None
    return edited


EL6, EL7, EL9, EL10 = (SHAPES[name] for name in ("el6", "el7", "el9", "el10"))


@pytest.mark.parametrize(
    ("text", "kind", "argument"),
    [
        (isolinux_menu(EL6), ISOLINUX, "ks=hd:LABEL=FALLBACK:/ks/hypervisor.ks"),
        (isolinux_menu(EL7), ISOLINUX, r"ks=hd:LABEL=CentOS\x207\x20x86_64:/ks/hypervisor.ks"),
        (grub_menu(EL7), GRUB, r"ks=hd:LABEL=CentOS\x207\x20x86_64:/ks/hypervisor.ks"),
        (grub_menu(EL10), GRUB, "ks=hd:LABEL=Rocky-10-0-x86_64-dvd:/ks/hypervisor.ks"),
        (
            isolinux_menu(EL9).replace("hd:LABEL=AlmaLinux-9-5-x86_64-dvd", "hd:UUID=2024-01-02"),
            ISOLINUX,
            "ks=hd:UUID=2024-01-02:/ks/hypervisor.ks",
        ),
        (
            grub_menu(EL9).replace(EL9.root, 'inst.stage2="hd:LABEL=A-B:/images/install.img"'),
            GRUB,
            'ks="hd:LABEL=A-B:/ks/hypervisor.ks"',
        ),
        (
            grub_menu(EL9).replace(EL9.root, "'inst.stage2=hd:LABEL=A-B'"),
            GRUB,
            "'ks=hd:LABEL=A-B:/ks/hypervisor.ks'",
        ),
    ],
)
def test_the_kickstart_is_named_as_the_file_names_its_stage2(
    text: str, kind: str, argument: str
) -> None:
    edited = _edit(kind, text, _menu(ks="ks"))
    line = next(line for line in edited.splitlines() if "/ks/hypervisor.ks" in line)
    assert argument in line.split()


def test_isolinux_entries_come_first_and_the_originals_stay() -> None:
    original = isolinux_menu(EL9)
    edited = _edit(ISOLINUX, original, _menu(ENTRY, Entry("Control", "/ks/c.ks", ("inst.text",))))
    labels = re.findall(r"(?m)^label (\S+)", edited)
    assert labels == ["b2ct0", "b2ct1", "linux", "check", "rescue"]
    first = edited.split("label b2ct0\n")[1].split("label b2ct1")[0]
    assert first.splitlines() == [
        "  menu label B2CT: hypervisor",
        "  menu default",
        "  kernel vmlinuz",
        f"  append initrd=initrd.img {EL9.root} quiet"
        " inst.ks=hd:LABEL=AlmaLinux-9-5-x86_64-dvd:/ks/hypervisor.ks",
    ]
    assert edited.count("menu default") == 1
    assert "timeout 300\n" in edited
    assert edited.count("rd.live.check") == original.count("rd.live.check") == 1
    assert "inst.text" in edited.split("label b2ct1")[1].split("label linux")[0]
    kept = [
        line for line in original.splitlines() if "default" not in line and "timeout" not in line
    ]
    assert [line for line in edited.splitlines() if line in kept and line.strip()][-3:] == kept[-3:]


def test_isolinux_without_a_menu_gets_its_default_label_replaced() -> None:
    text = "default linux\nprompt 1\ntotaltimeout 900\nontimeout check\n" + "\n".join(
        isolinux_menu(EL6).splitlines()[5:]
    )
    edited = _edit(
        ISOLINUX, text, _menu(ENTRY, Entry("Second", "/ks/2.ks"), default=1, timeout=None)
    )
    assert edited.startswith("timeout 0\ndefault b2ct1\nprompt 1\nontimeout b2ct1\n")
    assert "totaltimeout" not in edited


def test_grub_entries_come_first_and_the_originals_stay() -> None:
    original = grub_menu(EL7)
    edited = _edit(GRUB, original, _menu(ENTRY, Entry("Control", "/ks/c.ks"), default=1))
    titles = re.findall(r"(?m)^\s*menuentry '([^']*)'", edited)
    assert titles[:3] == ["B2CT: hypervisor", "Control", "Install CentOS 7 x86_64"]
    assert re.findall(r"(?m)^set (default|timeout)=(.*)$", edited) == [
        ("default", '"1"'),
        ("timeout", '"30"'),
    ]
    assert edited.count("rd.live.check") == 1
    body = edited.split("menuentry 'B2CT: hypervisor'")[1].split("menuentry 'Control'")[0]
    assert "linuxefi /images/pxeboot/vmlinuz inst.stage2=" in body
    assert "initrdefi /images/pxeboot/initrd.img" in body
    originals = original[original.index("menuentry") :]
    assert edited.endswith(originals)


def test_waiting_for_ever_and_a_serial_console() -> None:
    menu = _menu(timeout=None, serial=Serial(1, 9600))
    isolinux = _edit(ISOLINUX, isolinux_menu(EL9), menu)
    assert isolinux.startswith("serial 1 9600\n")  # it has to come before all that prints
    assert "timeout 0\n" in isolinux
    grub = _edit(GRUB, grub_menu(EL9), menu)
    assert 'set timeout="-1"' in grub
    assert "serial --unit=1 --speed=9600" in grub
    for text in (isolinux, grub):
        ours = next(line for line in text.splitlines() if "/ks/hypervisor.ks" in line)
        assert ours.endswith("console=tty0 console=ttyS1,9600")
        assert " quiet" not in ours


@pytest.mark.parametrize("kind", [ISOLINUX, GRUB])
@pytest.mark.parametrize("default", [0, 5, 299])
def test_hundreds_of_entries_go_into_a_submenu(kind: str, default: int) -> None:
    entries = [Entry(f"Node n{i:03}", f"/ks/n{i:03}.ks") for i in range(300)]
    original = isolinux_menu(EL9) if kind == ISOLINUX else grub_menu(EL9)
    edited = _edit(kind, original, _menu(*entries, default=default))
    assert all(edited.count(f"/ks/n{i:03}.ks") == 1 for i in range(300))
    top, _, rest = edited.partition("menu begin b2ctmore" if kind == ISOLINUX else "submenu 'More")
    assert top.count("/ks/n") == bootmenu.MOST_ENTRIES
    assert rest.count("/ks/n") == 300 - bootmenu.MOST_ENTRIES
    if kind == ISOLINUX:
        assert (
            top.split("menu default")[0].rsplit("menu label ", 1)[1].strip()
            == f"Node n{default:03}"
        )
    else:
        position = int(re.findall(r'(?m)^set default="(\d+)"', top)[0])
        assert re.findall(r"menuentry '([^']+)'", top)[position] == f"Node n{default:03}"


@pytest.mark.parametrize("kind", [ISOLINUX, GRUB])
def test_editing_again_replaces_what_the_first_time_put_in(kind: str) -> None:
    original = isolinux_menu(EL9) if kind == ISOLINUX else grub_menu(EL9)
    once = _edit(kind, original, _menu())
    other = _menu(Entry("Other", "/ks/other.ks"))
    assert _edit(kind, once, other) == _edit(kind, original, other)


def test_arguments_of_an_earlier_kickstart_are_not_kept() -> None:
    text = isolinux_menu(EL9).replace(" quiet", " inst.ks=http://x/y ks=z quiet")
    edited = _edit(ISOLINUX, text, _menu())
    ours = edited.split("label b2ct0")[1].split("label linux")[0]
    assert "http://x/y" not in ours
    assert "ks=z" not in ours


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (ISOLINUX, ""),
        (ISOLINUX, "default linux\nlabel local\n  localboot 0xffff\n"),
        (GRUB, "search --file /x --set=root\nconfigfile /EFI/BOOT/other.cfg\n"),
        (GRUB, "menuentry 'Boot first drive' {\n\tchainloader (hd0)+1\n}\n"),
        (GRUB, "menuentry 'Rescue' {\n\tlinux /v inst.rescue\n\tinitrd /i\n}\n"),
        (GRUB, "menuentry 'never closed' {\n\tlinux /v\n\tinitrd /i\n"),
    ],
)
def test_a_menu_without_an_install_entry_is_left_alone(kind: str, text: str) -> None:
    assert edit(kind, text, _menu()) is None


def test_a_menu_that_only_checks_and_installs_still_serves() -> None:
    text = (
        isolinux_menu(EL9)
        .replace("label linux\n", "label gone\n")
        .replace(f"append initrd=initrd.img {EL9.root} quiet", "append none")
    )
    edited = _edit(ISOLINUX, text, _menu())
    assert "rd.live.check" not in edited.split("label b2ct0")[1].split("label gone")[0]


def test_windows_line_ends_do_not_survive_into_arguments() -> None:
    edited = _edit(GRUB, grub_menu(EL9).replace("\n", "\r\n"), _menu())
    assert "\r" not in edited


@pytest.mark.parametrize(
    "title", ["", "   ", "a\nb", "a\rb", "tab\there", "x" * 73, "\x1b[0m", "a\u2028b"]
)
def test_titles_that_are_refused(title: str) -> None:
    with pytest.raises(B2ctError, match="title"):
        check_entry(Entry(title))


@pytest.mark.parametrize(
    "argument", ["", "a b", "x\ny", "$(reboot)", "a;b", "'", '"', "a\\b", "{", "a|b", "é", "#"]
)
def test_arguments_that_are_refused(argument: str) -> None:
    with pytest.raises(B2ctError, match="kernel argument"):
        check_entry(Entry("ok", None, (argument,)))


@pytest.mark.parametrize("text", ["ttyS4,115200", "tty0", "ttyS0,", "ttyS0,115200;x", "ttyUSB0"])
def test_serial_consoles_that_are_refused(text: str) -> None:
    with pytest.raises(B2ctError, match="serial"):
        parse_serial(text)


def test_serial_consoles() -> None:
    assert parse_serial("ttyS0,115200") == Serial(0, 115200)
    assert parse_serial("ttyS2,9600n8") == Serial(2, 9600)
    assert parse_serial("ttyS1") == Serial(1, 115200)


_TITLES = st.text(min_size=1, max_size=72).filter(lambda t: bool(t.strip()) and t.isprintable())


@given(_TITLES)
@settings(max_examples=100)
def test_no_title_breaks_out_of_an_isolinux_menu(title: str) -> None:
    check_entry(Entry(title))
    plain = _edit(ISOLINUX, isolinux_menu(EL9), _menu(Entry("plain", "/ks/x.ks"))).splitlines()
    edited = _edit(ISOLINUX, isolinux_menu(EL9), _menu(Entry(title, "/ks/x.ks"))).split("\n")[:-1]
    differing = [i for i, line in enumerate(edited) if line != plain[i]]
    assert len(edited) == len(plain)
    assert len(differing) <= 1
    assert all(edited[i].startswith("  menu label ") and "^" not in edited[i] for i in differing)
    assert all(edited[i].isascii() for i in differing)


@pytest.mark.skipif(not shutil.which("grub-script-check"), reason="grub-common is missing")
@given(_TITLES)
@settings(max_examples=25)
def test_no_title_breaks_out_of_a_grub_menu(title: str) -> None:
    edited = _edit(GRUB, grub_menu(EL9), _menu(Entry(title, "/ks/x.ks"), Entry("B", "/ks/y.ks")))
    checked = subprocess.run(
        ["grub-script-check"], input=edited.encode(), capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    header = next(line for line in edited.splitlines() if line.startswith("menuentry"))
    # What GRUB's lexer makes of the word, from left to right: quoted, or an escaped apostrophe.
    outside = re.sub(r"'[^']*'|\\'", "", header.removeprefix("menuentry ").split(" --class")[0])
    assert outside == ""


@pytest.mark.parametrize(
    ("kind", "text", "command"),
    [
        (ISOLINUX, isolinux_menu(EL6), "kernel"),
        (ISOLINUX, isolinux_menu(EL7), "kernel"),
        (GRUB, grub_menu(EL7), "linuxefi"),
        (GRUB, grub_menu(EL10), "linux"),
    ],
)
def test_how_a_menu_starts_its_installer(kind: str, text: str, command: str) -> None:
    """Without what names the medium, and the same when our entries are in front."""
    found = bootcfg.install_entry(kind, text)
    assert found is not None
    assert found.command == command
    assert not [a for a in found.arguments if re.search(r"stage2|ks=|initrd|live\.check", a)]
    assert bootcfg.install_entry(kind, _edit(kind, text, _menu())) == found
    assert bootcfg.install_entry(kind, "set timeout=1\n") is None


REMASTERED = """default vesamenu.c32
timeout 600
label linux
  menu label ^Install AlmaLinux 9.5
  kernel vmlinuz
  append initrd=initrd.img {source} inst.ks=cdrom:/ks.cfg quiet
label rescue
  kernel vmlinuz
  append initrd=initrd.img inst.stage2=hd:LABEL=AlmaLinux-9-5-x86_64-dvd inst.rescue quiet
"""
"""A menu as people's own remasters have it."""


@pytest.mark.parametrize(
    "source",
    [
        "inst.repo=cdrom",
        "inst.repo=cdrom:/dev/sr0",
        "inst.stage2=cdrom",
        "method=cdrom",
        "",
        "repo=cdrom",
    ],
)
def test_stage2_is_found_by_label_where_an_entry_looks_for_a_cd(source: str) -> None:
    """Anaconda looks for `cdrom` on optical drives only, and what boots outranks the kickstart."""
    menu = _menu(stage2="inst.stage2")
    edited = _edit(ISOLINUX, REMASTERED.format(source=source), menu)
    line = next(line for line in edited.splitlines() if "hypervisor.ks" in line)
    assert line.split()[1:] == [
        "initrd=initrd.img", "quiet", "inst.stage2=hd:LABEL=FALLBACK",
        "inst.ks=hd:LABEL=FALLBACK:/ks/hypervisor.ks",
    ]  # fmt: skip
    # The entry itself stays.
    assert f"append initrd=initrd.img {source} inst.ks=cdrom:/ks.cfg quiet" in edited
    found = bootcfg.install_entry(ISOLINUX, REMASTERED.format(source=source))
    assert found is not None
    assert found.arguments == ("quiet",)


def test_a_medium_without_stage2_keeps_where_its_entry_finds_it() -> None:
    text = REMASTERED.format(source="inst.repo=http://mirror.example.org/9/")
    line = next(x for x in _edit(ISOLINUX, text, _menu()).splitlines() if "hypervisor.ks" in x)
    assert "inst.repo=http://mirror.example.org/9/" in line.split()
    assert "stage2" not in line
