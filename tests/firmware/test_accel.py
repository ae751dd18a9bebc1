from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from b2ct.core.run import stream
from b2ct.firmware.accel import DISK_SIZE, GREETING, boot_sector, virtualizes
from b2ct.firmware.qemu import find_qemu


def test_boot_sector_is_one_sector_with_its_signature() -> None:
    sector = boot_sector("x")
    assert len(sector) == 512
    assert sector[510:] == b"\x55\xaa"


@pytest.mark.boot
def test_the_probe_guest_greets(tmp_path: Path) -> None:
    """Run by emulation, which works everywhere: then a silent guest under KVM is KVM's fault."""
    disk = tmp_path / "disk"
    disk.write_bytes(boot_sector(GREETING).ljust(DISK_SIZE, b"\0"))
    argv = [
        *(find_qemu(), "-nodefaults", "-machine", "q35", "-m", "64", "-accel", "tcg"),
        *("-display", "none", "-serial", "stdio", "-nic", "none"),
        *("-drive", f"if=ide,format=raw,file={disk}"),
    ]
    with closing(stream(argv, timeout=120)) as lines:
        assert any(line.strip() == GREETING for line in lines)


@pytest.mark.parametrize(
    ("flags", "there"), [("fpu vmx", True), ("svm sse", True), ("fpu sse vmxnet", False)]
)
def test_a_device_alone_is_no_virtualization(flags: str, there: bool, tmp_path: Path) -> None:
    """Kernels offer /dev/kvm where the processor virtualizes nothing: firmware crawls there."""
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    assert virtualizes(cpuinfo) is there
