"""A trial from the image to the table: start, log in, look, press the power button."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from b2ct.context.model import VmContext
from b2ct.core.errors import B2ctError, VerdictError
from b2ct.core.files import explain
from b2ct.core.findings import Finding
from b2ct.core.sshkey import OneTimeKey
from b2ct.firmware.accel import kvm_works
from b2ct.firmware.qemu import Firmware, find_qemu, private_ovmf
from b2ct.image.trial import checks, login, told
from b2ct.image.trial.agent import answers
from b2ct.image.trial.checks import Trial, told_of
from b2ct.image.trial.scenario import Scenario
from b2ct.image.trial.vm import Running, Vm, overlay, started
from b2ct.papers.info import need_whole, virtual_size

MORE = 2 * 2**30
"""Bytes by which the VM's disk is larger than the image: something to grow into."""
POWER_OFF = 180.0
"""Seconds that the VM may take to shut down; emulation is slow."""


@dataclass(frozen=True)
class Request:
    """What is to be tried. `timeout` is the time to the login in seconds, `memory` is in MiB;
    `consoles` is a folder that keeps the serial consoles."""

    image: Path
    context: VmContext
    scenarios: tuple[Scenario, ...]
    timeout: float = 900.0
    memory: int = 1024
    jobs: int = 1
    consoles: Path | None = None


@dataclass(frozen=True)
class Tried:
    """What came of one scenario; times are in seconds, None for what did not come."""

    scenario: Scenario
    findings: tuple[Finding, ...]
    login: float | None
    power_off: float | None

    @property
    def passed(self) -> bool:
        """Everything is as it should be."""
        return not any(finding.failed for finding in self.findings)


def run(request: Request, say: Callable[[str], None]) -> tuple[Tried, ...]:
    """Try every scenario, `jobs` at a time; `say` is told what happens.

    Raises B2ctError when the image is none or damaged, or QEMU or its firmware is missing: then
    nothing was tried.
    """
    size = virtual_size(request.image) + MORE
    need_whole(request.image)
    qemu = find_qemu()
    kvm = kvm_works(qemu)
    say("with KVM" if kvm else "by emulation, for KVM does not work here: some minutes a boot")
    if any(row.firmware is Firmware.UEFI for row in request.scenarios):
        with tempfile.TemporaryDirectory(prefix="b2ct-ovmf-") as folder:
            private_ovmf(Path(folder))
    if request.consoles is not None:
        try:
            request.consoles.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise explain(err, f"make the folder {request.consoles}") from err

    stop = threading.Event()

    def one(scenario: Scenario) -> Tried:
        with tempfile.TemporaryDirectory(prefix="b2ct-vm-") as folder:
            work = _Work(request, scenario, Path(folder), size, stop, say)
            return work.tried(qemu, kvm=kvm)

    with ThreadPoolExecutor(max_workers=request.jobs) as pool:
        futures = [pool.submit(one, scenario) for scenario in request.scenarios]
        try:
            return tuple(future.result() for future in futures)
        except BaseException:
            # Ctrl-C: what has not begun does not begin, and what runs stops at its next look.
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


class _Stopped(Exception):  # noqa: N818 - no error: somebody wants no more
    """Another thread has ended the run."""


@dataclass(frozen=True)
class _Work:
    """One scenario under way."""

    request: Request
    scenario: Scenario
    folder: Path
    size: int
    stop: threading.Event
    say: Callable[[str], None]

    def tried(self, qemu: str, *, kvm: bool) -> Tried:
        """Boot, look, switch off."""
        key = OneTimeKey("b2ct-image-test")
        trial = Trial(
            told.for_trial(self.request.context, key.public), self.scenario.source, self.size
        )
        cd = self.folder / "context.iso"
        told.write_cd(trial.told, self.scenario.source, cd)
        uefi = self.scenario.firmware is Firmware.UEFI
        vm = Vm(
            qemu=qemu,
            scenario=self.scenario,
            disk=overlay(self.request.image, self.folder, self.size),
            cd=cd,
            folder=self.folder,
            kvm=kvm,
            memory=self.request.memory,
            pflash=private_ovmf(self.folder) if uefi else None,
        )
        self._say("starting")
        with started(vm) as running:
            try:
                return self._look(running, trial, key)
            finally:
                self._keep(vm.folder / "console.log")

    def _look(self, running: Running, trial: Trial, key: OneTimeKey) -> Tried:
        begun = time.monotonic()
        try:
            shell = login.log_in(running, key, timeout=self.request.timeout, waiting=self._go_on)
        except VerdictError as err:
            last = [line for line in running.console() if line.strip()][-1:]
            said = (
                f"{err.message}; the console ended with: {last[0].strip()}" if last else err.message
            )
            return Tried(self.scenario, (told_of("login", False, said, "root by key"),), None, None)
        took = time.monotonic() - begun
        self._say(f"logged in after {took:.0f} s")
        findings = [told_of("login", True, f"root by key after {took:.0f} s", "")]
        try:
            for finding in checks.all_of(trial, lambda command: shell.run(command, 300)):
                self._go_on()
                findings.append(finding)
            findings += [self._methods(running), self._agent(running)]
        except B2ctError as err:
            findings.append(told_of("connection", False, err.message, "an unbroken one"))
        finally:
            shell.close()
        off = self._power_off(running)
        found = f"off after {off:.0f} s" if off is not None else f"still on after {POWER_OFF:.0f} s"
        findings.append(told_of("ACPI power-off", off is not None, found, "off"))
        return Tried(self.scenario, tuple(findings), took, off)

    @staticmethod
    def _methods(running: Running) -> Finding:
        """sshd lets nobody in by password."""
        offered = login.methods_offered(running)
        return told_of("login methods", offered == ("publickey",), ", ".join(offered), "publickey")

    def _agent(self, running: Running) -> Finding:
        good = answers(running.vm.agent)
        return told_of("guest agent", good, "answers" if good else "silent", "an answer to a ping")

    def _power_off(self, running: Running) -> float | None:
        """Seconds from the power button to the end, None where it did not come."""
        self._say("pressing the power button")
        begun = time.monotonic()
        with suppress(B2ctError):
            running.press_power()
        while time.monotonic() < begun + POWER_OFF:
            if running.ended(1.0):
                return time.monotonic() - begun
            self._go_on()
        return None

    def _go_on(self) -> None:
        if self.stop.is_set():
            raise _Stopped

    def _keep(self, console: Path) -> None:
        if self.request.consoles is not None and console.exists():
            name = self.scenario.name.replace("/", "-")
            shutil.copyfile(console, self.request.consoles / f"{name}.log")

    def _say(self, text: str) -> None:
        self.say(f"{self.scenario.name}: {text}")
