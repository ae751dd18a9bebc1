"""Writing and proving a stick: `b2ct usb write` against dd + sha256sum and bmaptool + sha256sum.

    sudo python benchmarks/usb_write.py [--size MIB] [--rounds N] [--folder DIR]

The stick is a loop device over a file in DIR (default /dev/shm, so that the memory's speed, not a
disk's, is the limit, and every overhead shows). All take turns in each round; medians are printed.
Three images of one size: full of random bytes, half of it holes, and sparse (a sixteenth is data).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

MIB = 1 << 20
OTHERS = {"dd_openssl": "openssl", "bmaptool": "bmaptool"}
"""Contenders that need a tool which not every machine has."""


def make_image(path: Path, size: int, data: int) -> None:
    """An image of `size` bytes, of which `data` (in pieces of 4 MiB, spread evenly) are random."""
    pieces, step = data // (4 * MIB), size // max(data // (4 * MIB), 1)
    with path.open("wb") as out:
        for index in range(pieces):
            out.seek(index * step)
            out.write(os.urandom(4 * MIB))
        out.truncate(size)
        out.seek(510)
        out.write(b"\x55\xaa")


def wall(action: Callable[[], object]) -> float:
    """Seconds that an action takes."""
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def sh(command: str) -> str:
    """Run a shell command that must not fail."""
    return subprocess.run(command, shell=True, check=True, capture_output=True, text=True).stdout


class Contenders:
    """The ways to get an image onto a device; each returns (seconds of writing, of all)."""

    def __init__(self, image: Path, device: str, serial: str) -> None:
        self.image = image
        self.device = device
        self.serial = serial
        self.bmap = image.with_suffix(".bmap")
        if shutil.which("bmaptool"):
            sh(f"bmaptool create -o {self.bmap} {image}")

    def ours(self) -> tuple[float, float]:
        """Write, read back, compare."""
        words = f"usb write {self.image} {self.device} --yes --serial {self.serial} --json"
        begun = time.perf_counter()
        done = json.loads(sh(f"{sys.executable} -m b2ct {words} 2>/dev/null"))
        whole = time.perf_counter() - begun
        return whole - done["verify_seconds"], whole

    def dd(self) -> tuple[float, float]:
        """The usual recipe."""
        write = wall(lambda: sh(f"dd if={self.image} of={self.device} bs=4M conv=fsync 2>&1"))
        return write, write + self._prove("sha256sum")

    def dd_openssl(self) -> tuple[float, float]:
        """The same with a SHA-256 that uses the processor's own instructions, as ours does."""
        write = wall(lambda: sh(f"dd if={self.image} of={self.device} bs=4M conv=fsync 2>&1"))
        return write, write + self._prove("openssl dgst -sha256")

    def bmaptool(self) -> tuple[float, float]:
        """Skips holes (old bytes stay there); checks the image, and never the device."""
        write = wall(lambda: sh(f"bmaptool -q copy --bmap {self.bmap} {self.image} {self.device}"))
        return write, write + self._prove("sha256sum")

    def _prove(self, hasher: str) -> float:
        sh(f"blockdev --flushbufs {self.device}")
        size = self.image.stat().st_size
        return wall(lambda: sh(f"head -c {size} {self.device} | {hasher}"))


def main() -> None:
    """Print the medians and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1024, help="MiB")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["full", "half holes", "sparse"])
    parser.add_argument("--folder", type=Path, default=Path("/dev/shm"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="b2ct-bench-") as name:
        folder = Path(name)
        stick = folder / "stick.img"
        with stick.open("wb") as out:
            out.truncate((options.size + 64) * MIB)
        device = sh(f"losetup --find --show {stick}").strip()
        try:
            for title, share in (("full", 1), ("half holes", 2), ("sparse", 16)):
                if options.only not in (None, title):
                    continue
                image = folder / "key.img"
                make_image(image, options.size * MIB, options.size * MIB // share)
                report(title, Contenders(image, device, str(stick)), options.rounds)
        finally:
            sh(f"losetup --detach {device}")


def report(title: str, ways: Contenders, rounds: int) -> None:
    """Let all take turns, and print."""
    names = ["ours", "dd"]
    names += [n for n, tool in OTHERS.items() if shutil.which(tool)]
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            sh(f"sync -f {ways.image}; blockdev --flushbufs {ways.device}")
            times[name].append(getattr(ways, name)())
    print(f"{title}: {ways.image.stat().st_size // MIB} MiB, medians of {rounds}, seconds")
    middle = {n: [statistics.median(column) for column in zip(*times[n])] for n in names}  # noqa: B905
    for name in names:
        write, whole = middle[name]
        ratio = middle["ours"][1] / whole, middle["ours"][0] / write
        print(f"  {name:10} write {write:6.2f}   write and prove {whole:6.2f}", end="   ")
        print(f"ours/{name}: proven {ratio[0]:.2f}, write alone {ratio[1]:.2f}")


if __name__ == "__main__":
    main()
