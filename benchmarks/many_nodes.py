"""How long does a medium for a site of thousands of nodes take, and how much memory?

    .venv/bin/python benchmarks/many_nodes.py [--nodes 2000] [--rounds 3] [--folder /dev/shm]

The installer is a small EL9-like one (benchmarks/iso.py), so that what is measured is the site and
not the copying. A key serves the whole site, the ISO has an entry for each node. Whole processes
are timed. The project's limits are 5 s and 128 MiB.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from _timing import Way, alternate, once, table  # noqa: E402
from iso import make_source  # noqa: E402

from tests.cloud.large import site  # noqa: E402

SECONDS, MEBIBYTES = 5.0, 128.0


def main() -> None:
    """Parse the arguments, make both media by turns, print the table and the verdict."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--nodes", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to work")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="b2ct-bench-", dir=options.folder) as name:
        ways = _ways(Path(name), options.nodes)
        for way in ways:  # their bytecode is made
            once(way.command)
            way.cleanup()
        runs = alternate(ways, options.rounds)
    print(f"a site of {options.nodes} nodes, {options.rounds} rounds")
    print("\n".join(table(runs, ways[0].name)))
    slowest = max(statistics.median(run.wall for run in found) for found in runs.values())
    most = max(run.peak for found in runs.values() for run in found)
    good = slowest < SECONDS and most < MEBIBYTES
    print(f"{slowest:.1f} s, {most:.0f} MiB at most: {'good' if good else 'over the limits'}")
    sys.exit(0 if good else 1)


def _ways(folder: Path, nodes: int) -> list[Way]:
    source = make_source(folder, 20)
    file = folder / "site.yaml"
    made = site(nodes, 1)
    file.write_text(json.dumps(made))
    names = [node["name"] for node in made["nodes"] if node["role"] == "hypervisor"]
    out = folder / "out"
    ours = [sys.executable, "-m", "b2ct"]
    more: list[str | Path] = ["--site", file, "--unverified", "--without-b2ct", "-o", out]

    def remove() -> None:
        out.unlink(missing_ok=True)

    return [
        Way("b2ct usb image", [*ours, "usb", "image", source, *more], cleanup=remove),
        Way(
            "b2ct iso, a --node each",
            [*ours, "iso", "--source", source, *more, *(w for n in names for w in ("--node", n))],
            cleanup=remove,
        ),
    ]


if __name__ == "__main__":
    main()
