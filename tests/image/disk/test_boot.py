"""One QCOW2 starts in every machine that a cloud may put it into, and boots its newest kernel."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.firmware.qemu import Firmware
from b2ct.image.disk.make import DiskMade, make
from b2ct.image.disk.qcow2 import to_qcow2
from b2ct.image.model import GIB, Boot, Layout, Qcow2
from tests.image.disk import guest, trees, updategrub


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DiskMade]:
    """A whole image, as small as the model allows."""
    folder = tmp_path_factory.mktemp("boot")
    raw, out = folder / "raw.img", folder / "worker.qcow2"
    made = make(
        guest.build(folder / "tree"), raw, system=trees.DEBIAN, layout=Layout(size=GIB),
        boot=Boot(kernel="linux-image-amd64", timeout=0), epoch=trees.EPOCH, seed="boot",
    )  # fmt: skip
    to_qcow2(raw, out, Qcow2())
    raw.unlink()
    return out, made


@pytest.mark.boot
@pytest.mark.parametrize(
    ("firmware", "bus"),
    [
        (Firmware.BIOS, "virtio"),
        (Firmware.UEFI, "virtio"),
        (Firmware.BIOS, "ide"),
        (Firmware.UEFI, "ahci"),
    ],
)
def test_it_starts(image: tuple[Path, DiskMade], firmware: Firmware, bus: str) -> None:
    out, made = image
    said = guest.boot(out, firmware, bus)
    assert said["device"] == ("/dev/vda3" if bus == "virtio" else "/dev/sda3")
    kernel = f"BOOT_IMAGE=/boot/vmlinuz-{guest.NEWEST}"
    assert said["cmdline"] == " ".join([kernel, *made.arguments])
    assert made.kernel.release == guest.NEWEST
    assert said["mounted"].startswith("ext4 ro")
    assert said["file"] == "written"


@pytest.mark.boot
def test_it_starts_after_update_grub(tmp_path: Path) -> None:
    """Somebody installs GRUB's scripts in a VM: what they write is read by the GRUB of ours."""
    tree, raw, out = guest.build(tmp_path / "tree"), tmp_path / "raw.img", tmp_path / "o.qcow2"
    # update-grub, unlike our menu, would take it.
    (tree / f"boot/vmlinuz-{guest.UNFINISHED}").unlink()
    made = trees.disk(tree, raw, layout=trees.layout(400), seed="update-grub")
    text = updategrub.grub_cfg(
        tree, made.plan.root_uuid, "console=tty0 console=ttyS0,115200 found", tmp_path
    )
    (tmp_path / "grub.cfg").write_text(text)
    place = f"{raw}?offset={made.plan.root.start}"
    trees.told("debugfs", "-w", "-R", "rm /boot/grub/grub.cfg", place)
    trees.told("debugfs", "-w", "-R", f"write {tmp_path}/grub.cfg /boot/grub/grub.cfg", place)
    to_qcow2(raw, out, Qcow2())
    said = guest.boot(out, Firmware.BIOS, "virtio")
    assert " found" in said["cmdline"]
    assert said["file"] == "written"
