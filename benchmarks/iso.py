"""How fast is `b2ct iso`? Ours against cp, md5sum, xorriso and mkksiso on the same image.

    .venv/bin/python benchmarks/iso.py [--size-mb 800] [--rounds 7] [--folder /dev/shm]

Makes an EL9-like ISO of that size (noise, so that nothing is compressed away), then runs every way
in turn, several rounds, and prints medians. The last lines compare with the limits that the
project set itself: at most 1.1 times the slower of cp and md5sum, at most half of xorriso with
implantisomd5. What B2CT has written is on the disk when it ends; cp and xorriso leave that to the
kernel, so the ways with `sync` are the ones to compare with where the folder is on a disk.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from _timing import Run, Way, alternate, once, slower, table

LABEL = "AlmaLinux-9-5-x86_64-dvd"
KICKSTART = b"# a kickstart of the usual size\n" * 300
OURS = "b2ct iso, the whole command"
ENGINE = "the remaster alone, one process"
XORRISO = "xorriso + implantisomd5"
SYNCED = ", on the disk"
"""Ways that end when their file is."""
LIMITS = (1.1, 0.5)
"""Of the slower of cp and md5sum; of xorriso with implantisomd5."""


def main() -> None:
    """Parse the arguments, make the image, run the ways, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--size-mb", type=int, default=800)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="where to work; a tmpfs shows the code's cost")
    parser.add_argument("--mkksiso", default="mkksiso", help="command, where it is not in PATH")
    parser.add_argument("--engine", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.engine:
        _engine(*options.engine)
        return
    with tempfile.TemporaryDirectory(prefix="b2ct-bench-", dir=options.folder) as name:
        folder = Path(name)
        source = make_source(folder, options.size_mb)
        ways = _ways(source, folder, shlex.split(options.mkksiso))
        for way in ways:
            if way.name in (OURS, ENGINE):  # their bytecode is made
                once(way.command)
                way.cleanup()
        runs = alternate(ways, options.rounds)
        print(
            f"{source.stat().st_size / 2**20:.0f} MiB in {folder.parent}, {options.rounds} rounds"
        )
        base = slower(runs, ["cp", "cp" + SYNCED, "md5sum"])
        print("\n".join(table(runs, base)))
        print(
            f"ratio: to {base}; {_engine_seconds(source, folder):.2f} s of the remaster alone are"
        )
        print("inspect, plan and write; the rest is the start of Python")
        for peer, most in zip((base, XORRISO + SYNCED), LIMITS, strict=True):
            ratio = _median(runs[OURS]) / _median(runs[peer])
            print(f"{ratio:.2f} times {peer}: {'good' if ratio <= most else f'over {most:g}'}")


def _median(runs: Sequence[Run]) -> float:
    return statistics.median(run.wall for run in runs)


def _engine(source: Path, out: Path) -> None:
    """What `b2ct iso` does between reading the site and printing its account."""
    from b2ct.media import remaster
    from b2ct.media.installer import inspect

    start = time.perf_counter()
    plan = remaster.plan(
        inspect(source),
        files={"/ks/hypervisor.ks": KICKSTART},
        entries=[remaster.Entry("hypervisor", "/ks/hypervisor.ks")],
    )
    remaster.write(plan, out)
    print(time.perf_counter() - start)


def _engine_seconds(source: Path, folder: Path) -> float:
    out = folder / "out.iso"
    printed = subprocess.run(
        [sys.executable, __file__, "--engine", source, out], check=True, capture_output=True
    ).stdout
    out.unlink()
    return float(printed)


def make_source(folder: Path, megabytes: int) -> Path:
    """An image as lorax makes EL9's, with a stage 2 of noise."""
    tree = folder / "tree"
    menu = _isolinux()
    for path, data in {
        "images/pxeboot/vmlinuz": os.urandom(2**20),
        "images/pxeboot/initrd.img": os.urandom(2**20),
        "isolinux/isolinux.cfg": menu,
        "isolinux/isolinux.bin": Path("/usr/lib/ISOLINUX/isolinux.bin").read_bytes(),
        "EFI/BOOT/grub.cfg": _grub(),
        "EFI/BOOT/BOOTX64.EFI": os.urandom(900_000),
        "EFI/BOOT/grubx64.efi": os.urandom(2_500_000),
        ".discinfo": b"1700000000.0\nAlmaLinux 9.5\nx86_64\n",
    }.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes(data)
    esp = tree / "images/efiboot.img"
    with esp.open("wb") as file:
        file.truncate(8 * 2**20)
    _run("mformat", "-i", esp, "-v", "ANACONDA", "::")
    _run("mcopy", "-s", "-i", esp, tree / "EFI", "::/")
    used = sum(path.stat().st_size for path in tree.rglob("*") if path.is_file())
    with (tree / "images/install.img").open("wb") as file:
        for _ in range(max(0, megabytes * 2**20 - used) // 2**20):
            file.write(os.urandom(2**20))
    iso = folder / "source.iso"
    _run(
        "xorriso", "-as", "mkisofs", "-quiet", "-o", iso,
        "-isohybrid-mbr", "/usr/lib/ISOLINUX/isohdpfx.bin",
        "-b", "isolinux/isolinux.bin", "-c", "isolinux/boot.cat", "-boot-load-size", "4",
        "-boot-info-table", "-no-emul-boot", "-eltorito-alt-boot", "-e", "images/efiboot.img",
        "-no-emul-boot", "-isohybrid-gpt-basdat", "-R", "-J", "-V", LABEL, tree,
    )  # fmt: skip
    shutil.rmtree(tree)
    return iso


def _isolinux() -> bytes:
    root = f"initrd=initrd.img inst.stage2=hd:LABEL={LABEL}"
    return (
        "default vesamenu.c32\ntimeout 600\n"
        f"label linux\n  menu label ^Install\n  kernel vmlinuz\n  append {root} quiet\n"
        f"label check\n  menu default\n  kernel vmlinuz\n  append {root} rd.live.check quiet\n"
    ).encode()


def _grub() -> bytes:
    return (
        'set default="1"\nset timeout=60\n'
        "menuentry 'Install' --class os {\n"
        f"\tlinuxefi /images/pxeboot/vmlinuz inst.stage2=hd:LABEL={LABEL} quiet\n"
        "\tinitrdefi /images/pxeboot/initrd.img\n}\n"
    ).encode()


def _run(*argv: str | Path) -> None:
    subprocess.run([str(word) for word in argv], check=True, capture_output=True)


def _ways(source: Path, folder: Path, mkksiso: list[str]) -> list[Way]:
    out = folder / "out.iso"
    kickstart = folder / "hypervisor.ks"
    kickstart.write_bytes(KICKSTART)
    config = folder / "isolinux.cfg"
    config.write_bytes(_isolinux())

    def remove() -> None:
        out.unlink(missing_ok=True)

    def way(name: str, *command: str | Path) -> Way:
        return Way(name, command, cleanup=remove)

    replay = shlex.join(
        str(word)
        for word in (
            "xorriso", "-indev", f"stdio:{source}", "-outdev", f"stdio:{out}",
            "-boot_image", "any", "replay",
            "-map", kickstart, "/ks/hypervisor.ks", "-update", config, "/isolinux/isolinux.cfg",
        )
    )  # fmt: skip
    implanted = f"{replay} && implantisomd5 --force {shlex.quote(str(out))}"
    ways = [
        way("cp", "cp", source, out),
        way("cp" + SYNCED, "sh", "-c", 'cp "$1" "$2" && sync "$2"', "sh", source, out),
        way("md5sum", "md5sum", source),
        way(
            OURS, sys.executable, "-m", "b2ct", "iso", "--role", "hypervisor",
            "--source", source, "--unverified", "-o", out,
        ),
        way(ENGINE, sys.executable, __file__, "--engine", source, out),
        way(XORRISO, "sh", "-c", implanted),
        way(XORRISO + SYNCED, "sh", "-c", f"{implanted} && sync {shlex.quote(str(out))}"),
    ]  # fmt: skip
    if shutil.which(mkksiso[0]):
        ways.append(way("mkksiso", *mkksiso, "--ks", kickstart, source, out))
    else:
        print("mkksiso is not installed: left out", file=sys.stderr)
    return ways


if __name__ == "__main__":
    main()
