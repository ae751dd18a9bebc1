"""`b2ct kickstart` from the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SITE = """\
site: {name: desy, domain: b2ct.example.org, keyboard: de}
networks:
  service: {cidr: 10.0.0.0/24, gateway: 10.0.0.1, dns: [10.0.0.1]}
nodes:
  - name: one
    role: control
    interfaces: [{network: service, mac: "52:54:00:00:00:01", address: 10.0.0.10}]
  - name: hv01
    role: hypervisor
    interfaces: [{network: service, mac: "52:54:00:00:00:11", address: 10.0.0.11}]
secrets:
  root_password: {file: root.txt}
"""


def b2ct(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "b2ct", "kickstart", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "site.yaml").write_text(SITE)
    secret = tmp_path / "root.txt"
    secret.write_text("correct horse\n")
    secret.chmod(0o600)
    return tmp_path


def test_without_a_site_everything_is_asked_and_that_is_said(tmp_path: Path) -> None:
    done = b2ct(tmp_path, "--role", "hypervisor")
    assert done.returncode == 0
    assert done.stdout.startswith("# B2CT kickstart: hypervisor node\ntext\n")
    assert "there is no site.yaml here: everything is asked" in done.stderr


def test_a_node_into_a_file_that_only_its_owner_reads(site: Path) -> None:
    done = b2ct(site, "--node", "hv01", "-o", "hv01.ks", "--lint")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    text = (site / "hv01.ks").read_text()
    assert "rootpw --iscrypted '$6$" in text
    assert "correct horse" not in text
    assert (site / "hv01.ks").stat().st_mode & 0o777 == 0o600
    assert "hv01.ks written" in done.stderr


def test_the_same_inputs_give_the_same_bytes(site: Path) -> None:
    one, two = (b2ct(site, "--role", "control").stdout for _ in range(2))
    assert one == two


def test_json(site: Path) -> None:
    done = b2ct(site, "--role", "control", "--role", "hypervisor", "--json", "--release", "el7")
    told = json.loads(done.stdout)
    assert (told["name"], told["release"]) == ("auto.ks", "el7")
    assert told["text"].startswith("# B2CT kickstart: ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--role", "control", "--site", "missing.yaml"], "missing.yaml"),
        ([], "no role is given"),
        (["--node", "hv99"], "the site has no node 'hv99'"),
        (["--node", "hv01", "--role", "control"], "the role of hv01 is hypervisor"),
        (["--role", "control", "--release", "el5"], "unknown release 'el5'"),
        (["--role", "control", "-o", "no/such/x.ks"], "no/such/x.ks"),
        (["--role", "nobody"], "nobody"),
    ],
)
def test_refusals_write_nothing(site: Path, words: list[str], message: str) -> None:
    before = sorted(site.iterdir())
    done = b2ct(site, *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert sorted(site.iterdir()) == before
