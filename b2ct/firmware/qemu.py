"""QEMU and its firmware on this host: where they are, and what stands in the way."""

from __future__ import annotations

import shutil
from enum import StrEnum
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.core.run import find_tool


class Firmware(StrEnum):
    """SeaBIOS, or OVMF with Secure Boot off."""

    BIOS = "bios"
    UEFI = "uefi"


OVMF: tuple[tuple[str, str], ...] = (
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
    ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.secboot.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
)
"""UEFI firmware and its variables without Secure Boot keys: Debian, EL and Fedora, Arch, EL9.

EL9 has only the build that can do Secure Boot; without keys in its variables it does not.
"""


def escaped(path: Path) -> str:
    """A path inside a QEMU option, where a comma ends the value and two stand for one."""
    return str(path).replace(",", ",,")


def find_qemu() -> str:
    """QEMU for x86. Raises B2ctError when it is not installed."""
    # EL hides its build where PATH does not lead.
    for name in ("qemu-system-x86_64", "qemu-kvm", "/usr/libexec/qemu-kvm"):
        found = find_tool(name)
        if found:
            return found
    raise B2ctError(
        "QEMU is not installed, so nothing can be booted here",
        hint="Debian: apt-get install qemu-system-x86; EL: dnf install qemu-kvm",
    )


def private_ovmf(folder: Path) -> tuple[Path, Path]:
    """OVMF's code, and a copy of its empty variables in `folder` that the guest may write.

    Raises B2ctError when OVMF is not installed.
    """
    for code, variables in OVMF:
        if Path(code).is_file() and Path(variables).is_file():
            copy = folder / "variables.fd"
            shutil.copyfile(variables, copy)
            return Path(code), copy
    raise B2ctError(
        "the UEFI firmware OVMF is not installed",
        hint="Debian: apt-get install ovmf; EL: dnf install edk2-ovmf; or use --firmware bios",
    )


def firmware_words(pflash: tuple[Path, Path] | None) -> list[str]:
    """QEMU's words for the firmware: OVMF's code and variables, or none for SeaBIOS."""
    if pflash is None:
        return []
    code, variables = (escaped(path) for path in pflash)
    secure = ("-global", "driver=cfi.pflash01,property=secure,value=on")
    return [
        *(secure if needs_smm(pflash) else ()),
        *("-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={code}"),
        *("-drive", f"if=pflash,format=raw,unit=1,file={variables}"),
    ]


def needs_smm(pflash: tuple[Path, Path] | None) -> bool:
    """OVMF built for Secure Boot keeps its variables behind system management mode."""
    return pflash is not None and ".secboot." in pflash[0].name
