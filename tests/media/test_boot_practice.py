"""Practice ISOs as built, under real firmware: one boot a layout, each in another mode.

The full matrix is booted with remastered images, which take the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from b2ct.firmware.qemu import Firmware
from b2ct.media.boot import boot
from b2ct.media.qemu import Attach

TIMEOUT = 240.0


@pytest.mark.boot
@pytest.mark.parametrize(
    ("layout", "firmware", "attach", "words"),
    [
        ("el6", Firmware.BIOS, Attach.CD, "BOOT_IMAGE=vmlinuz"),
        ("el7", Firmware.UEFI, Attach.USB, "rd.live.check"),
        ("el9", Firmware.BIOS, Attach.USB, "inst.stage2=hd:LABEL=AlmaLinux-9-5-x86_64-dvd"),
        ("el10", Firmware.UEFI, Attach.CD, "inst.stage2=hd:LABEL=AlmaLinux-10-0-x86_64-dvd"),
    ],
)
def test_practice_iso_boots_and_finds_stage2(
    layout: str,
    firmware: Firmware,
    attach: Attach,
    words: str,
    practice_iso: Callable[[str], Path],
) -> None:
    lines: list[str] = []
    result = boot(
        practice_iso(layout),
        firmware=firmware,
        attach=attach,
        timeout=TIMEOUT,
        on_line=lines.append,
    )
    assert result.passed, "\n".join([result.reason, *lines])
    assert words in result.cmdline
    assert result.kickstart_argument is None
    report = [line for line in lines if line.startswith("B2CT-PRACTICE ")]
    assert any(line.startswith(f"B2CT-PRACTICE release={layout} ") for line in report)
    assert f"B2CT-PRACTICE firmware={firmware}" in report
    assert any(line.startswith("B2CT-PRACTICE stage2=ok ") for line in report)
