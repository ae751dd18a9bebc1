"""How fast does a definition become an image? Ours from nothing and after a change, against others.

    .venv/bin/python benchmarks/image.py DEFINITION.yaml [--base CLOUD.qcow2] [--scratch /dev/shm/x]

Ours: everything with an empty cache; then a change of one file, with the layers that the first run
has left. With --base, the same definition on top of a cloud image, which is the head start of a
whole installed system: Packer starts it as a VM, virt-customize (libguestfs) works in its file
system from an appliance of its own (it needs a kernel under /boot, or $SUPERMIN_KERNEL and
$SUPERMIN_MODULES); --peer chooses. All run the same scripts and read the same
mirror; the definition's repositories must be reachable from a VM as well, which file: URLs are not.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import _guestfs

from b2ct.image import provision
from b2ct.image.definitions import load
from b2ct.image.disk.qcow2 import to_qcow2
from b2ct.image.rootfs import configure, keys


def main() -> None:
    """Parse the arguments, run the ways one after the other, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("definition", type=Path)
    parser.add_argument("--base", type=Path, help="cloud image that the peers start from")
    parser.add_argument("--peer", action="append", choices=PEERS, help="with --base; default: all")
    parser.add_argument("--scratch", type=Path, help="as of `b2ct image build`")
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    rows: dict[str, list[tuple[float, int]]] = {}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory(prefix="b2ct-bench-") as name:
            for label, figure in _round(options, Path(name)):
                rows.setdefault(label, []).append(figure)
    ours = min(seconds for seconds, _ in rows[FULL])
    print(f"{'':<34}{'seconds':>9}{'to ours':>9}{'MiB':>8}")
    for label, figures in rows.items():
        seconds, size = min(figures)
        print(f"{label:<34}{seconds:>9.2f}{seconds / ours:>9.3f}{size / 2**20:>8.0f}")


FULL = "b2ct, from nothing"
CHANGED = "b2ct, another configuration"
PEERS = {
    "packer": "packer, from a cloud image",
    "virt-customize": "virt-customize, of a cloud image",
}


def _round(options: argparse.Namespace, folder: Path) -> list[tuple[str, tuple[float, int]]]:
    """Every way once, in a folder with a cache of its own."""
    definition = options.definition.absolute()
    changed = folder / "changed.yaml"
    changed.write_text(
        f"extends: {definition}\ntitle: changed\nfiles:\n  /etc/motd: {{text: changed}}\n"
    )
    scratch = ["--scratch", options.scratch] if options.scratch else []
    found = [
        (FULL, _build(folder, definition, *scratch)),
        (CHANGED, _build(folder, changed, *scratch)),
    ]
    for peer in (options.peer or PEERS) if options.base else ():
        base = options.base.absolute()
        if peer == "packer":
            figure = _build(folder, definition, "--engine", "packer", "--base", base)
        else:
            figure = _virt_customize(folder, definition, base)
        found.append((PEERS[peer], figure))
    return found


def _build(folder: Path, definition: Path, *words: str | Path) -> tuple[float, int]:
    """Seconds and bytes of an image."""
    image = folder / "image.qcow2"
    argv = [sys.executable, "-m", "b2ct", "image", "build", definition, "-o", image, "--force"]
    env = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    begun = time.perf_counter()
    subprocess.run([str(word) for word in [*argv, *words]], check=True, env=env)
    return time.perf_counter() - begun, image.stat().st_size


def _virt_customize(folder: Path, definition: Path, base: Path) -> tuple[float, int]:
    """Seconds and bytes of an image; what both ways need, the bundle of scripts, is made before."""
    loaded = load(str(definition)).definition
    known = keys.of(loaded, folder / "cache")
    packages = provision.packages(loaded, known)
    provision.bundle(configure.wanted(loaded, known), folder / "bundle.tar", packages=packages)
    disk, image = folder / "disk.qcow2", folder / "customized.qcow2"
    begun = time.perf_counter()
    shutil.copyfile(base, disk)
    argv: list[str | Path] = [
        *("virt-customize", "--format", "qcow2", "-a", disk, "--smp", "2", "--memsize", "2048"),
        *("--upload", f"{folder / 'bundle.tar'}:/var/tmp/b2ct.tar"),
        *("--run-command", "mkdir /var/tmp/b2ct && tar -xf /var/tmp/b2ct.tar -C /var/tmp/b2ct"),
        *("--run-command", "rm /var/tmp/b2ct.tar; sh /var/tmp/b2ct/provision.sh"),
    ]
    _guestfs.prepare()
    subprocess.run(argv, check=True)
    to_qcow2(disk, image, loaded.qcow2, source="qcow2")
    return time.perf_counter() - begun, image.stat().st_size


if __name__ == "__main__":
    main()
