"""`workers:` and the servers that VMs ask: what cannot work is said with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.core.errors import InvalidFileError
from b2ct.site import advice, schema, summary
from b2ct.site.load import load, load_text
from b2ct.site.workers import Worker

NETWORK = "cidr: 10.0.0.0/24, bridge: br0, vm_range: {first: 10.0.0.9, last: 10.0.0.99}"
VMS = f"networks: {{vms: {{{NETWORK}}}}}\n"


def said(text: str) -> str:
    with pytest.raises(InvalidFileError) as caught:
        load_text(text)
    return "\n".join(caught.value.lines())


# (a site that cannot work, what is said, the same site mended)
CASES = [
    (
        f"{VMS}workers:\n  w: {{networks: [vm]}}\n",
        'site.yaml:3:18: workers.w.networks[0]: "vm": there is no such network in `networks`'
        " (hint: did you mean vms?)",
        f"{VMS}workers:\n  w: {{networks: [vms]}}\n",
    ),
    (
        "networks:\n  vms: {bridge: br0}\nworkers: {w: {networks: [vms]}}\n",
        "this network has no `vm_range` of addresses for VMs (line 2) (hint: add `vm_range` to it)",
        f"{VMS}workers: {{w: {{networks: [vms]}}}}\n",
    ),
    (
        f"networks: {{vms: {{{NETWORK.replace('bridge: br0, ', '')}}}}}\n"
        "workers: {w: {networks: [vms]}}\n",
        "this network has no `bridge` to attach VMs to",
        f"{VMS}workers: {{w: {{networks: [vms]}}}}\n",
    ),
    (
        f"{VMS}workers: {{w: {{networks: [vms, vms]}}}}\n",
        'workers.w.networks[1]: "vms": stands in this list twice',
        f"{VMS}workers: {{w: {{networks: [vms]}}}}\n",
    ),
    (
        "workers: {w: {disk: 22 GiB}}\n",
        '1:21: workers.w.disk: "22 GiB": of 22 GiB has no room for the CVMFS cache of 20 GiB and'
        " the system's 3 GiB",
        "workers: {w: {disk: 23 GiB}}\n",
    ),
    (
        "workers: {w: {cvmfs: {quota: 50 GiB}}}\n",
        "of 40 GiB has no room for the CVMFS cache of 50 GiB",
        "workers: {w: {cvmfs: {quota: 30 GiB}}}\n",
    ),
    (
        "workers: {w: {idle: {span: 11 min}}}\n",
        'workers.w.idle.span: "11 min": expected less than the period, 10 min',
        "workers: {w: {idle: {span: 9 min}}}\n",
    ),
    (
        "workers: {w: {idle: {period: 5 min}}}\n",
        "workers.w.idle.margin: expected less than the period, 5 min",
        "workers: {w: {idle: {period: 301 s}}}\n",
    ),
    (
        "workers: {squid: {}}\n",
        "1:11: workers.squid: squid is the VM that runs the squid: expected another name",
        "workers: {squids: {}}\n",
    ),
    (
        "workers: {w: {environment: {B2CT_SITE: x}}}\n",
        "B2CT sets this variable itself",
        "workers: {w: {environment: {MY_SITE: x}}}\n",
    ),
    *(
        (
            f"workers: {{w: {{environment: {{{name}: x}}}}}}\n",
            f"site.yaml:1:{len(name) + 31}: workers.w.environment.{name}: ",
            f"workers: {{w: {{environment: {{MY_{name}: x}}}}}}\n",
        )
        for name in ("PATH", "HOME", "IFS", "BASH_ENV", "ENV", "LD_PRELOAD", "LD_LIBRARY_PATH")
    ),
    (
        # squid admits KEK's server alone, and only CERN's have what kek.jp's key is in.
        "cvmfs:\n  repositories: [belle.kek.jp]\n"
        "  stratum1: ['http://cvmfs-stratum-one.cc.kek.jp:8000']\n",
        "3:13: cvmfs.stratum1: none of these serves cvmfs-config.cern.ch, from which VMs get the "
        "public key of belle.kek.jp",
        "cvmfs:\n  repositories: [belle.kek.jp]\n"
        "  stratum1: ['http://cvmfs-stratum-one.cc.kek.jp:8000', 'http://s1.example.org']\n",
    ),
    (
        "cvmfs: {repositories: [belle.cern.ch], stratum1: ['http://grid-cvmfs-one.desy.de:8000']}\n"
        "workers: {w: {cvmfs: {repositories: [a.example.org]}}}\n",
        "the public key of a.example.org",
        "cvmfs: {repositories: [belle.cern.ch], stratum1: ['http://grid-cvmfs-one.desy.de:8000']}\n",
    ),
    (
        "squid: {external: ['http://p.example.org']}\n",
        "expected http://HOST:PORT and nothing else",
        "squid: {external: ['http://p.example.org:3128/']}\n",
    ),
    (
        "squid: {backup: ['https://p.example.org:3128']}\n",
        'squid.backup[0]: "https://p.example.org:3128": expected http://HOST:PORT',
        "squid: {backup: ['http://p.example.org:3128']}\n",
    ),
    (
        "cvmfs: {stratum1: ['https://s1.example.org']}\n",
        "expected http://HOST or http://HOST:PORT and nothing else",
        "cvmfs: {stratum1: ['http://s1.example.org']}\n",
    ),
    (
        "cvmfs: {pac_urls: ['http://wpad/a;b']}\n",
        "CVMFS would misread",
        "cvmfs: {pac_urls: ['http://wpad/wpad.dat']}\n",
    ),
]


@pytest.mark.parametrize(("bad", "expected", "good"), CASES)
def test_findings(bad: str, expected: str, good: str) -> None:
    assert expected in said(bad)
    load_text(good)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("workers: {Big: {}}", "a short name of lower-case letters, digits and '-'"),
        ("workers: {w: {lifetime: 3}}", "a time with its unit, such as 600 s, 30 min, 12 h or 3 d"),
        ("workers: {w: {lifetime: 99999 d}}", "a time of at most ten years"),
        ("workers: {w: {lifetime: 1 s}}", "at least 1 min"),
        ("workers: {w: {memory: 1 MiB}}", "256 MiB"),
        ("workers: {w: {cpu: 0}}", "greater than 0"),
        ("workers: {w: {idle: {load: nan}}}", "finite number"),
        ("workers: {w: {idle: {mode: on}}}", "poweroff"),
        ("workers: {w: {mounts: nfs}}", "autofs"),
        ("workers: {w: {environment: {a b: x}}}", "the name of an environment variable"),
        ("workers: {w: {image: ../x}}", "a short name"),
        ("workers: {w: {lifetim: 1 d}}", "did you mean lifetime?"),
    ],
)
def test_values(text: str, expected: str) -> None:
    assert expected in said(text)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("600 s", 600), ("30 min", 1800), ("1.5 h", 5400), ("3 d", 259200), ("2d", 172800)],
)
def test_times(written: str, seconds: int) -> None:
    assert load_text(f"workers: {{w: {{lifetime: {written}}}}}").workers["w"].lifetime == seconds


def test_files_that_are_not_there_or_cannot_work(tmp_path: Path) -> None:
    (tmp_path / "good.sh").write_text("#!/bin/sh\n")
    (tmp_path / "bad.sh").write_text("echo\n")
    file = tmp_path / "site.yaml"
    file.write_text(
        "cvmfs: {keys: {kek.jp: kek.pub}}\n"
        "workers:\n"
        "  w:\n"
        "    scripts: [good.sh, bad.sh, none.sh]\n"
        "    user_data: good.sh\n"
    )
    with pytest.raises(InvalidFileError) as caught:
        load(file)
    lines = caught.value.lines()
    assert len(lines) == 3
    assert lines[0].startswith(f"{file}:1:24: cvmfs.keys.kek.jp: ")
    assert "there is no file" in lines[0]
    assert lines[1].startswith(f'{file}:4:24: workers.w.scripts[1]: "bad.sh": does not say what')
    assert f"there is no file {tmp_path / 'none.sh'}" in lines[2]


def test_a_site_with_the_key_itself_needs_no_configuration_repository(tmp_path: Path) -> None:
    (tmp_path / "kek.pub").write_text(
        "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n"
    )
    file = tmp_path / "site.yaml"
    file.write_text(
        "cvmfs: {repositories: [belle.kek.jp], keys: {kek.jp: kek.pub},"
        " stratum1: ['http://cvmfs-stratum-one.cc.kek.jp:8000']}\n"
    )
    load(file)


def test_one_wrong_bridge_is_one_problem() -> None:
    text = (
        f"{VMS.replace('br0', 'a-bridge-of-too-many-letters')}workers: {{w: {{networks: [vms]}}}}"
    )
    assert len(said(text).splitlines()) == 1


def test_the_networks_of_a_worker() -> None:
    described = load_text(f"{VMS}workers: {{a: , b: {{networks: [vms]}}}}")
    assert described.networks_of(described.workers["a"]) == ("vms",)
    assert load_text("networks: {x: {bridge: br0}}").networks_of(Worker()) == ()


def test_the_summary_says_which_workers_there_are() -> None:
    default = "\n".join(summary.lines(summary.of(load_text(VMS))))
    assert (
        "workers     b2ct-worker  el9-worker: 1 CPU, 1 VCPU, 2 GiB memory, 40 GiB disk, on vms,"
        " at most 3 d (the default: `workers` is left out)" in default
    )
    own = summary.of(load_text(f"{VMS}workers: {{w: {{cpu: 0.5, idle: {{mode: dry-run}}}}}}"))
    assert own.workers["w"].startswith("el9-worker: 0.5 CPU")
    assert own.workers["w"].endswith("at most 3 d, idle rule tried only")


def test_advice() -> None:
    described = load_text("workers: {w: {idle: {mode: off}}}")
    told = "\n".join(advice.warnings(described))
    assert "VMs of w are on no network" in told
    assert "unused VMs of w run on until their lifetime ends" in told


def test_the_schema_shows_times_as_they_are_written() -> None:
    parts = schema.build()["$defs"]
    assert parts["Worker"]["properties"]["lifetime"]["default"] == "3 d"
    assert parts["Idle"]["properties"]["grace"]["default"] == "30 min"
    assert parts["Worker"]["properties"]["memory"]["default"] == "2 GiB"
