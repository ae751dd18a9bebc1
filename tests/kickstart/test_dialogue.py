"""%pre asks on a real pseudo-terminal: the very script of a rendered kickstart."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from b2ct.kickstart.render import render
from b2ct.site.catalogue import Role
from b2ct.site.model import Site
from tests.kickstart import sites
from tests.kickstart.machine import Machine, Part, Terminal, pre_of
from tests.kickstart.test_pre import env_of

CARD = r"follows the cables\): "
GATEWAY = r"Gateway in the network of [0-9./]+, or none: "
DISK = "Enter looks again: "
ERASE = "chooses another disk: "
CONFIRM = "to change an answer: "


def bare(root: Path, site: Site | None = None, **changes: Any) -> Machine:
    """A machine of which site.yaml says nothing, with a disk that holds data."""
    settings = {"roles": [Role.CONTROL, Role.HYPERVISOR]}
    settings.update({k: changes.pop(k) for k in ("roles", "node") if k in changes})
    text = render(site or Site(), **settings).text  # type: ignore[arg-type]
    made = Machine(root / "m", pre_of(text), **changes)
    made.card("eno1", "52:54:00:00:00:a1")
    made.card("eno2", "52:54:00:00:00:a2", link=False)
    made.disk("sda", 500, Part(1, 1024, "ext4", "home"), serial="S-A", model="ACME Disk")
    made.disk("sdb", 16, Part(1, 8192, "vfat", "B2CT"), serial="S-B", usb=True)
    made.disk("sdc", 4, serial="S-C")
    return made


@contextmanager
def on_terminal(machine: Machine, tty: str = "ttyS0") -> Iterator[Terminal]:
    terminal = Terminal(machine, tty)
    try:
        yield terminal
    finally:
        terminal.close()


def answer_all(terminal: Terminal) -> None:
    """The whole dialogue, with something wrong at every question first."""
    terminal.answer(r"\[us\]: ", "no such", "it")
    terminal.answer("Number: ", "3", "x", "2")
    terminal.answer("such as hv01: ", "", "localhost", "hv_01", "hv01.example.org", "HV01")
    terminal.answer(CARD, "7", "lo", "eno1 eno2", "1")
    terminal.answer("Address: ", "10.0.0.11", "10.0.0.11/33", "10.0.0.0/24", "10.0.0.256/24")
    terminal.answer("Address: ", "10.0.0.11/24")
    terminal.answer(GATEWAY, "10.0.1.1", "10.0.0.255", "10.0.0.11", "gw", "10.0.0.1")
    terminal.answer("or none: ", "nowhere", "1.1.1.1 2.2.2.2 3.3.3.3 4.4.4.4", "10.0.0.1,9.9.9.9")
    terminal.answer("b2ct.example.org: ", "localdomain", "no_domain", "Example.ORG.")
    terminal.answer("not known yet: ", "a b", "10.0.0.300", "10.0.0.10")
    terminal.answer(DISK, "sdb", "9", "sdc", "sda")
    terminal.answer(ERASE, "yes", "sdb", "sda")


def test_the_whole_dialogue(tmp_path: Path) -> None:
    machine = bare(tmp_path)
    with on_terminal(machine) as terminal:
        answer_all(terminal)
        summary = terminal.expect(CONFIRM)
        for told in (
            "hv01.example.org",
            "10.0.0.11/24 on eno1",
            "sda: 500 GiB, ACME Disk, serial S-A",
            "EVERYTHING ON IT WILL BE LOST",
        ):
            assert told in summary
        terminal.screen.send("yes\n")
        terminal.finish()
    env = env_of(machine)
    assert (env["B2CT_ROLE"], env["B2CT_FQDN"]) == ("hypervisor", "hv01.example.org")
    assert (env["B2CT_CONTROL"], env["B2CT_CONTROL_ADDRESS"]) == ("10.0.0.10", "10.0.0.10")
    assert machine.written("keyboard.ks") == "keyboard it\n"
    network = machine.written("network.ks").splitlines()
    assert network[0] == (
        "network --device=eno1 --bootproto=static --ip=10.0.0.11 --netmask=255.255.255.0"
        " --gateway=10.0.0.1 --nameserver=10.0.0.1,9.9.9.9 --onboot=on --activate"
        " --hostname=hv01.example.org"
    )
    assert "ignoredisk --only-use=sda\n" in machine.written("storage.ks")
    assert "--name=datastores" in machine.written("body.ks") or "storage.ks" in machine.written(
        "body.ks"
    )


def test_what_is_shown_of_disks_and_cards(tmp_path: Path) -> None:
    machine = bare(tmp_path, sites.empty(), roles=[Role.HYPERVISOR])
    with on_terminal(machine) as terminal:
        terminal.answer(r"\[us\]: ", "")
        terminal.answer("such as hv01: ", "hv01")
        cards = terminal.expect(CARD)
        assert "eno1         link 1000 Mb/s   e1000e     52:54:00:00:00:a1" in cards
        assert "eno2         no link          e1000e     52:54:00:00:00:a2" in cards
        machine.write("sys/class/net/eno2/speed", "10000")
        machine.write("sys/class/net/eno2/carrier", "1")
        assert "eno2         link 10000 Mb/s" in terminal.expect(CARD), "the list follows cables"
        terminal.screen.send("eno2\n")
        terminal.answer("Address: ", "dhcp")
        terminal.answer("b2ct.example.org: ", "example.org")
        terminal.answer("not known yet: ", "none")
        disks = terminal.expect(DISK)
        assert "1) sda: 500 GiB, ACME Disk, serial S-A" in disks
        assert "holds sda1, 1024 MiB, ext4, labelled 'home'" in disks
        assert "not offered: sdb: the installation medium" in disks
        machine.disk("sdd", 1000, serial="S-D", model="Plugged")
        assert "sdd: 1000 GiB, Plugged, serial S-D" in terminal.expect(DISK), "it follows disks"
        terminal.screen.send("sdc\n")
        assert "a hypervisor machine needs at least 16 GiB" in " ".join(
            terminal.expect(DISK).split()
        )
        terminal.screen.send("sdd\n")
        terminal.answer(CONFIRM, "yes")
        terminal.finish()
    env = env_of(machine)
    assert (env["B2CT_ADDRESS"], env["B2CT_CONTROL"], env["B2CT_DISK"]) == ("dhcp", "", "/dev/sdd")


def to_the_disks(terminal: Terminal) -> None:
    """The questions of a hypervisor of which nothing is known, up to the disks."""
    terminal.answer(r"\[us\]: ", "")
    terminal.answer("such as hv01: ", "hv01")
    terminal.answer(CARD, "1")
    terminal.answer("Address: ", "dhcp")
    terminal.answer("b2ct.example.org: ", "example.org")
    terminal.answer("not known yet: ", "none")


def test_a_disk_that_goes_before_the_yes_is_asked_for_again(tmp_path: Path) -> None:
    machine = bare(tmp_path, sites.empty(), roles=[Role.HYPERVISOR])
    machine.disk("sdd", 1000, serial="S-D")
    with on_terminal(machine) as terminal:
        to_the_disks(terminal)
        terminal.answer(DISK, "sdd")
        terminal.expect(CONFIRM)
        shutil.rmtree(machine.root / "sys/block/sdd")
        terminal.screen.send("yes\n")
        assert "sdd is not there, or not offered" in " ".join(terminal.expect(DISK).split())
        terminal.screen.send("<\n")
        terminal.answer("not known yet: ", "one.example.org")
        terminal.answer(DISK, "sda")
        terminal.answer(ERASE, "sda")
        assert terminal.expect(CONFIRM).count("change: disk") == 1
        terminal.screen.send("yes\n")
        terminal.finish()
    env = env_of(machine)
    assert (env["B2CT_DISK"], env["B2CT_CONTROL"]) == ("/dev/sda", "one.example.org")


def test_another_disk_under_the_name_that_was_confirmed_is_not_erased(tmp_path: Path) -> None:
    machine = bare(tmp_path, sites.empty(), roles=[Role.HYPERVISOR])
    with on_terminal(machine) as terminal:
        to_the_disks(terminal)
        terminal.answer(DISK, "sda")
        terminal.answer(ERASE, "sda")
        assert "sda: 500 GiB, ACME Disk, serial S-A" in terminal.expect(CONFIRM)
        machine.disk("sda", 500, Part(1, 1024, "ext4", "work"), serial="S-D")
        terminal.screen.send("yes\n")
        terminal.expect("has changed since you said yes")
        assert "sda: 500 GiB, unknown model, serial S-D" in terminal.expect(DISK)
        terminal.screen.send("sda\n")
        assert "labelled 'work'" in terminal.expect(ERASE)
        terminal.screen.send("sda\n")
        terminal.answer(CONFIRM, "yes")
        terminal.finish()
    assert env_of(machine)["B2CT_DISK"] == "/dev/sda"


def test_back_and_change(tmp_path: Path) -> None:
    machine = bare(tmp_path)
    with on_terminal(machine) as terminal:
        terminal.answer(r"\[us\]: ", "<")
        terminal.expect("This is the first question")
        terminal.answer(r"\[us\]: ", "us")
        terminal.answer("Number: ", "1")
        terminal.answer("such as hv01: ", "<")
        terminal.answer("Number: ", "2")
        terminal.answer("such as hv01: ", "hv01")
        terminal.answer(CARD, "1")
        terminal.answer("Address: ", "10.0.0.11/24")
        terminal.answer(GATEWAY, "<")
        terminal.answer("Address: ", "10.0.0.12/24")
        terminal.answer(GATEWAY, "none")
        terminal.answer("or none: ", "none")
        terminal.answer("b2ct.example.org: ", "example.org")
        terminal.answer("not known yet: ", "one.example.org")
        terminal.answer(DISK, "1")
        terminal.answer(ERASE, "<")
        terminal.answer(DISK, "1")
        terminal.answer(ERASE, "sda")
        assert " 3) change: host name" in terminal.expect(CONFIRM)
        terminal.screen.send("99\n")
        terminal.answer(CONFIRM, "3")
        terminal.answer("such as hv01: ", "hv02")
        assert "hv02.example.org" in terminal.expect(CONFIRM)
        terminal.screen.send("yes\n")
        terminal.finish()
    env = env_of(machine)
    assert (env["B2CT_NODE"], env["B2CT_ADDRESS"]) == ("hv02", "10.0.0.12")
    assert (env["B2CT_CONTROL"], env["B2CT_CONTROL_ADDRESS"]) == ("one.example.org", "")


def test_a_machine_chosen_from_the_list(tmp_path: Path) -> None:
    site = sites.full()
    machine = bare(tmp_path, site)
    machine.disk("sde", 500, serial="DISK-0")
    with on_terminal(machine) as terminal:
        shown = terminal.expect("Number: ")
        assert "are those of no machine in site.yaml" in " ".join(shown.split())
        assert "1) one (control)" in shown
        assert "4) another one, which site.yaml does not name" in shown
        terminal.screen.send("1\n")
        assert "has the MAC address 52:54:00:00:00:01" in " ".join(terminal.expect(CARD).split())
        terminal.screen.send("2\n")
        terminal.answer(CONFIRM, "yes")
        terminal.finish()
    env = env_of(machine)
    assert (env["B2CT_FQDN"], env["B2CT_DISK"]) == ("one.b2ct.example.org", "/dev/sde")
    assert "--device=eno2" in machine.written("network.ks")


def test_another_machine_takes_no_address_that_is_somebodys(tmp_path: Path) -> None:
    networks = {
        "service": {
            "cidr": "10.0.0.0/24",
            "gateway": "10.0.0.1",
            "dns": ["10.0.0.1"],
            "vm_range": {"first": "10.0.0.100", "last": "10.0.0.200"},
        },
        "private": {"cidr": "10.1.0.0/16"},
    }
    machine = bare(tmp_path, sites.full(networks=networks))
    with on_terminal(machine) as terminal:
        terminal.answer("Number: ", "4")
        terminal.answer("Number: ", "2")
        terminal.answer("such as hv01: ", "hv01", "hv09")
        terminal.answer("Number: ", "1")
        terminal.answer(CARD, "1")
        for address, reason in (
            ("10.0.1.9", "is not in the network 10.0.0.0/24"),
            ("10.0.0.9/16", "The network has the prefix length 24"),
            ("10.0.0.1", "is the network's gateway"),
            ("10.0.0.150", "is among the addresses of virtual machines"),
            ("10.0.0.12", "is the address of hv02"),
        ):
            terminal.answer("Address: ", address)
            terminal.expect(reason)
        terminal.answer("Address: ", "10.0.0.19")
        terminal.answer(DISK, "sda")
        terminal.answer(ERASE, "sda")
        terminal.answer(CONFIRM, "yes")
        terminal.finish()
    assert env_of(machine)["B2CT_CONTROL_ADDRESS"] == "10.0.0.10"


def test_a_disk_with_data_is_asked_for_even_if_all_is_described(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "m", pre_of(render(sites.full(), roles=[], node="one").text))
    machine.card("eno1", sites.CONTROL_MAC)
    machine.disk("sda", 500, Part(1, 1024, "ext4", "home"), serial="DISK-0")
    machine.disk("sdb", 500)
    with on_terminal(machine) as terminal:
        shown = terminal.expect(ERASE)
        assert "holds sda1, 1024 MiB, ext4, labelled 'home'" in shown
        terminal.screen.send("<\n")
        terminal.answer(DISK, "sdb")
        terminal.answer(CONFIRM, "yes")
        terminal.finish()
    assert env_of(machine)["B2CT_DISK"] == "/dev/sdb"


def test_the_end_of_the_input_asks_again(tmp_path: Path) -> None:
    machine = bare(tmp_path)
    with on_terminal(machine) as terminal:
        terminal.expect(r"\[us\]: ")
        terminal.screen.send("\x04")
        terminal.expect("The input ended")
        terminal.answer(r"\[us\]: ", "\x04\x04\x04")
        terminal.answer("Number: ", "1")
        terminal.expect("such as hv01: ")
    assert not (machine.root / "tmp/b2ct/answers").exists()
    assert not (machine.root / "tmp/b2ct/storage.ks").exists()


def test_a_question_that_nobody_answers_calls(tmp_path: Path) -> None:
    machine = bare(tmp_path, repeat=1)
    with on_terminal(machine) as terminal:
        for _ in range(2):
            terminal.expect("\a")
            terminal.expect("The installation waits for an answer")
            terminal.expect(r"\[us\]: ")


def test_backspace_as_serial_lines_send_it(tmp_path: Path) -> None:
    machine = bare(tmp_path)
    with on_terminal(machine) as terminal:
        terminal.answer(r"\[us\]: ", "ux\bk \x1b\x08")
        terminal.expect("Number: ")
    assert "loadkeys uk" in machine.calls()


def test_a_screen_gets_the_sixth_terminal_and_back(tmp_path: Path) -> None:
    machine = bare(tmp_path)
    machine.write("sys/class/tty/console/active", "tty0")
    machine.write("sys/class/tty/tty0/active", "tty1")
    with on_terminal(machine, "tty6") as terminal:
        answer_all(terminal)
        terminal.answer(CONFIRM, "yes")
        terminal.finish()
    assert [call for call in machine.calls() if "chvt" in call] == ["chvt 6", "chvt 1"]


# ---------------------------------------------------------------- no reinstall loop


def installed(root: Path, countdown: int) -> Machine:
    text = render(sites.full(), roles=[], node="hv01").text
    made = Machine(root / "m", pre_of(text), countdown=countdown)
    made.card("eno1", sites.HV_MAC)
    made.card("eno2", sites.HV_MAC2)
    made.disk("sda", 500, Part(1, 600, "vfat"), Part(2, 1024, "installed"), serial="DISK-1")
    return made


def test_an_installed_machine_is_left_alone(tmp_path: Path) -> None:
    """Under BIOS, from a USB stick: nothing but the stick's way out helps."""
    machine = installed(tmp_path, countdown=2)
    with on_terminal(machine) as terminal:
        shown = terminal.expect("2 seconds left|Nothing is erased")
        assert "already carries an installation that B2CT has finished" in " ".join(shown.split())
        assert "hv01.example.org (hypervisor) installed today" in shown
        terminal.expect("press Enter to restart: ")
        terminal.screen.send("\n")
        terminal.process.wait(timeout=20)
        assert terminal.process.returncode == 9
    assert (machine.root / "tmp/b2ct/restarted").exists()
    assert not (machine.root / "tmp/b2ct/storage.ks").exists()


