"""The verdict, and real machines that boot a single sector: quick, and no kernel is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.firmware.accel import boot_sector
from b2ct.firmware.qemu import Firmware
from b2ct.media.boot import boot, choose_modes, judge
from b2ct.media.qemu import Attach, Evidence

DIGEST = "ab" * 32
KERNEL = "[0.0] Linux version 5.14"
WITH_KS = "[0.0] Command line: inst.ks=hd:LABEL=X:/a.ks"
READ = f"B2CT-PRACTICE kickstart=/a.ks sha256={DIGEST} size=1 devices=/dev/sr0"
DONE = "B2CT-PRACTICE done"


def verdict(*lines: str, over: float | None = None, wanted: str | None = None) -> tuple[bool, str]:
    evidence = Evidence()
    for line in lines:
        evidence.feed(line)
    return judge(evidence, over, wanted)


@pytest.mark.parametrize(
    ("lines", "passed", "reason"),
    [
        ([KERNEL, WITH_KS, READ, DONE], True, "came up with inst.ks=hd:LABEL=X:/a.ks; read /a.ks"),
        (
            [KERNEL, WITH_KS, "anaconda 34.25-1.el9 for AlmaLinux 9.5 started."],
            True,
            "the installer started",
        ),
        ([KERNEL, WITH_KS], True, "whether the installer fetched it cannot be seen"),
        ([KERNEL, "[0.0] Command line: quiet"], True, "without a kickstart argument"),
        (["[  OK  ] Started udev."], True, "its command line cannot be seen"),
        (["B2CT-PRACTICE cmdline=quiet", DONE], True, "without a kickstart argument"),
        (
            [
                "B2CT-PRACTICE cmdline=ks=cdrom:/a.ks",
                "B2CT-PRACTICE warning=el9 ignores ks=",
                "B2CT-PRACTICE kickstart=none",
                DONE,
            ],
            False,
            "not read: el9 ignores ks=",
        ),
        (["B2CT-PRACTICE cmdline=quiet"], False, "did not come to an end"),
        (["B2CT-PRACTICE error=stage2: gone", DONE], False, "stage2: gone"),
        (["SeaBIOS (version 1.16)"], False, "console=ttyS0"),
        ([], False, "nothing was seen"),
    ],
)
def test_verdicts(lines: list[str], passed: bool, reason: str) -> None:
    said = verdict(*lines)
    assert said[0] is passed
    assert reason in said[1]


def test_the_time_that_was_not_enough_is_told() -> None:
    assert "within 5 s" in verdict(over=5)[1]


def test_the_expected_kickstart_must_be_seen() -> None:
    assert verdict(KERNEL, WITH_KS, READ, DONE, wanted=DIGEST.upper())[0]
    passed, reason = verdict(KERNEL, WITH_KS, READ, DONE, wanted="cd" * 32)
    assert not passed
    assert reason.endswith(f"the kickstart has SHA-256 {DIGEST}, expected {'cd' * 32}")
    passed, reason = verdict(KERNEL, WITH_KS, wanted=DIGEST)
    assert not passed
    assert "was not seen" in reason


def disk(folder: Path, text: str) -> Path:
    """A stick whose boot sector writes `text` to the serial port and stops."""
    image = folder / "stick, with comma.img"
    image.write_bytes(boot_sector(text).ljust(1 << 20, b"\0"))
    return image


@pytest.mark.boot
def test_a_real_installers_messages_are_read_from_the_console(tmp_path: Path) -> None:
    text = "Command line: inst.ks=hd:LABEL=X:/a.ks\nanaconda 34.1 for X started."
    image = disk(tmp_path, text)
    before = image.read_bytes()
    seen: list[str] = []
    result = boot(
        image, firmware=Firmware.BIOS, attach=Attach.USB, timeout=120, on_line=seen.append
    )
    assert result.passed, result.reason
    assert result.kernel
    assert result.kickstart_argument == "inst.ks=hd:LABEL=X:/a.ks"
    assert result.kickstart_sha256 is None
    assert 0 < result.seconds < 120
    assert "anaconda 34.1 for X started." in seen
    assert image.read_bytes() == before


@pytest.mark.boot
def test_a_machine_that_hangs_is_stopped_at_the_deadline(tmp_path: Path) -> None:
    image = disk(tmp_path, "loading")
    result = boot(image, firmware=Firmware.BIOS, attach=Attach.USB, timeout=6)
    assert not result.passed
    assert not result.kernel
    assert "within 6 s" in result.reason
    assert "b2ct iso --serial" in result.reason


@pytest.mark.boot
@pytest.mark.parametrize("firmware", list(Firmware))
def test_firmware_without_a_boot_loader_is_told_at_once(firmware: Firmware, tmp_path: Path) -> None:
    image = tmp_path / "empty.img"
    image.write_bytes(bytes(1 << 20))
    result = boot(image, firmware=firmware, attach=Attach.USB, timeout=200)
    assert not result.passed
    assert result.reason.startswith("the firmware ")


def test_choose_modes(tmp_path: Path) -> None:
    image = disk(tmp_path, "x")
    assert [mode.attach for mode in choose_modes(image)] == [Attach.USB]
    with pytest.raises(B2ctError, match="no boot record for uefi") as refused:
        choose_modes(image, firmware="uefi")
    assert refused.value.hint == "it has: bios usb"


def test_an_empty_or_missing_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.iso").touch()
    with pytest.raises(B2ctError, match="is empty"):
        choose_modes(tmp_path / "empty.iso")
    with pytest.raises(B2ctError, match="no such file") as refused:
        boot(tmp_path / "nowhere.iso", firmware=Firmware.BIOS, attach=Attach.CD)
    assert "b2ct iso" in refused.value.hint
