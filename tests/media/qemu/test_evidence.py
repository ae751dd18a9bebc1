"""Console lines in, findings out; the lines are of real kernels, boot loaders and installers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2ct.firmware.console import clean
from b2ct.media.qemu.evidence import Evidence, kickstart_argument


def fed(*lines: str) -> Evidence:
    evidence = Evidence()
    for line in lines:
        evidence.feed(line)
    return evidence


def test_kernel_and_command_line() -> None:
    evidence = fed(
        "[    0.000000] Linux version 5.14.0-503.el9.x86_64 (mockbuild@x) (gcc (GCC) 11.5.0)",
        "[    0.000000] Command line: BOOT_IMAGE=vmlinuz inst.ks=hd:LABEL=X:/ks/a.ks quiet ",
    )
    assert evidence.kernel
    assert evidence.cmdline == "BOOT_IMAGE=vmlinuz inst.ks=hd:LABEL=X:/ks/a.ks quiet"
    assert not evidence.decided


def test_old_kernels_say_it_in_other_words() -> None:
    assert fed("Kernel command line: ks=cdrom:/ks.cfg").cmdline == "ks=cdrom:/ks.cfg"


@pytest.mark.parametrize(
    "line",
    [
        "[  OK  ] Started Show Plymouth Boot Screen.",
        "dracut-initqueue[690]: Warning: something",
        "[    3.1] systemd[1]: Detected virtualization qemu.",
    ],
)
def test_a_quiet_kernel_is_known_by_what_it_started(line: str) -> None:
    evidence = fed(line)
    assert evidence.kernel
    assert evidence.cmdline == ""


def test_practice_report() -> None:
    digest = "ab" * 32
    evidence = fed(
        "B2CT-PRACTICE release=el9 kernel=6.1.0 machine=x86_64",
        "B2CT-PRACTICE cmdline=inst.ks=hd:LABEL=X:/ks/a.ks",
        "B2CT-PRACTICE stage2=ok path=/images/install.img size=8 devices=/dev/sda,/dev/sda1",
        f"B2CT-PRACTICE kickstart=/ks/a.ks sha256={digest} size=9 devices=/dev/sda",
    )
    assert evidence.kernel
    assert evidence.cmdline == "inst.ks=hd:LABEL=X:/ks/a.ks"
    assert evidence.kickstart() == ("/ks/a.ks", digest)
    assert not evidence.decided
    evidence.feed("B2CT-PRACTICE done")
    assert evidence.decided
    assert evidence.failure == ""


def test_practice_error() -> None:
    evidence = fed("B2CT-PRACTICE error=stage2: no device is called LABEL=X", "B2CT-PRACTICE done")
    assert evidence.failure == "stage2: no device is called LABEL=X"
    assert evidence.kickstart() is None


@pytest.mark.parametrize("word", ["none", "unknown http://h/a.ks is not on a medium"])
def test_no_kickstart_was_read(word: str) -> None:
    assert fed(f"B2CT-PRACTICE kickstart={word}").kickstart() is None


def test_anaconda_started() -> None:
    line = "anaconda 34.25.5.9-1.el9.alma.1 for AlmaLinux 9.5 started."
    assert fed(line).started
    assert fed(line).decided


def test_anaconda_fetching() -> None:
    line = "dracut-initqueue[812]: anaconda: fetching kickstart from /dev/sr0:/ks/a.ks"
    assert fed(line).fetched == "/dev/sr0:/ks/a.ks"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (
            "dracut-initqueue[9]: Warning: Can't get kickstart from /dev/sr0:/ks.cfg",
            "the installer found no kickstart: /dev/sr0:/ks.cfg",
        ),
        ("[ 1.0] Kernel panic - not syncing: VFS", "the kernel panicked: VFS"),
        (
            "dracut: Warning: Media check failed! We do not recommend using this medium.",
            "the media check failed",
        ),
        ("No bootable device.", "the firmware found no boot loader"),
        ("UEFI Interactive Shell v2.2", "the firmware found no boot loader"),
        (
            "   Minimal BASH-like line editing is supported. For the first word, TAB",
            "the boot loader found no configuration",
        ),
        (
            "BdsDxe: No bootable option or device was found.",
            "the firmware found no boot loader",
        ),
    ],
)
def test_failures_decide(line: str, reason: str) -> None:
    evidence = fed(line)
    assert evidence.failure == reason
    assert evidence.decided


def test_a_boot_loaders_complaint_is_forgotten_when_a_kernel_follows() -> None:
    evidence = fed("error: file `/EFI/BOOT/x86_64-efi/ext2.mod' not found.")
    assert evidence.failure.startswith("the boot loader failed")
    assert not evidence.decided
    evidence.feed("[    0.000000] Linux version 6.1.0")
    assert evidence.failure == ""


def test_clean_drops_escape_sequences() -> None:
    assert clean("\x1b[2J\x1b[01;01H\x1b[=3h\x1b(BBdsDxe: loading\x07") == "BdsDxe: loading"


@settings(max_examples=50)
@given(st.lists(st.text(max_size=80), max_size=8))
def test_no_line_is_too_odd(lines: list[str]) -> None:
    evidence = fed(*lines, *(f"B2CT-PRACTICE {line}" for line in lines))
    shown = "".join(clean(line) for line in lines)
    assert not any(ord(char) < 32 and char not in "\t\n" for char in shown)
    assert isinstance(evidence.kickstart(), (tuple, type(None)))


@pytest.mark.parametrize(
    ("cmdline", "argument"),
    [
        ("quiet inst.ks=hd:LABEL=X:/a.ks rd.live.check", "inst.ks=hd:LABEL=X:/a.ks"),
        ("ks=cdrom:/ks.cfg", "ks=cdrom:/ks.cfg"),
        ("inst.ks=a inst.ks=b", "inst.ks=b"),
        ("inst.ksdevice=eth0 ksdevice=eth0", None),
        ("", None),
    ],
)
def test_kickstart_argument(cmdline: str, argument: str | None) -> None:
    assert kickstart_argument(cmdline) == argument
