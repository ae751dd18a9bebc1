"""How long does a validation take? Against plain pytest with testinfra, on the same checks.

    .venv/bin/python benchmarks/validate.py [--nodes 40] [--rounds 3] [--many 200] [--shipped]
    .venv/bin/python benchmarks/validate.py --alone [--nodes 40] [--rounds 3]

A real sshd on this machine listens on as many loopback addresses as there are nodes. The checks are
those of benchmarks/validate_checks, written as testinfra's documentation does. Plain pytest runs
them with testinfra as it comes, over its paramiko backend: `pytest --hosts=paramiko://...`. Whole
processes are timed, start included, and both have to come to the same verdicts. --shipped compares
the checks of the nodes that ship with B2CT instead: those ask much in one command, which only pays
where answers are remembered (4 nodes are enough then). Last, as many nodes as --many says are
validated by ours alone. Plain pytest takes minutes for 40 nodes.

--alone compares all nodes with one of them: the checks of benchmarks/validate_waits take 10 s on
each, as real nodes make one wait, and hardly any processor time, for here one machine is all nodes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree as Xml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from _timing import Way, alternate, once, table  # noqa: E402

from b2ct.validate.check import Subject  # noqa: E402
from b2ct.validate.collect import collect  # noqa: E402
from tests.ssh.sshds import Ground, crowd, site_address  # noqa: E402

CHECKS = ROOT / "benchmarks/validate_checks"
SUITES = ROOT / "b2ct/validate/suites"
NAMES = ("names-lead-to-nodes", "addresses-lead-to-names", "outside-names-are-known")
"""Shipped checks that are left out: they wait for name servers, which know none of these nodes."""
WORTH = 5.0
"""The least ratio that the project promises."""
# Either's exit code 1 says that a check failed, which is no failure of the benchmark.
ALONE = 1.3
"""The most that all nodes may take, in times of one."""
WAITS = ROOT / "benchmarks/validate_waits"
TOLERANT = ("sh", "-c", '"$@"; test $? -le 1', "sh")


def main() -> None:
    """Parse the arguments, start sshd, run both, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--nodes", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--many", type=int, default=200)
    parser.add_argument("--shipped", action="store_true")
    parser.add_argument("--alone", action="store_true")
    options = parser.parse_args()
    if options.alone:
        sys.exit(0 if _alone(options.nodes, options.rounds) else 1)
    with _field(options.nodes) as (here, folder):
        ours, peer = _ours(here, folder, options.shipped), _peer(here, folder, options.shipped)
        runs = alternate((Way("b2ct validate", ours), Way("pytest --hosts", peer)), options.rounds)
        counts = _compared(folder)
    print(f"{options.nodes} nodes over ssh; both say: {counts}")
    print("\n".join(table(runs, "b2ct validate")))
    medians = {name: statistics.median(run.wall for run in found) for name, found in runs.items()}
    ratio = medians["pytest --hosts"] / medians["b2ct validate"]
    print(f"plain pytest takes {ratio:.1f} times as long (medians of {options.rounds})")
    whole = _many(options.many, options.shipped) if options.many else True
    if ratio < WORTH:
        print(f"less than the {WORTH:g} times that it should be")
    sys.exit(0 if whole and ratio >= WORTH else 1)


def _alone(count: int, rounds: int) -> bool:
    """Whether many nodes that wait cost little more than one."""
    with _field(count) as (here, folder):
        every = [*_ours(here, folder, shipped=False)]
        every = [
            WAITS if word == CHECKS else "waits" if word == "usual" else word for word in every
        ]
        one = [*every, "--node", next(iter(here.machines))]
        runs = alternate((Way("one node", one), Way(f"{count} nodes", every)), rounds)
    print("\n".join(table(runs, "one node")))
    alone, all_of_them = (statistics.median(run.wall for run in found) for found in runs.values())
    ratio = all_of_them / alone
    print(f"{count} nodes take {ratio:.2f} times as long as one (at most {ALONE:g})")
    return ratio <= ALONE


