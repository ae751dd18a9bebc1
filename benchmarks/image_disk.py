"""How fast does a tree become a QCOW2? Ours against virt-make-fs, and mke2fs with qemu-img's zlib.

    .venv/bin/python benchmarks/image_disk.py [--size-mb 450] [--rounds 3] [--folder /dev/shm]

Generates a tree like a worker's root file system: some twenty thousand files, most of them small,
half of the bytes compressible. Then each way makes a 4 GiB QCOW2 from it in turn, several rounds.
Ours alone makes something that boots (partitions, GRUB for BIOS and UEFI); the others get a file
system, virt-make-fs (which starts a virtual machine) in a partition. Reading the tree is in all.

virt-make-fs (libguestfs-tools) needs a kernel under /boot, or $SUPERMIN_KERNEL and
$SUPERMIN_MODULES with a folder /lib/modules; it is left out where it is not there or does not run.
"""

from __future__ import annotations

import argparse
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import _guestfs
from _timing import Way, alternate, once, table

OURS = "b2ct: zstd, boots BIOS and UEFI"
ZLIB = "mke2fs -d, qemu-img -c (zlib)"
VIRT = "virt-make-fs, not compressed"
VIRT_ZLIB = "virt-make-fs, then qemu-img -c"
SIZE = 4 << 30
RELEASE = "6.1.0-32-amd64"


def main() -> None:
    """Parse the arguments, make the tree, run the ways, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--size-mb", type=int, default=450)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to work; a tmpfs shows the code's cost")
    parser.add_argument("--ours", nargs=3, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ours:
        _ours(*options.ours)
        return
    with tempfile.TemporaryDirectory(prefix="b2ct-bench-", dir=options.folder) as name:
        folder = Path(name)
        count = _tree(folder / "tree", options.size_mb)
        ways = _ways(folder)
        sizes = {way.name: _size(way, folder) for way in ways}
        ways = [way for way in ways if sizes[way.name]]
        runs = alternate(ways, options.rounds)
        print(f"a tree of {options.size_mb} MB in {count} files in {folder.parent}, ", end="")
        print(f"{options.rounds} rounds")
        print("\n".join(table(runs, OURS)))
        print(f"ratio: to {OURS}")
        for way in ways:
            print(f"{way.name:<34}{sizes[way.name] / 2**20:8.1f} MiB")


def _ours(tree: Path, raw: Path, out: Path) -> None:
    """The step of `b2ct image build` from the finished tree on."""
    from b2ct.image.disk.make import make
    from b2ct.image.disk.qcow2 import to_qcow2
    from b2ct.image.model import Boot, Layout, Qcow2, System

    make(
        tree, raw, system=System(distribution="debian", release="12", packaging="apt"),
        layout=Layout(size=SIZE), boot=Boot(kernel="linux-image-amd64"), epoch=1_700_000_000,
        seed="benchmark",
    )  # fmt: skip
    to_qcow2(raw, out, Qcow2())
    raw.unlink()


def _tree(root: Path, size_mb: int) -> int:
    """Files as a Debian worker has them; the same each time. Returns how many."""
    chance = random.Random(1)
    words = [chance.randbytes(chance.randint(2, 9)).hex().encode() for _ in range(4000)]
    text = b" ".join(chance.choices(words, k=400_000))
    left, count = size_mb * 1_000_000, 0
    (root / "boot").mkdir(parents=True)
    for name, size in ((f"vmlinuz-{RELEASE}", 8_000_000), (f"initrd.img-{RELEASE}", 30_000_000)):
        (root / "boot" / name).write_bytes(chance.randbytes(size))
        left -= size
    while left > 0:
        folder = root / f"usr/{count // 2000:03}/{count // 60 % 34:03}"
        folder.mkdir(parents=True, exist_ok=True)
        # Three in four are configuration, scripts and headers; one in two hundred is a library.
        dice = chance.random()
        most = 6_000 if dice < 0.75 else 60_000 if dice < 0.995 else 4_000_000
        size = chance.randint(1, most)
        at = chance.randrange(len(text) // 2)
        packable = chance.random() < 0.5
        block = text[at:] * (size // (len(text) - at) + 1) if packable else chance.randbytes(size)
        (folder / str(count)).write_bytes(block[:size])
        left, count = left - size, count + 1
    return count + 2


def _ways(folder: Path) -> list[Way]:
    tree, raw, out = (folder / name for name in ("tree", "raw.img", "out.qcow2"))

    def remove() -> None:
        for path in (raw, out):
            path.unlink(missing_ok=True)

    def way(name: str, *command: str | Path) -> Way:
        return Way(name, command, cleanup=remove)

    zlib = f"qemu-img convert -O qcow2 -c {_q(raw)} {_q(out)} && rm {_q(raw)}"
    virt = ["virt-make-fs", "--type=ext4", "--partition=gpt", f"--size={SIZE}"]
    packed = f"{shlex.join([*virt, '--format=raw', str(tree), str(raw)])} && {zlib}"
    plain = f"truncate -s {SIZE} {_q(raw)} && mke2fs -q -F -t ext4 -d {_q(tree)} {_q(raw)}"
    ways = [
        way(OURS, sys.executable, __file__, "--ours", tree, raw, out),
        way(ZLIB, "sh", "-ec", f"{plain} && {zlib}"),
    ]
    if shutil.which("virt-make-fs"):
        _guestfs.prepare()
        ways += [way(VIRT, *virt, "--format=qcow2", tree, out), way(VIRT_ZLIB, "sh", "-ec", packed)]
    return ways


def _size(way: Way, folder: Path) -> int:
    """Bytes of what a way makes; 0, and the reason on stderr, if it does not work here."""
    try:
        once(way.command)
        return (folder / "out.qcow2").stat().st_blocks * 512  # virt-make-fs leaves holes
    except RuntimeError as err:
        if way.name == OURS:
            raise
        print(f"left out: {way.name}: {str(err)[-300:]}", file=sys.stderr)
        return 0
    finally:
        way.cleanup()


def _q(path: Path) -> str:
    return shlex.quote(str(path))


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as err:
        sys.exit(str(err))
