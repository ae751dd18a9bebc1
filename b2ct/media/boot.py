"""Boot an image in QEMU and say what came of it. The image is never written to."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.core.run import DeadlineError, stream
from b2ct.firmware.accel import kvm_works
from b2ct.firmware.console import clean
from b2ct.firmware.qemu import Firmware, find_qemu, private_ovmf

from .qemu import modes
from .qemu.evidence import Evidence, kickstart_argument
from .qemu.machine import Attach, Machine

PRACTICE_MEMORY = 512
MEMORY = 3072
"""MiB: EL9's and EL10's installers unpack stage 2 into memory."""
SMALL_IMAGE = 128 << 20
"""No real installer is smaller than this many bytes, no practice installer larger."""


@dataclass(frozen=True)
class BootResult:
    """What one boot showed.

    `kernel`: a Linux kernel came up; `cmdline`: its command line; `kickstart_argument`: the
    `inst.ks=` or `ks=` word of it; `kickstart_path` and `kickstart_sha256`: what the practice
    installer read; `seconds`: wall time; `reason`: the verdict in a sentence.
    """

    firmware: Firmware
    attach: Attach
    kernel: bool
    cmdline: str
    kickstart_argument: str | None
    kickstart_path: str | None
    kickstart_sha256: str | None
    seconds: float
    passed: bool
    reason: str


def choose_modes(
    image: Path, *, firmware: str | None = None, attach: str | None = None, every: bool = False
) -> list[modes.Mode]:
    """The modes to boot an image in: all that it supports and the options allow, or the first.

    Raises B2ctError when it has no boot record for what is asked.
    """
    _readable(image)
    can = modes.supported(image)
    wanted = [
        mode for mode in can if firmware in (None, mode.firmware) and attach in (None, mode.attach)
    ]
    if not wanted:
        asked = " ".join(word for word in (firmware, attach) if word)
        has = ", ".join(f"{mode.firmware} {mode.attach}" for mode in can)
        raise B2ctError(f"{image} has no boot record for {asked}", hint=f"it has: {has}")
    return wanted if every else wanted[:1]


def boot(
    image: Path,
    *,
    firmware: Firmware,
    attach: Attach,
    timeout: float = 300.0,
    on_line: Callable[[str], None] | None = None,
    kickstart_sha256: str | None = None,
    memory: int | None = None,
) -> BootResult:
    """Boot `image` once and judge its serial console, line by line.

    `timeout` is in seconds; `on_line` gets every console line, free of control characters;
    `kickstart_sha256` is the digest that the kickstart must have; `memory` is in MiB.
    QEMU is stopped as soon as the verdict is known. Raises B2ctError when the image cannot be read
    or QEMU or its firmware is missing: then nothing was booted.
    """
    _readable(image)
    qemu = find_qemu()
    start = time.monotonic()
    evidence = Evidence()
    with tempfile.TemporaryDirectory(prefix="b2ct-boot-") as folder:
        machine = Machine(
            qemu=qemu,
            image=image.absolute(),
            attach=attach,
            memory=memory or _memory_for(image),
            kvm=kvm_works(qemu),
            pflash=private_ovmf(Path(folder)) if firmware is Firmware.UEFI else None,
        )
        over = _watch(machine, evidence, timeout, on_line)
    path, digest = evidence.kickstart() or (None, None)
    passed, reason = judge(evidence, timeout if over else None, kickstart_sha256)
    return BootResult(
        firmware=firmware,
        attach=attach,
        kernel=evidence.kernel,
        cmdline=evidence.cmdline,
        kickstart_argument=kickstart_argument(evidence.cmdline),
        kickstart_path=path,
        kickstart_sha256=digest,
        seconds=time.monotonic() - start,
        passed=passed,
        reason=reason,
    )


def _watch(
    machine: Machine, evidence: Evidence, timeout: float, on_line: Callable[[str], None] | None
) -> bool:
    """Run the machine until the verdict is known; True when the time was over first."""
    try:
        with closing(stream(machine.argv(), timeout=timeout)) as lines:
            for line in lines:
                if on_line is not None:
                    on_line(clean(line))
                evidence.feed(line)
                if evidence.decided:
                    return False
    except DeadlineError:
        return True
    return False


def judge(evidence: Evidence, over: float | None, wanted: str | None) -> tuple[bool, str]:
    """The verdict and its reason.

    `over` is the time in seconds that was not enough, None when QEMU was done; `wanted` is the
    SHA-256 that the kickstart must have.
    """
    if evidence.failure:
        return False, evidence.failure
    if not evidence.kernel:
        return False, _no_kernel(evidence, over)
    argument = kickstart_argument(evidence.cmdline)
    came_up = f"kernel came up with {argument}" if argument else "kernel came up"
    found = evidence.kickstart()
    if wanted is not None and (found is None or found[1] != wanted.lower()):
        seen = f"has SHA-256 {found[1]}" if found else "was not seen"
        return False, f"{came_up}; the kickstart {seen}, expected {wanted.lower()}"
    passed, ending = _practice(evidence, argument) if evidence.report else _real(evidence, argument)
    return passed, came_up + ending


def _practice(evidence: Evidence, argument: str | None) -> tuple[bool, str]:
    """What the practice installer's report comes to."""
    found = evidence.kickstart()
    if found:
        return True, f"; read {found[0]}"
    if not evidence.decided:
        return False, "; its report did not come to an end"
    if argument is None:
        return True, ", without a kickstart argument"
    warning = evidence.report.get("warning") or "it is not on a medium"
    return evidence.report.get("kickstart", "").startswith("unknown"), f"; not read: {warning}"


def _real(evidence: Evidence, argument: str | None) -> tuple[bool, str]:
    """What the messages of a release's own installer come to."""
    if evidence.started:
        return True, "; the installer started"
    if evidence.fetched:
        return True, f"; the installer fetched {evidence.fetched}"
    if not evidence.cmdline:
        return True, "; its command line cannot be seen (the entry says quiet)"
    if argument is None:
        return True, ", without a kickstart argument"
    return True, "; whether the installer fetched it cannot be seen"


def _no_kernel(evidence: Evidence, over: float | None) -> str:
    within = f" within {over:g} s" if over is not None else ""
    if evidence.lines:
        return (
            f"no kernel was seen on the serial console{within}: the boot entry lacks "
            "console=ttyS0 (`b2ct iso --serial` adds it), or it needs more --timeout"
        )
    return (
        f"nothing was seen on the serial console{within}: either no boot loader started, or the "
        "boot entry lacks console=ttyS0 (`b2ct iso --serial` adds it)"
    )


def _readable(image: Path) -> None:
    try:
        with image.open("rb") as file:
            if not file.read(1):
                raise B2ctError(f"{image} is empty", hint="give an ISO or a USB image")
    except OSError as err:
        reason = (err.strerror or str(err)).lower()
        raise B2ctError(
            f"cannot read the image {image}: {reason}", hint="give an ISO; `b2ct iso` makes one"
        ) from err


def _memory_for(image: Path) -> int:
    return PRACTICE_MEMORY if image.stat().st_size < SMALL_IMAGE else MEMORY