def _many(count: int, shipped: bool) -> bool:
    """Whether ours gets through with so many nodes."""
    with _field(count) as (here, folder):
        run = once(_ours(here, folder, shipped))
        report = json.loads((folder / "report/report.json").read_text())
    whole = sum(not node["unreachable"] for node in report["nodes"])
    print(
        f"{whole} of {count} nodes in {run.wall:.1f} s, {run.cpu:.1f} s of processor time, "
        f"peak {run.peak:.0f} MiB"
    )
    return whole == count


@contextmanager
def _field(nodes: int) -> Iterator[tuple[Ground, Path]]:
    with tempfile.TemporaryDirectory(prefix="b2ct-bench-") as name:
        folder = Path(name)
        with crowd(folder, nodes) as here:
            (folder / "site.yaml").write_text(here.text(pinned=False))
            yield here, folder


def _ours(here: Ground, folder: Path, shipped: bool) -> list[str | Path]:
    names = [
        check.name
        for check in collect()
        if check.subject is Subject.NODE and check.name not in NAMES
    ]
    only = names if shipped else ["usual"]
    return [
        *TOLERANT, sys.executable, "-m", "b2ct", "validate", "--site", folder / "site.yaml",
        "--ssh-config", here.config, "--known-hosts", here.known_hosts, "--identity", here.key,
        "--report", folder / "report",
        *(word for name in only for word in ("--only", name)),
        *(() if shipped else ("--checks", CHECKS)),
    ]  # fmt: skip


def _peer(here: Ground, folder: Path, shipped: bool) -> list[str | Path]:
    hosts = ",".join(f"paramiko://{site_address(one)}" for one in here.machines.values())
    config = folder / "peer_config"
    config.write_text(
        f"{here.config.read_text()}Host *\n  User {here.user}\n  IdentityFile {here.key}\n"
        "  StrictHostKeyChecking no\n"
    )
    files = sorted(SUITES.glob("[a-z]*.py")) if shipped else sorted(CHECKS.glob("test_*.py"))
    return [
        *TOLERANT, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
        "-p", "b2ct.validate.plugin", "--b2ct-site", folder / "site.yaml", f"--hosts={hosts}",
        f"--ssh-config={config}", f"--junit-xml={folder / 'peer.xml'}", *files,
        "-k", " and ".join(f"not {name.replace('-', '_')}" for name in NAMES),
    ]  # fmt: skip


def _compared(folder: Path) -> str:
    """How many ended how. Exits where the two disagree: then it was not the same work."""
    report = json.loads((folder / "report/report.json").read_text())
    ours = {
        (node["address"], result["check"]): result["outcome"]
        for node in report["nodes"]
        for result in node["results"]
        if result["check"] not in ("answers-ssh", *NAMES)
    }
    peer = {}
    for case in Xml.parse(folder / "peer.xml").iter("testcase"):
        name, _, host = case.attrib["name"].rstrip("]").partition("[")
        kinds = {"skipped": "skipped", "failure": "failed", "error": "not-run"}
        found = [kinds[child.tag] for child in case if child.tag in kinds]
        check = name.removeprefix("test_").replace("_", "-")
        if host:
            peer[host.partition("://")[2], check] = found[0] if found else "passed"
    # Who wants no `host` is run once by pytest, for all nodes.
    asked = {check for _, check in peer}
    ours = {key: outcome for key, outcome in ours.items() if key[1] in asked}
    wrong = [key for key in {*ours, *peer} if ours.get(key) != peer.get(key)]
    for key in sorted(wrong)[:10]:
        print(f"{key}: ours {ours.get(key)}, pytest {peer.get(key)}", file=sys.stderr)
    if wrong:
        sys.exit(f"the two disagree on {len(wrong)} of {len(ours)} results")
    return ", ".join(f"{number} {word}" for word, number in sorted(Counter(ours.values()).items()))


if __name__ == "__main__":
    main()
