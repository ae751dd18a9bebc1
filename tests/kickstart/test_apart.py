"""What reaches from a disk that is erased over others: it is told, asked for, and taken apart.

The tools that stop things are stand-ins that record; test_guest.py has the real ones.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kickstart import sites
from tests.kickstart.machine import Machine, Part
from tests.kickstart.test_dialogue import CONFIRM, DISK, on_terminal
from tests.kickstart.test_mirror import MIRROR, described, with_disks
from tests.kickstart.test_pre import run

APART = "chooses another disk: "
ONE_DISK = {"serial": "DISK-1", "wipe": True}


def over_two_disks(root: Path) -> Machine:
    """hv01's disk is sda, which may be erased; its volume group is on sdb, too."""
    made = with_disks(root, described(ONE_DISK))
    for number, disk in enumerate(("sda", "sdb"), start=1):
        made.disk(
            disk, 500, Part(1, 1000, "ext4", "boot"), Part(2, 400000, "swap"),
            serial=f"DISK-{number}",
        )  # fmt: skip
    made.write("pvs", "  /dev/sda2 old_vg uuid-1\n  /dev/sdb2 old_vg uuid-1")
    return made


def blank(made: Machine, *devices: str) -> list[str]:
    """The devices on which no signature is left."""
    return made.shell(
        f'for d in {" ".join(devices)}; do [ -n "$(probe $d TYPE)" ] || printf "$d "; done'
    ).split()


def test_wipe_is_no_leave_to_erase_a_part_of_another_disk(tmp_path: Path) -> None:
    made = over_two_disks(tmp_path)
    with on_terminal(made) as terminal:
        shown = " ".join(terminal.expect(APART).split())
        assert (
            "the volume group old_vg (sdb2) reaches from a disk that is erased over sdb. What it"
            " holds is lost on both; the rest of sdb stays: sdb: 500 GiB" in shown
        )
        terminal.screen.send("sda\n")
        terminal.answer(APART, "sdb")
        shown = terminal.expect(CONFIRM)
        assert "over sdb: LOST, TOO" in shown
        assert "change: erasing a part of sdb" in shown
        terminal.screen.send("yes\n")
        terminal.finish()
    assert "ignoredisk --only-use=sda\n" in made.written("storage.ks")
    assert "lvm vgchange -an old_vg" in made.calls()
    assert blank(made, "sda1", "sda2", "sdb1", "sdb2") == ["sda1", "sda2", "sdb2"]


def test_another_disk_may_be_taken_instead(tmp_path: Path) -> None:
    made = over_two_disks(tmp_path)
    made.disk("sdc", 500)
    with on_terminal(made) as terminal:
        terminal.answer(APART, "<")
        terminal.answer(DISK, "sdc")
        terminal.answer(CONFIRM, "yes")
        terminal.finish()
    assert blank(made, "sda1", "sda2", "sdb1", "sdb2") == []
    assert made.calls() == []


def test_what_is_on_the_chosen_disks_alone_is_not_asked_for(tmp_path: Path) -> None:
    """A foreign RAID and its volume group on the two disks of a mirror: Anaconda died of them."""
    made = over_two_disks(tmp_path)
    script = with_disks(tmp_path / "mirror", described(MIRROR)).script
    made.script = script
    made.write("ks-script", script)
    made.array("md127", 400, "sda2", "sdb2")
    made.array("dm-0", 300, "md127")
    made.write("sys/block/dm-0/dm/name", "old-root")
    made.fill("md127", "swap")
    made.write("pvs", "  /dev/md127 old_vg uuid-1")
    run(made)
    assert made.asked() == []
    assert made.calls() == [
        "lvm vgchange -an old_vg",
        "dmsetup remove old-root",
        "mdadm --stop /dev/md127",
    ]
    assert blank(made, "md127", "sda1", "sda2", "sdb1", "sdb2") == [
        "md127", "sda1", "sda2", "sdb1", "sdb2"
    ]  # fmt: skip


