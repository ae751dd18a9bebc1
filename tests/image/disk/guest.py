"""The smallest system that starts from a disk and says so: Debian's kernel and a busybox."""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
from contextlib import closing
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.core.run import stream
from b2ct.firmware.accel import kvm_works
from b2ct.firmware.qemu import Firmware, escaped, find_qemu, firmware_words, private_ovmf
from b2ct.rehearsal.installer import kernel
from b2ct.rehearsal.installer.initrd import DIRECTORY, FILE, LINK, Entry, cpio, find_busybox
from b2ct.rehearsal.installer.modules import in_load_order, index

DRIVERS = tuple(
    (name, "") for name in ("virtio_pci", "virtio_blk", "ahci", "ata_piix", "sd_mod", "ext4")
)
APPLETS = ("cat", "cut", "findfs", "insmod", "mount", "poweroff", "sh", "sleep", "switch_root")
OLDER, NEWEST, UNFINISHED = "6.1.0-9-test", "6.1.0-10-test", "6.1.0-11-test"
SAYS = "B2CT-DISK "

INITRD = """#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
while read -r module; do insmod "/modules/$module.ko"; done </modules/order
for word in $(cat /proc/cmdline); do
  case $word in root=*) root=${word#root=} ;; esac
done
for try in 1 2 3 4 5 6 7 8 9 10; do
  device=$(findfs "$root") && break
  sleep 1
done
mount -t ext4 -o ro "$device" /mnt && exec switch_root /mnt /sbin/init "$device"
poweroff -f
"""
INIT = f"""#!/bin/busybox sh
PATH=/bin
mount -t proc proc /proc
echo "{SAYS}device=$1"
echo "{SAYS}cmdline=$(cat /proc/cmdline)"
echo "{SAYS}mounted=$(cat /proc/mounts | busybox grep ' / ext4' | cut -d ' ' -f 3,4)"
mount -o remount,rw / && echo written >/file && echo "{SAYS}file=$(cat /file)"
echo "{SAYS}done"
poweroff -f
"""


def build(tree: Path, *, initrd_level: int = 1) -> Path:
    """The tree of a system with three kernels, one of which has no initramfs yet."""
    found = kernel.find(drivers=DRIVERS, kept="practice-kernel-disk")
    busybox = find_busybox()
    for name in ("bin", "sbin", "boot", "etc", "proc", "sys", "dev", "tmp"):
        (tree / name).mkdir(parents=True)
    shutil.copy(busybox, tree / "bin/busybox")
    for name in APPLETS:
        (tree / "bin" / name).symlink_to("busybox")
    (tree / "sbin/init").write_text(INIT)
    (tree / "sbin/init").chmod(0o755)
    initrd = gzip.compress(_initrd(found, busybox), compresslevel=initrd_level, mtime=0)
    for release in (OLDER, NEWEST, UNFINISHED):
        shutil.copy(found.image, tree / f"boot/vmlinuz-{release}")
        if release != UNFINISHED:
            (tree / f"boot/initrd.img-{release}").write_bytes(initrd)
    return tree


def _initrd(found: kernel.Kernel, busybox: Path) -> bytes:
    modules = in_load_order(index(found.modules), DRIVERS)
    order = "".join(f"{module.name}\n" for module in modules)
    folders = ("bin", "dev", "mnt", "modules", "proc", "sys")
    return cpio(
        [
            *(Entry(name, DIRECTORY) for name in folders),
            Entry("dev/console", 0o020600, device=(5, 1)),
            Entry("bin/busybox", FILE, busybox.read_bytes()),
            *(Entry(f"bin/{name}", LINK, b"busybox") for name in APPLETS),
            Entry("init", FILE, INITRD.encode()),
            Entry("modules/order", FILE, order.encode()),
            *(Entry(f"modules/{module.name}.ko", FILE, module.data) for module in modules),
        ]
    )


BUSES = {
    "virtio": ("q35", ["-device", "virtio-blk-pci,drive=disk,bootindex=0"]),
    "ahci": ("q35", ["-device", "ide-hd,drive=disk,bootindex=0"]),
    "ide": ("pc", ["-device", "ide-hd,drive=disk,bus=ide.0,bootindex=0"]),
}


def boot(image: Path, firmware: Firmware, bus: str, timeout: float = 200) -> dict[str, str]:
    """Start a machine from a QCOW2, which stays as it is; what the system said."""
    machine, disk = BUSES[bus]
    said: dict[str, str] = {}
    lines: list[str] = []
    with tempfile.TemporaryDirectory(prefix="b2ct-disk-") as folder:
        pflash = private_ovmf(Path(folder)) if firmware is Firmware.UEFI else None
        argv = [
            *(find_qemu(), "-nodefaults", "-no-user-config", "-no-reboot", "-snapshot"),
            *("-machine", f"{machine},graphics=off", "-m", "512", "-cpu", "max"),
            *("-accel", "kvm" if kvm_works(find_qemu()) else "tcg", "-nic", "none"),
            *("-display", "none", "-monitor", "none", "-serial", "stdio"),
            *firmware_words(pflash),
            *("-drive", f"if=none,id=disk,format=qcow2,file={escaped(image)}", *disk),
        ]
        try:
            with closing(stream(argv, timeout=timeout)) as console:
                for line in console:
                    lines.append(line)
                    if "end Kernel panic" in line:
                        break
                    _, found, text = line.partition(SAYS)
                    if found:
                        key, _, value = text.partition("=")
                        said[key] = value.strip()
        except B2ctError as err:
            raise AssertionError(os.linesep.join([str(err), *lines[-40:]])) from err
    assert "done" in said, os.linesep.join(lines[-40:])
    return said
