"""Systems on two disks, and datastores on disks of their own: what is chosen and what is written.

The lines were put before Anaconda of el9 and el10, which took them without a warning and made them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from b2ct.kickstart.render import render
from b2ct.site.catalogue import Role
from b2ct.site.model import Site
from tests.kickstart import oracle, sites
from tests.kickstart.machine import Machine, Part, pre_of
from tests.kickstart.test_dialogue import CONFIRM, DISK, ERASE, on_terminal
from tests.kickstart.test_pre import hypervisor, run

MIRROR = {"mirror": [{"serial": "DISK-1"}, {"serial": "DISK-2"}], "wipe": True}


def described(disk: dict[str, Any], release: str = "el9", **changes: Any) -> Site:
    """A site whose hv01 has this `disk`."""
    nodes = sites.full().model_dump(mode="json", exclude_defaults=True)["nodes"]
    nodes[1]["disk"] = disk
    return sites.full(release, nodes=nodes, **changes)


def with_disks(root: Path, site: Site, *gib: int, firmware: str = "bios") -> Machine:
    """hv01 with sda, sdb, ... of these sizes, whose serial numbers are DISK-1, DISK-2, ..."""
    made = hypervisor(root, site)
    for number, size in enumerate(gib):
        made.disk(f"sd{'abcdef'[number]}", size, serial=f"DISK-{number + 1}")
    if firmware == "uefi":
        (made.root / "sys/firmware/efi").mkdir(parents=True)
    return made


def written(made: Machine) -> list[str]:
    run(made)
    assert made.asked() == []
    return made.written("storage.ks").splitlines()


def test_the_lines_of_a_mirror_under_bios(tmp_path: Path) -> None:
    made = with_disks(tmp_path, described(MIRROR), 500, 500)
    assert written(made)[:13] == [
        "ignoredisk --only-use=sda,sdb",
        "zerombr",
        "clearpart --all --initlabel --drives=sda,sdb --disklabel=gpt",
        "bootloader --location=mbr --boot-drive=sda",
        "reqpart",
        "part biosboot --fstype=biosboot --size=1 --ondisk=sdb",
        "part raid.11 --size=1024 --ondisk=sda",
        "part raid.12 --size=1 --grow --ondisk=sda",
        "part raid.21 --size=1024 --ondisk=sdb",
        "part raid.22 --size=1 --grow --ondisk=sdb",
        "raid /boot --fstype=ext4 --level=1 --device=boot raid.11 raid.21",
        "raid pv.01 --level=1 --device=pv raid.12 raid.22",
        "volgroup b2ct pv.01",
    ]


def test_under_uefi_both_disks_have_an_esp(tmp_path: Path) -> None:
    lines = written(with_disks(tmp_path, described(MIRROR), 500, 500, firmware="uefi"))
    assert "reqpart" not in lines
    assert not [line for line in lines if "biosboot" in line]
    assert [line for line in lines if "raid.10" in line or "raid.20" in line] == [
        "part raid.10 --size=600 --ondisk=sda",
        "part raid.20 --size=600 --ondisk=sdb",
        "raid /boot/efi --fstype=efi --level=1 --device=boot_efi raid.10 raid.20",
    ]


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
@pytest.mark.parametrize("release", sites.RELEASES)
def test_every_release_parses_its_mirror(tmp_path: Path, release: str, firmware: str) -> None:
    site = described({**MIRROR, "datastores": [{"serial": "DISK-3"}]}, release)
    made = with_disks(tmp_path, site, 500, 400, 900, firmware=firmware)
    if release == "el6" and firmware == "uefi":
        note = made.shell('derive || printf "%s" "$NOTE"')
        assert "this release installs on a mirror under BIOS only" in note
        return
    run(made)
    handler = oracle.parse(
        render(site, roles=[Role.CONTROL, Role.HYPERVISOR]).text, release, made.root / "tmp/b2ct"
    )
    disks = ["sda", "sdb", "sdc"]
    assert handler.ignoredisk.onlyuse == handler.clearpart.drives == disks
    raids = {raid.mountpoint: raid for raid in handler.raid.raidList}
    assert set(raids) == {"/boot", "pv.01", *(["/boot/efi"] if firmware == "uefi" else [])}
    on = {part.mountpoint: part.disk for part in handler.partition.partitions}
    for raid in raids.values():
        assert {on[member] for member in raid.members} == {"sda", "sdb"}
        assert str(raid.level) == "RAID1"
    assert len({raid.device for raid in raids.values()}) == len(raids)
    (data,) = (volume for volume in handler.logvol.lvList if volume.name == "datastores")
    assert (data.vgname, data.mountpoint, data.grow) == (
        "b2ctdata",
        "/var/lib/one/datastores",
        True,
    )


def test_el6_has_no_gpt_to_start_from_and_takes_both_disks_for_its_boot_loader(
    tmp_path: Path,
) -> None:
    lines = written(with_disks(tmp_path, described(MIRROR, "el6"), 500, 500))
    assert "clearpart --all --initlabel --drives=sda,sdb" in lines
    assert "bootloader --location=mbr --driveorder=sda,sdb" in lines
    assert "raid /boot --fstype=ext4 --level=1 --device=md0 raid.11 raid.21" in lines


def test_a_mirror_is_as_large_as_its_smaller_disk(tmp_path: Path) -> None:
    made = with_disks(tmp_path, described(MIRROR), 500, 100)
    lines = written(made)
    assert [line for line in lines if "datastores" in line] == [
        "logvol /var/lib/one/datastores --vgname=b2ct --name=datastores --fstype=xfs --size=25600"
        " --grow"
    ]


@pytest.mark.parametrize(
    ("sectors", "firmware", "reason"),
    [
        (("512", "4096"), "bios", "sdb has sectors of 4096 bytes (4Kn), and no BIOS starts"),
        (("512", "4096"), "uefi", "sectors of one size, and these have 512 and 4096 bytes"),
        (("4096", "4096"), "uefi", ""),
    ],
)
def test_a_mirror_starts_from_either_disk(
    tmp_path: Path, sectors: tuple[str, str], firmware: str, reason: str
) -> None:
    made = with_disks(tmp_path, described(MIRROR), 500, 500, firmware=firmware)
    for disk, size in zip(("sda", "sdb"), sectors, strict=True):
        made.write(f"sys/block/{disk}/queue/logical_block_size", size)
    note = made.shell('derive || printf "%s" "$NOTE"')
    assert reason in note
    assert bool(reason) == bool(note)


def test_two_descriptions_alike_are_two_disks(tmp_path: Path) -> None:
    """Neither serial number is known: both disks of a model, and no third one."""
    alike = {"model": "ACME SSD"}
    site = described(
        {"mirror": [alike, alike], "datastores": [{"min_size": "1 TiB"}], "wipe": True}
    )
    made = with_disks(tmp_path, site)
    for disk in ("sda", "sdb"):
        made.disk(disk, 500, model="ACME SSD", serial=f"S-{disk}")
    shown = 'derive && echo "${SYSTEM[*]} + ${DATA[*]}" || echo "$NEXT: $NOTE"'
    made.disk("sdc", 2000, model="BIG")
    assert made.shell(shown) == "sda sdb + sdc\n"
    made.disk("sdd", 500, model="ACME SSD", serial="S-sdd")
    assert made.shell(shown) == (
        "disk: Several disks fit what site.yaml says of the disk of hv01: sda,sdb,sdd.\n"
    )
    for disk in ("sdb", "sdd"):
        made.disk(disk, 500, model="OTHER")
    assert made.shell(shown).startswith("disk: Too few disks fit what site.yaml says")


def test_a_disk_that_is_named_is_not_taken_for_another_use(tmp_path: Path) -> None:
    """The disk for datastores is any of 400 GiB, but not that of the system."""
    site = described({"serial": "DISK-1", "datastores": [{"min_size": "400 GiB"}], "wipe": True})
    made = with_disks(tmp_path, site, 500, 600)
    assert made.shell('derive && echo "${SYSTEM[*]} + ${DATA[*]}"') == "sda + sdb\n"


def test_the_lines_of_disks_for_datastores(tmp_path: Path) -> None:
    site = described(
        {"serial": "DISK-1", "datastores": [{"serial": "DISK-3"}, {"serial": "DISK-2"}],
         "wipe": True}
    )  # fmt: skip
    lines = written(with_disks(tmp_path, site, 500, 600, 700))
    assert lines[0] == "ignoredisk --only-use=sda,sdc,sdb"
    assert lines[2] == "clearpart --all --initlabel --drives=sda,sdc,sdb"
    assert lines[-4:] == [
        "part pv.10 --size=1 --grow --ondisk=sdc",
        "part pv.11 --size=1 --grow --ondisk=sdb",
        "volgroup b2ctdata pv.10 pv.11",
        "logvol /var/lib/one/datastores --vgname=b2ctdata --name=datastores --fstype=xfs"
        " --size=4096 --grow",
    ]
    assert len([line for line in lines if "datastores" in line]) == 1


@pytest.mark.parametrize(("wanted", "fits"), [("1200 GiB", True), ("1400 GiB", False)])
def test_datastores_of_the_size_that_the_site_says(tmp_path: Path, wanted: str, fits: bool) -> None:
    site = described(
        {"serial": "DISK-1", "datastores": [{"serial": "DISK-2"}, {"serial": "DISK-3"}]},
        disk_layout={"datastore": wanted},
    )
    made = with_disks(tmp_path, site, 100, 600, 700)
    note = made.shell('derive || printf "%s" "$NOTE"')
    assert note == (
        "" if fits
        else "The disk that site.yaml describes cannot be taken: the disks for datastores have"
        " 1299 GiB, less than 1400 GiB."
    )  # fmt: skip


def test_who_asked_for_datastore_disks_that_are_not_there_is_asked(tmp_path: Path) -> None:
    site = described({"serial": "DISK-1", "datastores": [{"serial": "GONE"}], "wipe": True})
    made = with_disks(tmp_path, site, 500, 600)
    with on_terminal(made) as terminal:
        shown = " ".join(terminal.expect(DISK).split())
        assert "No disk fits what site.yaml says of the datastores' disks of hv01." in shown
        terminal.screen.send("nothing\n")
        terminal.answer(DISK, "sdb")
        shown = terminal.expect(CONFIRM)
        assert "datastores  sdb: 600 GiB" in shown
        terminal.screen.send("yes\n")
        terminal.finish()
    assert "volgroup b2ctdata pv.10\n" in made.written("storage.ks")


def test_none_leaves_the_datastores_on_the_system_disk(tmp_path: Path) -> None:
    site = described({"serial": "DISK-1", "datastores": [{"serial": "GONE"}], "wipe": True})
    made = with_disks(tmp_path, site, 500)
    with on_terminal(made) as terminal:
        terminal.answer(DISK, "none")
        terminal.answer(CONFIRM, "yes")
        terminal.finish()
    assert "--vgname=b2ct --name=datastores" in made.written("storage.ks")


def test_two_disks_typed_at_the_console_are_a_mirror(tmp_path: Path) -> None:
    made = Machine(tmp_path / "m", pre_of(render(sites.full(), roles=[], node="hv02").text))
    made.card("eno1", "52:54:00:00:00:a1")
    made.disk("sda", 500, Part(1, 1024, "ext4", "home"), serial="A")
    made.disk("sdb", 500, serial="B")
    with on_terminal(made) as terminal:
        terminal.answer(r"follows the cables\): ", "1")
        terminal.answer(DISK, "1 1", "sda sdb sdc", "1 2")
        terminal.answer(ERASE, "sda")
        shown = terminal.expect(CONFIRM)
        assert "mirror      sda: 500 GiB" in shown
        assert "EVERYTHING ON IT WILL BE LOST" in shown
        assert "sdb: 500 GiB" in shown
        terminal.screen.send("yes\n")
        terminal.finish()
    assert "ignoredisk --only-use=sda,sdb\n" in made.written("storage.ks")


# ---------------------------------------------------------------- no reinstall loop


def installed_mirror(root: Path, *, degraded: bool = False) -> Machine:
    """Both members of /boot carry a RAID; the label is on the array."""
    made = with_disks(root, described(MIRROR), 500, 500)
    members = []
    for disk in ("sda", "sdb"):
        if not degraded or disk == "sda":
            made.disk(disk, 500, Part(2, 1024), serial=f"DISK-{'ab'.index(disk[2]) + 1}")
            members.append(f"{disk}2")
    made.array("md127", 1, *members)
    made.fill("md127", "installed")
    return made


def test_a_finished_mirror_is_noticed_on_both_disks(tmp_path: Path) -> None:
    made = installed_mirror(tmp_path)
    told = 'derive || echo "$NEXT: ${INSTALLED[*]}: ${INSTALLED_ABOUT[0]}"'
    assert made.shell(told) == (
        "reinstall: sda sdb: hv01.example.org (hypervisor) installed today\n"
    )


def test_a_mirror_with_a_disk_gone_is_noticed(tmp_path: Path) -> None:
    """Its array waits to be started; it is started read-only."""
    made = installed_mirror(tmp_path, degraded=True)
    made.write("sys/block/md127/md/array_state", "inactive")
    made.write("sys/module/md_mod/parameters/start_ro", "0")
    assert made.shell('echo "${INSTALLED[*]}"') == "sda\n"
    assert made.calls() == ["mdadm --run /dev/md127"]
    assert (made.root / "sys/module/md_mod/parameters/start_ro").read_text() == "1\n"


def test_containers_of_the_firmware_are_left_alone(tmp_path: Path) -> None:
    made = with_disks(tmp_path, described(MIRROR), 500, 500)
    made.write("sys/block/md127/md/array_state", "inactive")
    made.write("sys/block/md127/md/metadata_version", "external:imsm")
    made.shell("true")
    assert made.calls() == []


def test_one_name_reinstalls_the_whole_mirror(tmp_path: Path) -> None:
    made = installed_mirror(tmp_path)
    told = 'ANSWERS[reinstall]=sdb; NODE_WIPE=(0 0 0); derive && echo "${SYSTEM[*]}"'
    assert made.shell(told) == "sda sdb\n"