def test_only_the_name_of_the_disk_reinstalls(tmp_path: Path) -> None:
    machine = installed(tmp_path, countdown=600)
    with on_terminal(machine) as terminal:
        terminal.answer("seconds left", "yes")
        terminal.expect("Nothing is erased")
        terminal.screen.send("sda\n")
        terminal.answer(CONFIRM, "yes")
        terminal.finish()
    assert env_of(machine)["B2CT_NODE"] == "hv01"


@pytest.mark.parametrize("firmware", ["uefi", "cd"])
def test_what_starts_the_installed_system(tmp_path: Path, firmware: str) -> None:
    machine = installed(tmp_path, countdown=1)
    if firmware == "uefi":
        (machine.root / "sys/firmware/efi").mkdir(parents=True)
        # Partitions are files of their own here: blkid cannot see the table that they stand in.
        blkid = machine.root / "bin/blkid"
        blkid.write_text(
            '#!/bin/bash\nif [[ "$3" = PART_ENTRY_UUID && "$6" = */sda1 ]]; then\n'
            '  echo 0A0B0C0D-0102-0304-0506-070809101112\nelse\n  exec /sbin/blkid "$@"\nfi\n'
        )
        blkid.chmod(0o755)
        machine.write(
            "boot-entries",
            "BootCurrent: 0001\nBootOrder: 0001,0003\n"
            "Boot0001* UEFI: USB HD(1,MBR,0x6b8b4567,0x800,0x1dcf800)/File(BOOTX64.EFI)\n"
            "Boot0003* AlmaLinux HD(1,GPT,0a0b0c0d-0102-0304-0506-070809101112,0x800,0x12c000)",
        )
    else:
        machine.disk("sr0", 1)
        machine.write("proc/mounts", "/dev/sr0 /run/install/repo iso9660 ro 0 0")
    with on_terminal(machine) as terminal:
        terminal.expect("Restarting")
        terminal.process.wait(timeout=20)
        assert terminal.process.returncode == 9
    expected = {"uefi": "efibootmgr -n 0003", "cd": "eject sr0"}[firmware]
    assert expected in machine.calls()


def test_keyboards_that_the_installer_does_not_know(tmp_path: Path) -> None:
    machine = bare(tmp_path)
    machine.write("usr/lib/kbd/keymaps/xkb/it.map.gz", "")
    with on_terminal(machine) as terminal:
        terminal.answer(r"\[us\]: ", "xx")
        terminal.expect("does not know the keyboard layout 'xx'")
        terminal.answer(r"\[us\]: ", "it")
        terminal.expect("Number: ")
