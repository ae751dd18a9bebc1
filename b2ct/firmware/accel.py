"""Whether the processor's virtualization really works here: /dev/kvm alone does not prove it.

In a virtual machine whose host passes virtualization on badly, QEMU aborts or its guest stops in
the firmware. A kernel may also offer /dev/kvm where the processor virtualizes nothing: a guest of
one sector runs there, and firmware crawls. So the processor is asked, and then such a guest is run.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.core.run import stream

PROBE_TIMEOUT = 10.0
DISK_SIZE = 1 << 20
"""Bytes: SeaBIOS takes no disk that has less than a cylinder."""
GREETING = "kvm works"
CPUINFO = Path("/proc/cpuinfo")


def boot_sector(text: str) -> bytes:
    """A boot sector that writes a line to the first serial port and halts (8086 code)."""
    code = bytes.fromhex("ba f8 03")  # mov dx, 0x3f8
    for byte in f"\n{text}\n".encode("ascii"):
        code += bytes((0xB0, byte, 0xEE))  # mov al, byte; out dx, al
    code += bytes.fromhex("f4 eb fd")  # hlt; jump back to it
    return code.ljust(510, b"\0") + b"\x55\xaa"


def virtualizes(cpuinfo: Path = CPUINFO) -> bool:
    """Whether the processor has virtualization, by the flags of proc(5)'s cpuinfo."""
    return not {"vmx", "svm"}.isdisjoint(
        cpuinfo.read_text(encoding="ascii", errors="replace").split()
    )


@cache
def kvm_works(qemu: str) -> bool:
    """Whether a guest runs under KVM on this machine; asked once in a process."""
    if not (os.access("/dev/kvm", os.R_OK | os.W_OK) and virtualizes()):
        return False
    with tempfile.TemporaryDirectory(prefix="b2ct-kvm-") as folder:
        disk = Path(folder) / "disk"
        disk.write_bytes(boot_sector(GREETING).ljust(DISK_SIZE, b"\0"))
        argv = [
            *(qemu, "-nodefaults", "-no-user-config", "-machine", "q35", "-m", "64"),
            *("-accel", "kvm", "-cpu", "max", "-display", "none", "-serial", "stdio"),
            *("-nic", "none", "-drive", f"if=ide,format=raw,file={disk}"),
        ]
        return _greets(argv)


def _greets(argv: list[str]) -> bool:
    try:
        with closing(stream(argv, timeout=PROBE_TIMEOUT)) as lines:
            return any(line.strip() == GREETING for line in lines)
    except B2ctError:
        return False
