"""How fast does a definition become an image? Ours from nothing and after a change, against Packer.

    .venv/bin/python benchmarks/image.py DEFINITION.yaml [--base CLOUD.qcow2] [--scratch /dev/shm/x]

Ours: everything with an empty cache; then a change of one file, with the layers that the first run
has left. Packer (with --base): the same definition in a VM started from a cloud image, which is the
head start of a whole installed system. All read the same mirror; the
definition's repositories must be reachable from the VM as well, which file: URLs are not.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    """Parse the arguments, run the ways one after the other, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("definition", type=Path)
    parser.add_argument("--base", type=Path, help="cloud image that Packer starts from")
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
        print(f"{label:<34}{seconds:>9.1f}{seconds / ours:>9.2f}{size / 2**20:>8.0f}")


FULL = "b2ct, from nothing"
CHANGED = "b2ct, another configuration"
PACKER = "packer, from a cloud image"


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
    if options.base:
        words = ("--engine", "packer", "--base", options.base.absolute())
        found.append((PACKER, _build(folder, definition, *words)))
    return found


def _build(folder: Path, definition: Path, *words: str | Path) -> tuple[float, int]:
    """Seconds and bytes of an image."""
    image = folder / "image.qcow2"
    argv = [sys.executable, "-m", "b2ct", "image", "build", definition, "-o", image, "--force"]
    env = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    begun = time.perf_counter()
    subprocess.run([str(word) for word in [*argv, *words]], check=True, env=env)
    return time.perf_counter() - begun, image.stat().st_size


if __name__ == "__main__":
    main()
