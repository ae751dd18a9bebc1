"""How soon is a worker ready? From power-on to the end of its context, beside a plain Debian.

    .venv/bin/python benchmarks/boot.py WORKER.qcow2 [--plain PLAIN.qcow2] [--rounds N]

The plain image is Debian 12 with kernel, cloud-init, OpenSSH's server and ifupdown, nothing tuned:
the initramfs of initramfs-tools, Debian's kernel arguments, GRUB that waits its usual 5 s. It is
built when --plain names no file that is there, and kept under that name. Both boot by turns in the
same emulator or with KVM, from an OpenNebula CONTEXT CD of the same worker; the last command of
the context says on the console that it has come. Each image's critical chain and slowest units are
systemd-analyze's, of its last boot.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from b2ct.context.worker import for_worker
from b2ct.core.sshkey import OneTimeKey
from b2ct.firmware.accel import kvm_works
from b2ct.firmware.qemu import find_qemu
from b2ct.image.trial import login, told
from b2ct.image.trial.scenario import SCENARIOS, Source
from b2ct.image.trial.vm import Running, Vm, overlay, started
from b2ct.papers.info import virtual_size

READY = "B2CT-READY"
PATIENCE = 900.0
"""Seconds."""
PLAIN = """\
title: Debian 12 as it comes
system: {distribution: debian, release: 12, suite: bookworm, packaging: apt}
repositories:
  debian:
    url: http://deb.debian.org/debian
    base: true
    keys: [{file: /usr/share/keyrings/debian-archive-keyring.gpg}]
packages: [linux-image-amd64, systemd-sysv, udev, dbus, cloud-init, openssh-server, sudo, ifupdown,
  isc-dhcp-client, netbase, iproute2, procps, e2fsprogs, cloud-guest-utils, fdisk, zstd]
boot:
  kernel: linux-image-amd64
  timeout: 5
  arguments: [quiet, "console=tty0", "console=ttyS0,115200"]
disk: {size: 4 GiB}
scripts: [plain.sh]
"""
UNTUNED = """\
#!/bin/sh
# The initramfs that Debian makes where nobody says otherwise.
rm -f /etc/initramfs-tools/conf.d/b2ct /usr/share/initramfs-tools/modules.d/b2ct
update-initramfs -u
"""
ANALYSIS = """\
until systemctl is-system-running | grep -qE 'running|degraded'; do sleep 1; done
systemd-analyze; systemd-analyze critical-chain --no-pager
systemd-analyze blame --no-pager | head -n 20
"""


@dataclass(frozen=True)
class Boot:
    """One boot: seconds from power-on to the context's end, and what systemd says of it."""

    ready: float
    analysis: str


def main() -> None:
    """Parse the arguments, boot both images by turns, print the table and the chains."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("worker", type=Path)
    parser.add_argument("--plain", type=Path, help="a plain image, made where it is not there")
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="b2ct-bench-") as name:
        plain = options.plain or Path(name) / "plain.qcow2"
        if not plain.exists():
            _build(Path(name), plain.absolute())
        images = {"b2ct": options.worker, "plain Debian": plain}
        boots: dict[str, list[Boot]] = {label: [] for label in images}
        for number in range(options.rounds):
            for label, image in images.items():
                print(f"round {number + 1}: {label}", file=sys.stderr)
                boots[label].append(_boot(image))
    print(*_table(boots), sep="\n")


def _table(boots: dict[str, list[Boot]]) -> Iterator[str]:
    unit = statistics.median(boot.ready for boot in boots["plain Debian"])
    yield f"{'seconds from power-on to ready':<34}{'median':>8}{'best':>8}{'ratio':>8}"
    for label, found in boots.items():
        best = min(boot.ready for boot in found)
        ready = statistics.median(boot.ready for boot in found)
        yield f"{label:<34}{ready:8.1f}{best:8.1f}{ready / unit:8.2f}"
    for label, found in boots.items():
        yield f"\n{label}:\n{found[-1].analysis}"


def _build(folder: Path, out: Path) -> None:
    definition = folder / "plain.yaml"
    definition.write_text(PLAIN)
    (folder / "plain.sh").write_text(UNTUNED)
    subprocess.run(
        [sys.executable, "-m", "b2ct", "image", "build", str(definition), "-o", str(out)],
        check=True,
    )


def _boot(image: Path) -> Boot:
    """Boot once, wait for the context's last command, ask systemd where the time went."""
    key = OneTimeKey("b2ct-boot")
    made = for_worker(told.practice_site())
    say = ("sh", "-c", f"echo {READY} >/dev/console")
    vm_told = told.for_trial(replace(made, commands=(*made.commands, say)), key.public)
    qemu = find_qemu()
    with tempfile.TemporaryDirectory(prefix="b2ct-boot-") as name:
        folder = Path(name)
        told.write_cd(vm_told, Source.OPENNEBULA, folder / "context.iso")
        vm = Vm(
            qemu=qemu,
            scenario=SCENARIOS[0],
            disk=overlay(image, folder, virtual_size(image) + 2 * 2**30),
            cd=folder / "context.iso",
            folder=folder,
            kvm=kvm_works(qemu),
        )
        begun = time.monotonic()
        with started(vm) as running:
            ready = _until(running, READY, begun)
            shell = login.log_in(running, key, timeout=PATIENCE, waiting=lambda: None)
            _, analysis = shell.run(ANALYSIS, PATIENCE)
            shell.close()
    return Boot(ready, analysis)


def _until(running: Running, word: str, begun: float) -> float:
    while (now := time.monotonic()) < begun + PATIENCE:
        if any(word in line for line in running.console()):
            return now - begun
        if failure := running.failure():
            raise RuntimeError(failure)
        time.sleep(0.2)
    raise RuntimeError(f"{word} did not come: " + "\n".join(running.console()[-30:]))


if __name__ == "__main__":
    main()
