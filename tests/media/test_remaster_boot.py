"""Remastered practice installers under real firmware: the kernel finds the very kickstart."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from b2ct.firmware.qemu import Firmware
from b2ct.media import remaster
from b2ct.media.boot import boot
from b2ct.media.installer import inspect
from b2ct.media.qemu.machine import Attach
from b2ct.media.remaster import Entry

MODES = [
    (layout, firmware, attach)
    for layout in ("el6", "el7", "el9", "el10")
    for firmware in Firmware
    for attach in Attach
    if layout != "el6" or (firmware, attach) == (Firmware.BIOS, Attach.CD)
]
KICKSTARTS = {
    "/ks/control.ks": b"# control\n",
    "/ks/hypervisor.ks": b"# hypervisor\n" * 1000,
    "/ks/nodes/hv01.ks": b"# hv01\n" * 300,
}
ENTRIES = (
    Entry("B2CT: control", "/ks/control.ks"),
    Entry("B2CT: hypervisor (it's the default)", "/ks/hypervisor.ks", ("b2ct.test=1",)),
    Entry("B2CT: hv01", "/ks/nodes/hv01.ks"),
)


@pytest.mark.boot
@pytest.mark.parametrize(("layout", "firmware", "attach"), MODES)
def test_the_booted_machine_reads_the_kickstart_that_was_put_in(
    layout: str,
    firmware: Firmware,
    attach: Attach,
    tmp_path: Path,
    practice_iso: Callable[[str], Path],
) -> None:
    image = tmp_path / f"{layout}.iso"
    plan = remaster.plan(
        inspect(practice_iso(layout)),
        files=KICKSTARTS,
        entries=ENTRIES,
        default=1,
        timeout=1,
        serial="ttyS0,115200",
    )
    remaster.write(plan, image)
    expected = hashlib.sha256(KICKSTARTS["/ks/hypervisor.ks"]).hexdigest()
    result = boot(image, firmware=firmware, attach=attach, kickstart_sha256=expected)
    assert result.passed, result.reason
    assert result.kickstart_path == "/ks/hypervisor.ks"
    assert result.kickstart_sha256 == expected
    assert "b2ct.test=1" in result.cmdline.split()
    assert "rd.live.check" not in result.cmdline
