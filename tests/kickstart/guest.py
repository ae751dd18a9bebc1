"""A machine whose %pre finds real disks: Debian's kernel, udev, mdadm and LVM in QEMU.

What the made-up machines of machine.py only record (arrays that are stopped, groups that are
deactivated, udev that puts them together again) happens here.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.core.run import run, stream
from b2ct.firmware.accel import kvm_works
from b2ct.firmware.qemu import find_qemu
from b2ct.rehearsal.installer import kernel
from b2ct.rehearsal.installer.initrd import DIRECTORY, Entry, cpio
from b2ct.rehearsal.installer.modules import in_load_order, index

DRIVERS = tuple((name, "") for name in ("virtio_pci", "virtio_blk", "raid1", "dm_mod", "ext4"))
PACKAGES = (
    "bash", "coreutils", "dmsetup", "e2fsprogs", "fdisk", "grep", "kmod", "lvm2", "mdadm", "mount",
    "sed", "udev", "util-linux",
)  # fmt: skip
LEFT_OUT = re.compile(r"usr/share|var|dev|tmp|.*(perl|hwdb|gconv|firmware)")
"""Half of the tree, which the guest does not need."""
SAYS = "B2CT-GUEST "

INIT = """#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /run /tmp /var/tmp /etc/lvm
while read -r module; do insmod "/modules/$module.ko"; done < /modules/order
for daemon in /lib/systemd/systemd-udevd /usr/lib/systemd/systemd-udevd; do
  [ -x $daemon ] && $daemon --daemon && break
done
udevadm trigger --type=subsystems --action=add
udevadm trigger --type=devices --action=add
udevadm settle
tell() { printf '%s%s\\n' 'B2CT-GUEST ' "$*" > /dev/ttyS0; }
. /test.sh > /test.log 2>&1
while read -r line; do tell "log $line"; done < /test.log
tell done
echo o > /proc/sysrq-trigger
sleep 60
"""


def tree(folder: Path) -> Path:
    """The guest's programs, unpacked and not configured. Skips where there is no mirror."""
    words = ["--mode=root" if os.geteuid() == 0 else "--mode=unshare", "--variant=extract"]
    words += [f"--include={','.join(PACKAGES)}", "bookworm", str(folder)]
    run(["mmdebstrap", *words, "http://deb.debian.org/debian"], timeout=300)
    return folder


def _members(root: Path) -> Iterator[Entry]:
    """Everything below a tree but what the guest does not need, folders before what is in them."""
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        mode = path.lstat().st_mode
        if LEFT_OUT.match(name):
            continue
        if stat.S_ISLNK(mode):
            yield Entry(name, mode, str(path.readlink()).encode())
        elif stat.S_ISDIR(mode) or stat.S_ISREG(mode):
            yield Entry(name, mode, path.read_bytes() if stat.S_ISREG(mode) else b"")


def initrd(root: Path, test: str, pre: str) -> bytes:
    """An archive whose init runs `test` (bash); /pre.sh is the script of a %pre."""
    modules = in_load_order(index(_kernel().modules), DRIVERS)
    order = "".join(f"{module.name}\n" for module in modules)
    return cpio(
        [
            *_members(root),
            *(Entry(name, DIRECTORY) for name in ("dev", "proc", "sys", "tmp", "modules", "mnt")),
            Entry("dev/console", 0o020600, device=(5, 1)),
            Entry("init", 0o100755, INIT.encode()),
            Entry("test.sh", 0o100644, test.encode()),
            Entry("pre.sh", 0o100644, pre.encode()),
            Entry("modules/order", 0o100644, order.encode()),
            *(Entry(f"modules/{m.name}.ko", 0o100644, m.data) for m in modules),
        ]
    )


def _kernel() -> kernel.Kernel:
    return kernel.find(drivers=DRIVERS, kept="practice-kernel-raid")


def boot(
    root: Path, test: str, pre: str, disks: int, *, gib: int = 24, timeout: float = 900
) -> list[str]:
    """Run `test` with this many empty disks, vda with the serial number DISK-1 and so on.

    What it told with `tell`, a line each.
    """
    told: list[str] = []
    lines: list[str] = []
    with tempfile.TemporaryDirectory(prefix="b2ct-guest-") as name:
        folder = Path(name)
        (folder / "initrd").write_bytes(initrd(root, test, pre))
        argv = [
            *(find_qemu(), "-nodefaults", "-no-user-config", "-no-reboot", "-nic", "none"),
            *("-machine", "q35,graphics=off", "-m", "768", "-cpu", "max"),
            *("-accel", "kvm" if kvm_works(find_qemu()) else "tcg"),
            *("-display", "none", "-monitor", "none", "-serial", "stdio"),
            *("-kernel", str(_kernel().image), "-initrd", str(folder / "initrd")),
            *("-append", "console=ttyS0 quiet panic=-1 random.trust_cpu=on"),
        ]
        for number in range(1, disks + 1):
            image = folder / f"disk{number}"
            with image.open("wb") as file:
                file.truncate(gib * 2**30)
            argv += ["-drive", f"if=none,id=d{number},format=raw,file={image},cache=unsafe"]
            argv += ["-device", f"virtio-blk-pci,drive=d{number},serial=DISK-{number}"]
        try:
            with closing(stream(argv, timeout=timeout)) as console:
                for line in console:
                    lines.append(line)
                    _, found, text = line.partition(SAYS)
                    if found:
                        told.append(text.strip())
        except B2ctError as err:
            raise AssertionError(os.linesep.join([str(err), *lines[-60:]])) from err
    assert told[-1:] == ["done"], os.linesep.join(lines[-60:])
    return told[:-1]
