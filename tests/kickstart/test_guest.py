"""%pre on real disks: what is on them is stopped and wiped, and does not come back."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.kickstart.render import render
from tests.kickstart import guest
from tests.kickstart.machine import pre_of
from tests.kickstart.test_mirror import described

FUNCTIONS = """
sed -n '1,/^REINSTALL=0$/p' /pre.sh > /functions.sh
. /functions.sh
check() { look_at_disks; find_installations; }
"""
# A mirror of somebody else on vda and vdb with a volume group and a volume, a group over vda and
# vdc, and on vdc a file system that is none of our business.
FOREIGN = """
for disk in vda vdb vdc; do
  printf 'size=1GiB\\nsize=2GiB\\nsize=2GiB\\n' | sfdisk -q /dev/$disk
done
udevadm settle
mdadm --create /dev/md/foreign --name=other:foreign --homehost=other --run --level=1 \\
  --raid-devices=2 --assume-clean /dev/vda2 /dev/vdb2
pvcreate -q /dev/md127
vgcreate -q old /dev/md127
lvcreate -q -Wn -n root -L 512M old
vgcreate -q two /dev/vda3 /dev/vdc3
lvcreate -q -Wn -n data -l 100%FREE two
mkfs.ext4 -q -L precious /dev/vdc1
mkfs.ext4 -q -L alsoprecious /dev/vdb1
udevadm settle
"""
TEST = (
    FOREIGN
    + FUNCTIONS
    + """
check
tell "disks ${DISKS[*]}"
tell "things $(reach vda; for t in "${THINGS[@]}"; do printf '%s, ' "${THING_TITLE[$t]}"; done)"
NODE_INDEX=0 NODE=hv01 ROLE=hypervisor
derive_disk; tell "asks $NEXT"
ANSWERS[$NEXT]=yes
derive_disk; tell "asks $NEXT"
ANSWERS[$NEXT]=yes
derive_disk && tell "asks nothing"
take_apart "${SYSTEM[@]}" && tell "taken apart"
udevadm settle; sleep 3; udevadm settle
tell "arrays $(cd /sys/block; echo md*)"
tell "maps $(dmsetup ls | tr '\\n' ' ')"
tell "groups $(lvm vgs --noheadings -o vg_name 2> /dev/null | tr -d ' \\n')"
for part in vda vdb1 vdb2 vdc1 vdc3; do tell "$part:$(probe $part TYPE):$(probe $part LABEL)"; done
tell "vda has $(partitions vda | tr '\\n' ' ')"
tell "vdc has $(partitions vdc | tr '\\n' ' ')"
# What Anaconda does next: nothing is in the way.
printf 'size=1GiB\\nsize=1GiB\\n' | sfdisk -q /dev/vda
udevadm settle
mkfs.ext4 -q /dev/vda2 && tell "free"
"""
)


@pytest.mark.boot
def test_what_is_taken_apart_does_not_come_back(tmp_path: Path) -> None:
    site = described({"serial": "DISK-1", "wipe": True})
    pre = pre_of(render(site, roles=[], node="hv01").text)
    told = guest.boot(guest.tree(tmp_path / "tree"), TEST, pre, 3)
    said = [line for line in told if not line.startswith("log ")]
    assert said == [
        "disks vda vdb vdc",
        "things the volume group old, the volume group two, the RAID other:foreign,",
        "asks apart:vdc",
        "asks apart:vdb",
        "asks nothing",
        "taken apart",
        "arrays md*",
        "maps No devices found",
        "groups",
        "vda::",
        "vdb1:ext4:alsoprecious",
        "vdb2::",
        "vdc1:ext4:precious",
        "vdc3::",
        "vda has",
        "vdc has vdc1 vdc2 vdc3",
        "free",
    ], "\n".join(told)
