"""How long does `b2ct plan` take on a large site? Against a naive loop over pyone.

    .venv/bin/python benchmarks/plan.py [--hosts 500] [--templates 200] [--vms 5000] [--rounds 3]

A double of oned on loopback holds the hosts, an image and a VM template for each worker of the
site, and running VMs; everything is as site.yaml says. Ours asks for each kind of object once and
compares all of it; with --prune it asks for the VMs, too, to know what is in use. The naive way
asks for every object by its ID, as scripts do, once without and once with the VMs, and compares
the names only.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from _timing import Way, alternate, once, table  # noqa: E402

from tests.cloud.large import large_cloud  # noqa: E402

NAIVE = """
import json, sys, pyone
url, auth, site, vms = sys.argv[1:]
wanted = json.load(open(site))
one = pyone.OneServer(url, session=auth)
hosts = [one.host.info(h.ID) for h in one.hostpool.info().HOST]
images = [one.image.info(i.ID) for i in one.imagepool.info(-3, -1, -1).IMAGE]
templates = [one.template.info(t.ID) for t in one.templatepool.info(-3, -1, -1).VMTEMPLATE]
networks = [one.vn.info(n.ID) for n in one.vnpool.info(-3, -1, -1).VNET]
datastores = [one.datastore.info(d.ID) for d in one.datastorepool.info().DATASTORE]
if vms == "vms":
    running = [one.vm.info(v.ID) for v in one.vmpool.info(-2, -1, -1, -1).VM]
there = {h.NAME for h in hosts}
assert all(n["name"] in there for n in wanted["nodes"] if n["role"] == "hypervisor")
assert set(wanted["workers"]) <= {t.NAME for t in templates}
"""


def main() -> None:
    """Parse the arguments, fill the double, run all ways, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--hosts", type=int, default=500)
    parser.add_argument("--templates", type=int, default=200)
    parser.add_argument("--vms", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    sizes = (options.hosts, options.templates, options.vms)
    with (
        tempfile.TemporaryDirectory(prefix="b2ct-bench-") as name,
        large_cloud(*sizes) as (double, site),
    ):
        folder = Path(name)
        (folder / "auth").write_text(double.auth)
        (folder / "auth").chmod(0o600)
        (folder / "site.yaml").write_text(json.dumps(site))
        os.environ |= {"ONE_XMLRPC": double.url, "ONE_AUTH": str(folder / "auth")}
        ours: list[str | Path] = [sys.executable, "-m", "b2ct"]
        where = ("--site", folder / "site.yaml")
        start = time.perf_counter()
        once([*ours, "apply", "--adopt", "--yes", *where])
        made = time.perf_counter() - start
        naive: list[str | Path] = [
            sys.executable, "-c", NAIVE, double.url, double.auth, folder / "site.yaml"
        ]  # fmt: skip
        ways = [
            Way("b2ct plan", [*ours, "plan", *where]),
            Way("b2ct plan --prune", [*ours, "plan", "--prune", *where]),
            Way("naive, without the VMs", [*naive, "none"]),
            Way("naive, with the VMs", [*naive, "vms"]),
        ]
        calls = {}
        for way in ways:
            double.calls.clear()
            once(way.command)
            calls[way.name] = len(double.calls)
        runs = alternate(ways, options.rounds)
        print(f"{options.hosts} hosts, {options.templates} templates, {options.vms} VMs, "
              f"{options.rounds} rounds; the first apply took {made:.1f} s")  # fmt: skip
        print("\n".join(table(runs, ways[0].name)))
        print("calls: " + ", ".join(f"{name} {count}" for name, count in calls.items()))


if __name__ == "__main__":
    main()
