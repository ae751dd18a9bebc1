"""A made-up machine for %pre: /sys, /proc, /dev as files, real file systems in image files.

The tools that only an installer has are small scripts on PATH; blkid is the real one.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pexpect.fdpexpect

FAKES = {
    "udevadm": 'cat "$B2CT_ROOT/udev/${3##*/}" 2> /dev/null',
    "lvm": (
        'if [ "$1" = pvs ]; then cat "$B2CT_ROOT/pvs" 2> /dev/null; '
        'else echo "lvm $*" >> "$B2CT_ROOT/calls"; fi'
    ),
    "mdadm": (
        'echo "mdadm $*" >> "$B2CT_ROOT/calls"; '
        'if [ "$1" = --stop ]; then rm -rf "$B2CT_ROOT"/sys/block/*/{,*/}holders/"${2##*/}" '
        '"$B2CT_ROOT/sys/block/${2##*/}"; fi'
    ),
    "dmsetup": (
        'echo "dmsetup $*" >> "$B2CT_ROOT/calls"; for d in "$B2CT_ROOT"/sys/block/dm-*; do '
        'if [ "$(cat "$d/dm/name")" = "$2" ]; then '
        'rm -rf "$d" "$B2CT_ROOT"/sys/block/*/{,*/}holders/"${d##*/}"; fi; done'
    ),
    "blockdev": "exit 0",
    "ip": "exit 0",
    "chvt": 'echo "chvt $1" >> "$B2CT_ROOT/calls"',
    "loadkeys": 'echo "loadkeys $1" >> "$B2CT_ROOT/calls"',
    "eject": 'echo "eject ${1##*/}" >> "$B2CT_ROOT/calls"',
    "efibootmgr": (
        'if [ "$1" = -v ]; then cat "$B2CT_ROOT/boot-entries"; '
        'else echo "efibootmgr $*" >> "$B2CT_ROOT/calls"; fi'
    ),
    # As root a loop mount may still be forbidden: debugfs reads the one file that is wanted.
    "mount": 'debugfs -R "dump /b2ct-installed $6/b2ct-installed" "$5" 2> /dev/null',
    "umount": 'rm -f "$1/b2ct-installed"',
    "reboot": 'echo "reboot" >> "$B2CT_ROOT/calls"',
    "systemctl": 'echo "systemctl $*" >> "$B2CT_ROOT/calls"',
}


@dataclass(frozen=True)
class Part:
    """A partition: its number, size in MiB, what is on it."""

    number: int
    mib: int
    kind: str = ""
    label: str = ""


@dataclass
class Machine:
    """A machine below `root`; `script` is the %pre of a rendered kickstart."""

    root: Path
    script: str
    repeat: int = 60
    countdown: int = 60
    extra_environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("sys/class/net", "sys/block", "sys/class/dmi/id", "sys/class/tty/console"):
            (self.root / name).mkdir(parents=True)
        for name in ("proc", "dev", "udev", "bin"):
            (self.root / name).mkdir()
        for name, body in FAKES.items():
            tool = self.root / "bin" / name
            tool.write_text(f"#!/bin/bash\n{body}\n")
            tool.chmod(0o755)
        self.write("proc/cmdline", "BOOT_IMAGE=vmlinuz inst.stage2=hd:LABEL=B2CT")
        self.write("proc/mounts", "rootfs / rootfs rw 0 0")
        self.write("sys/class/tty/console/active", "tty0 ttyS0")
        self.write("ks-script", self.script)
        (self.root / "sys/class/net/lo").mkdir()
        self.write("sys/class/net/lo/address", "00:00:00:00:00:00")

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")

    def link(self, name: str, device: str) -> None:
        """A name below /dev for a device, as udev makes them."""
        path = self.root / "dev" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to("../" * name.count("/") + device)

    def card(self, name: str, mac: str, *, link: bool = True, speed: int = 1000) -> None:
        self.write(f"sys/class/net/{name}/address", mac)
        self.write(f"sys/class/net/{name}/type", "1")
        self.write(f"sys/class/net/{name}/carrier", "1" if link else "0")
        self.write(f"sys/class/net/{name}/speed", str(speed if link else -1))
        device = self.root / f"sys/class/net/{name}/device"
        device.mkdir()
        (device / "driver").symlink_to("../../../bus/pci/drivers/e1000e")

    def disk(
        self,
        name: str,
        gib: int,
        *parts: Part,
        serial: str = "",
        model: str = "",
        usb: bool = False,
        **udev: str,
    ) -> None:
        self.write(f"sys/block/{name}/size", str(gib * 2**21))
        self.write(f"sys/block/{name}/ro", "0")
        self.write(f"sys/block/{name}/removable", "0")
        facts = {
            "ID_SERIAL_SHORT": serial,
            "ID_MODEL": model.replace(" ", "_"),
            "ID_BUS": "usb" if usb else "ata",
            **udev,
        }
        self.write(f"udev/{name}", "\n".join(f"{k}={v}" for k, v in facts.items() if v))
        # As large as it says, so that its last MiB is where %pre looks; the file is sparse.
        self._image(name, gib * 1024, "", "")
        for part in parts:
            part_name = f"{name}{'p' if name[-1].isdigit() else ''}{part.number}"
            self.write(f"sys/block/{name}/{part_name}/partition", str(part.number))
            self.write(f"sys/block/{name}/{part_name}/size", str(part.mib * 2048))
            self._image(part_name, 8, part.kind, part.label)

    def array(self, name: str, gib: int, *members: str, **udev: Any) -> None:
        """A device that stands on others: a map, an array, a logical volume."""
        facts: dict[str, Any] = {"ID_BUS": "", **udev}
        self.disk(name, gib, **facts)
        for member in members:
            (self.root / f"sys/block/{name}/slaves/{member}").mkdir(parents=True)
            (folder,) = self.root.glob(f"sys/block/**/{member}/size")
            (folder.parent / "holders" / name).mkdir(parents=True)

    def fill(self, name: str, kind: str, label: str = "") -> None:
        """Put something on a device."""
        self._image(name, 8, kind, label)

    def _image(self, name: str, mib: int, kind: str, label: str) -> None:
        image = self.root / "dev" / name
        with image.open("wb") as file:
            file.truncate(mib * 2**20)
        marker = self.root / "marker"
        marker.mkdir(exist_ok=True)
        (marker / "b2ct-installed").write_text("hv01.example.org (hypervisor) installed today\n")
        tools = {
            "": [],
            "ext4": ["mkfs.ext4", "-q", "-F", "-L", label],
            "installed": ["mkfs.ext4", "-q", "-F", "-d", str(marker), "-L", "b2ct-installed"],
            "vfat": ["mkfs.vfat", *(["-n", label] if label else [])],
            "swap": ["mkswap", *(["-L", label] if label else [])],
        }[kind]
        if tools:
            path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
            subprocess.run(
                [*tools, str(image)], check=True, capture_output=True, env={"PATH": path}
            )

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.root}/bin:{os.environ['PATH']}:/usr/sbin:/sbin",
            "B2CT_ROOT": str(self.root),
            "B2CT_REPEAT": str(self.repeat),
            "B2CT_COUNTDOWN": str(self.countdown),
            "TERM": "linux",
            **self.extra_environment,
        }

    def run(self) -> subprocess.CompletedProcess[str]:
        """Run %pre as Anaconda does; for machines that ask nothing: this one has no console."""
        try:
            return subprocess.run(
                ["bash", str(self.root / "ks-script")],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=20,
            )
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it asks:\n{self.written('pre.log')}") from None

    def shell(self, code: str) -> str:
        """What some code prints after the functions of %pre were defined, without its main part."""
        functions = self.script[: self.script.index("\nREINSTALL=0\n")]
        done = subprocess.run(
            ["bash", "-c", f"{functions}\nREINSTALL=0\nlook_at_disks\nfind_installations\n{code}"],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert not done.stderr, done.stderr
        return done.stdout

    def written(self, name: str) -> str:
        """A file that %pre wrote below /tmp/b2ct."""
        return (self.root / "tmp/b2ct" / name).read_text()

    def calls(self) -> list[str]:
        calls = self.root / "calls"
        return calls.read_text().splitlines() if calls.exists() else []

    def asked(self) -> list[str]:
        """The questions that were open when the console was opened, from the log."""
        return re.findall(r"^asking, first: (\S+)", self.written("pre.log"), re.MULTILINE)


def pre_of(kickstart: str) -> str:
    """The script of the %pre section, as pykickstart finds it."""
    found = re.search(r"^%pre .*?\n(.*?)^%end$", kickstart, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


class Terminal:
    """A real pseudo-terminal on which the dialogue of a machine runs, as on a serial line."""

    def __init__(self, machine: Machine, tty: str = "ttyS0") -> None:
        self.machine = machine
        master, slave = os.openpty()
        device = machine.root / "dev" / tty
        device.symlink_to(os.ttyname(slave))
        self._slave = slave
        self.screen = pexpect.fdpexpect.fdspawn(master, encoding="utf-8", timeout=20)
        self.process = subprocess.Popen(
            ["bash", str(machine.root / "ks-script")],
            env=machine.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def expect(self, pattern: str) -> str:
        """Wait until the screen shows the pattern; what stood before it."""
        self.screen.expect(pattern)
        return str(self.screen.before)

    def answer(self, question: str, *answers: str) -> None:
        """Wait for a question, type an answer; further answers each to the same question again."""
        for text in answers:
            self.expect(question)
            self.screen.send(f"{text}\n")

    def finish(self) -> None:
        """Wait for %pre to end well."""
        _, errors = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, errors
        assert not errors, errors

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.screen.close()
        os.close(self._slave)
