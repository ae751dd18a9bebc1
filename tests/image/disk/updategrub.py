"""What update-grub(8) would write inside a VM: GRUB's own scripts, told about the VM's disk."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

PROBE = """#!/bin/sh
# grub-probe of a VM whose root is the third partition of a GPT.
for word; do case $word in --target=*) target=${word#--target=} ;; esac; done
case $target in
  fs) echo ext2 ;;
  partmap) echo gpt ;;
  fs_uuid) echo "$GRUB_DEVICE_UUID" ;;
  device) echo /dev/vda3 ;;
  drive) echo "(hd0,gpt3)" ;;
esac
"""
SCRIPTS = """
mount --bind "$1" /boot || exit 77
for script in 00_header 05_debian_theme 10_linux 30_uefi-firmware; do
  [ ! -x /etc/grub.d/$script ] || /etc/grub.d/$script || exit 1
done
"""


def grub_cfg(tree: Path, uuid: str, arguments: str, work: Path) -> str:
    """The grub.cfg that this host's GRUB writes for the kernels of a tree."""
    if os.geteuid() != 0 or not Path("/etc/grub.d/10_linux").exists():
        pytest.skip("running update-grub's scripts needs root and grub-common")
    probe = work / "grub-probe"
    probe.write_text(PROBE)
    probe.chmod(0o755)
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", SCRIPTS, "sh", tree / "boot"],
        env={
            **os.environ,
            "grub_probe": str(probe),
            "pkgdatadir": "/usr/share/grub",
            "GRUB_DEVICE": "/dev/vda3",
            "GRUB_DEVICE_UUID": uuid,
            "GRUB_DEVICE_BOOT": "/dev/vda3",
            "GRUB_DEVICE_BOOT_UUID": uuid,
            "GRUB_FS": "ext2",
            "GRUB_CMDLINE_LINUX": arguments,
            "GRUB_TIMEOUT": "0",
            "GRUB_TERMINAL_OUTPUT": "gfxterm",
        },
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode == 77:
        pytest.skip("no bind mounts here")
    assert done.returncode == 0, done.stderr
    # The scripts see where the bind mount leads: in the VM, /boot is /boot.
    text = re.sub(r"\S+/boot/(vmlinuz|initrd)", r"/boot/\1", done.stdout)
    assert "menuentry" in text
    return text
