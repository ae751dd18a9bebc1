"""Recorded machines: trees like /sys and /proc, and what lsblk said there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from b2ct.stick import devices
from b2ct.stick.devices import Block, Machine
from b2ct.stick.sources import Roots

USB = "pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0/host6/target6:0:0/6:0:0:0"
SATA = "pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0"
NVME = "pci0000:00/0000:00:1d.0/0000:04:00.0/nvme/nvme0"
MMC = "pci0000:00/0000:00:1a.0/mmc_host/mmc0/mmc0:aaaa"
VIRTUAL = "virtual"


class FakeMachine:
    """Builds the trees below a folder; `machine()` reads them with the real code."""

    def __init__(self, root: Path, *, old_lsblk: bool = False) -> None:
        self.roots = Roots(root / "sys", root / "proc", root / "etc")
        self.old_lsblk = old_lsblk
        self.rows: dict[str, dict[str, Any]] = {}
        self.folders: dict[str, Path] = {}
        for folder in (self.roots.sys / "dev/block", self.roots.proc / "self", self.roots.etc):
            folder.mkdir(parents=True)
        self.mounts: list[str] = []
        self.swaps: list[str] = []

    def _node(self, folder: Path, number: str, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")
        (folder / "holders").mkdir(exist_ok=True)
        (self.roots.sys / "dev/block" / number).symlink_to(folder)
        self.folders[folder.name] = folder

    def disk(
        self,
        name: str,
        number: str,
        bus: str,
        *,
        removable: bool = False,
        size: int = 16 << 30,
        serial: str = "",
        read_only: bool = False,
        **row: str,
    ) -> None:
        """A whole disk. `row` is what lsblk says of it."""
        folder = self.roots.sys / "devices" / bus / "block" / name
        device = {} if bus == VIRTUAL else {"device/vendor": "Example", "device/model": "Stick"}
        if "/mmc_host/" in bus:
            device = {"device/type": row.pop("card", "SD"), "device/name": "SC16G"}
            device |= {"device/cid": "035344"}
        if "/usb" in bus:
            usb = self.roots.sys / "devices" / bus.split("/host", maxsplit=1)[0].rsplit("/", 1)[0]
            usb.mkdir(parents=True, exist_ok=True)
            (usb / "idVendor").write_text("0781\n")
            (usb / "serial").write_text(f"{serial}\n")
            serial = ""
        self._node(
            folder,
            number,
            {
                "size": str(size // 512),
                "removable": str(int(removable)),
                "ro": str(int(read_only)),
                "queue/logical_block_size": "512",
                "diskseq": "7",
                **({"device/serial": serial} if serial else {}),
                **device,
            },
        )
        self.rows[name] = {"name": name, "maj:min": number, **row}

    def partition(self, disk: str, index: int, number: str, **row: str) -> None:
        """A partition of a disk that is there already."""
        name = f"{disk}{'p' if disk[-1].isdigit() else ''}{index}"
        folder = self.folders[disk] / name
        self._node(folder, number, {"partition": str(index), "size": "2048", "ro": "0"})
        child = {"name": name, "maj:min": number, **row}
        self.rows[disk].setdefault("children", []).append(child)

    def layer(self, name: str, number: str, below: list[str], *, alias: str = "") -> None:
        """A device mapper or RAID device on top of others."""
        files = {"size": "2048", "removable": "0", "ro": "0"}
        files |= {"dm/name": alias} if alias else {"md/level": "raid1"}
        self._node(self.roots.sys / "devices/virtual/block" / name, number, files)
        for lower in below:
            (self.folders[lower] / "holders" / name).symlink_to(self.folders[name])
        self.rows[name] = {"name": alias or name, "maj:min": number}

    def loop(self, name: str, number: str, backing: str) -> None:
        """A loop device over a file or device."""
        folder = self.roots.sys / "devices/virtual/block" / name
        files = {"size": "2048", "removable": "0", "ro": "0", "loop/backing_file": backing}
        self._node(folder, number, files)

    def mount(self, number: str, point: str, fstype: str, source: str, options: str = "rw") -> None:
        """A line of mountinfo."""
        self.mounts.append(
            f"{len(self.mounts) + 20} 1 {number} / {point} rw - {fstype} {source} {options}"
        )

    def machine(self) -> Machine:
        """The machine, as the real code reads it."""
        (self.roots.proc / "self" / "mountinfo").write_text("\n".join(self.mounts) + "\n")
        lines = ["Filename Type Size Used Priority", *(f"{p} partition 1 0 -2" for p in self.swaps)]
        (self.roots.proc / "swaps").write_text("\n".join(lines) + "\n")
        return devices.gather(self.roots, self.lsblk)

    def lsblk(self) -> str:
        """What lsblk prints; older ones (EL8) spell everything as strings and leave nulls."""
        rows = list(self.rows.values())
        if self.old_lsblk:
            rows = [{"fstype": None, "label": None, "serial": None, **row} for row in rows]
        return json.dumps({"blockdevices": rows})

    def block(self, name: str) -> Block:
        """One of its devices."""
        return next(one for one in self.machine().blocks if one.name == name)


def usual(root: Path, *, old_lsblk: bool = False) -> FakeMachine:
    """A laptop: an NVMe disk with the system, a USB stick `sdb`, nothing on it mounted."""
    fake = FakeMachine(root, old_lsblk=old_lsblk)
    fake.disk("nvme0n1", "259:0", NVME, serial="S5GX", size=512 << 30)
    fake.partition("nvme0n1", 1, "259:1", fstype="vfat", uuid="AA-BB")
    fake.partition("nvme0n1", 2, "259:2", fstype="ext4")
    fake.mount("259:2", "/", "ext4", "/dev/nvme0n1p2")
    fake.mount("259:1", "/boot/efi", "vfat", "/dev/nvme0n1p1")
    fake.disk("sdb", "8:16", USB, removable=True, serial="4C53")
    fake.partition("sdb", 1, "8:17", fstype="vfat", label="OLD", uuid="1234-ABCD")
    return fake