def test_a_raid_that_is_not_running_is_known_by_its_uuid(tmp_path: Path) -> None:
    made = over_two_disks(tmp_path)
    made.write("pvs", "")
    tool = made.root / "bin/blkid"
    tool.write_text(
        "#!/bin/bash\n"
        'case "$3:${6##*/}" in TYPE:sd?1) echo linux_raid_member ;; UUID:sd?1) echo u-1 ;; '
        "LABEL:sd?1) echo 'node:b;oot' ;; *) exit 2 ;; esac\n"
    )
    tool.chmod(0o755)
    told = made.shell('derive || echo "$NEXT"; reaches_over sdb')
    assert told == (
        "apart:sdb\nthe RAID node:b?oot (sdb1) reaches from a disk that is erased over sdb"
    )


def test_a_running_raid_whose_members_say_nothing(tmp_path: Path) -> None:
    made = over_two_disks(tmp_path)
    made.write("pvs", "")
    made.array("md127", 1, "sda1", "sdb1")
    assert made.shell('derive || echo "$NEXT"') == "apart:sdb\n"


@pytest.mark.parametrize(
    ("hide", "reason"),
    [("ro", "over sdb, and that one must not be touched"), ("vg-one-0", "must not be touched")],
)
def test_disks_that_are_not_offered_are_not_touched_either(
    tmp_path: Path, hide: str, reason: str
) -> None:
    made = over_two_disks(tmp_path)
    if hide == "ro":
        made.write("sys/block/sdb/ro", "1")
    else:
        made.write("pvs", "  /dev/sda2 old u1\n  /dev/sdb2 old u1\n  /dev/sdb1 vg-one-0 u2")
    told = made.shell('derive || echo "$NEXT: $NOTE"')
    assert told.startswith("disk: The disk that site.yaml describes cannot be taken: ")
    assert reason in told


def test_two_groups_of_our_name_are_told_apart_by_their_uuids(tmp_path: Path) -> None:
    """Two old installations in one machine: the one that stays would clash with the new one."""
    made = over_two_disks(tmp_path)
    made.write("pvs", "  /dev/sda2 b2ct u1\n  /dev/sdb2 b2ct u2")
    told = made.shell('derive || echo "$NEXT: $NOTE"')
    assert "sdb holds the volume group b2ct of an earlier installation" in told
    made.write("pvs", "  /dev/sda2 b2ct u1\n  /dev/sdb2 b2ct u1")
    assert made.shell('derive || echo "$NEXT"') == "apart:sdb\n"


def test_a_volume_group_of_old_datastores_stays_unless_one_is_made(tmp_path: Path) -> None:
    made = with_disks(tmp_path, described(ONE_DISK), 500, 500)
    made.write("pvs", "  /dev/sdb b2ctdata u1")
    assert made.shell('derive || echo "$NEXT"') == ""
    site = described({**ONE_DISK, "datastores": [{"serial": "DISK-3"}]})
    made = with_disks(tmp_path / "b", site, 500, 500, 500)
    made.write("pvs", "  /dev/sdb b2ctdata u1")
    assert "sdb holds the volume group b2ctdata" in made.shell('derive || echo "$NOTE"')


def test_what_cannot_be_stopped_ends_the_installation(tmp_path: Path) -> None:
    """Anaconda would die half way; %pre says what is in use, and fails."""
    made = over_two_disks(tmp_path)
    made.write("pvs", "")
    for name, body in (("wipefs", "exit 1"), ("sleep", "exit 0")):
        tool = made.root / "bin" / name
        tool.write_text(f"#!/bin/bash\n{body}\n")
        tool.chmod(0o755)
    done = made.run()
    assert done.returncode == 1
    assert "sda cannot be taken apart: sda1 sda2 sda is still in use" in " ".join(
        done.stdout.split()
    )


def test_nothing_is_touched_before_all_is_answered(tmp_path: Path) -> None:
    made = over_two_disks(tmp_path)
    made.shell("derive")
    assert made.calls() == []
    assert blank(made, "sda1", "sda2", "sdb1", "sdb2") == []


@pytest.mark.parametrize("release", sites.RELEASES)
def test_every_release_takes_apart_the_same(tmp_path: Path, release: str) -> None:
    made = with_disks(tmp_path, described(ONE_DISK, release))
    made.disk("sda", 500, Part(1, 1000, "ext4", "boot"), serial="DISK-1")
    run(made)
    assert blank(made, "sda1") == ["sda1"]
