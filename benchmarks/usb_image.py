"""How fast is `b2ct usb image`? Ours against dd of the same bytes, and mkfs.vfat with mcopy.

    .venv/bin/python benchmarks/usb_image.py [--size-mb 800] [--rounds 5] [--folder /dev/shm]

Makes an EL9-like ISO of that size and a key from it; then each way makes that key again in turn,
several rounds. Everybody syncs what it wrote. By hand means: a partition table with sfdisk, a file
system with mkfs.vfat, the files with mcopy; the second line takes them out of the ISO first, as a
person has to (and still lacks a boot loader for BIOS).
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _timing import Way, alternate, table
from iso import make_source

DD = "dd bs=4M conv=fsync, same bytes"
OURS = "b2ct usb image, the whole command"
ENGINE = "inspect, plan and write alone"
START = 2048


def main() -> None:
    """Parse the arguments, make the image, run the ways, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--size-mb", type=int, default=800)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where to work; a tmpfs shows the code's cost")
    parser.add_argument("--engine", nargs=2, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        print(make_source(options.make, options.size_mb))
        return
    if options.engine:
        print(_engine(*options.engine))
        return
    with tempfile.TemporaryDirectory(prefix="b2ct-bench-", dir=options.folder) as name:
        folder = Path(name)
        # In processes of their own: a child's peak memory begins with that of its parent.
        made = _self("--size-mb", str(options.size_mb), "--make", folder)
        source, key = Path(made), folder / "key.img"
        _self("--engine", source, key)
        runs = alternate(_ways(source, key, folder), options.rounds)
        size = key.stat().st_size / 2**20
        print(f"a key of {size:.0f} MiB in {folder.parent}, {options.rounds} rounds")
        print("\n".join(table(runs, DD)))
        print(f"ratio: to {DD}")
        print(f"{_seconds(source, folder):.2f} s of '{ENGINE}' are its work; the rest is Python's")


def _engine(source: Path, out: Path) -> float:
    """What `b2ct usb image` does once it has read the site; in seconds."""
    from b2ct.media.key.build import make_key
    from b2ct.media.key.request import KeyRequest
    from b2ct.site.catalogue import Role
    from b2ct.site.model import Site

    start = time.perf_counter()
    make_key(KeyRequest(Site(), roles=(Role.HYPERVISOR,), output=out), source)
    return time.perf_counter() - start


def _self(*words: str | Path) -> str:
    argv = [sys.executable, __file__, *words]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


def _seconds(source: Path, folder: Path) -> float:
    out = folder / "again.img"
    seconds = float(_self("--engine", source, out))
    out.unlink()
    return seconds


def _ways(source: Path, key: Path, folder: Path) -> list[Way]:
    out, tree = folder / "out.img", folder / "unpacked"

    def remove() -> None:
        out.unlink(missing_ok=True)

    def way(name: str, *command: str | Path) -> Way:
        return Way(name, command, cleanup=remove)

    unpack = (
        f"xorriso -osirrox on -indev stdio:{_q(source)} -extract / {_q(tree)}"
        f" && chmod -R u+w {_q(tree)} && rm -r {_q(tree / 'isolinux')}"
    )
    subprocess.run(["sh", "-c", unpack], check=True, capture_output=True)
    files = " ".join(_q(path) for path in sorted(tree.iterdir()))
    partition = f"mtools_skip_check=1 mcopy -i {_q(out)}@@1M -s -m -Q {files} ::/"
    by_hand = (
        f"truncate -s {key.stat().st_size} {_q(out)}"
        f" && echo '{START},,0x0c,*' | sfdisk -q {_q(out)}"
        f" && mkfs.vfat -F 32 -n B2CT --offset={START} {_q(out)}"
        f" $((({key.stat().st_size} / 512 - {START}) / 2)) && {partition} && sync {_q(out)}"
    )
    again = f"rm -rf {_q(tree)} && {unpack} && {by_hand}"
    return [
        way(DD, "dd", f"if={key}", f"of={out}", "bs=4M", "conv=fsync"),
        way(
            OURS, sys.executable, "-m", "b2ct", "usb", "image", source, "--role", "hypervisor",
            "--unverified", "-o", out,
        ),
        way(ENGINE, sys.executable, __file__, "--engine", source, out),
        way("mkfs.vfat + mcopy, from a folder", "sh", "-ec", by_hand),
        way("xorriso -extract, mkfs.vfat, mcopy", "sh", "-ec", again),
    ]  # fmt: skip


def _q(path: Path) -> str:
    return shlex.quote(str(path))


if __name__ == "__main__":
    main()
