"""The same checks under plain pytest with testinfra's own connections."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ssh.sshds import Ground, ground, needs_sshd, site_address

pytestmark = [
    needs_sshd,
    pytest.mark.skipif(os.geteuid() != 0, reason="the sshd of a test lets its own user in"),
]
CHECKS = """
from b2ct.validate.check import CONTROL, check, fail, not_applicable, site_check


@check(proves="a", why="b", remedy="c")
def test_role(host, node, site, options):
    assert site.node(node.name) is node
    assert options.folder.is_absolute()
    assert host.check_output("echo here") == "here"


@check(proves="a", why="b", remedy="c", roles=CONTROL)
def test_control(host, node):
    fail("it is off")


@check(proves="a", why="b", remedy="c")
def test_nothing(host):
    not_applicable("there is none")


@site_check(proves="a", why="b", remedy="c")
def test_together(hosts, cloud):
    raise AssertionError("never")
"""


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Ground]:
    with ground(tmp_path, "one", "hv1") as made:
        (tmp_path / "site.yaml").write_text(made.text())
        (tmp_path / "test_own.py").write_text(CHECKS)
        yield made


def ran(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable, "-m", "pytest", "-p", "b2ct.validate.plugin", "-p", "no:cacheprovider",
            "-rsf", *words, "test_own.py",
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_nodes_by_address_and_checks_by_role(here: Ground, tmp_path: Path) -> None:
    config = here.config
    config.write_text(
        f"{config.read_text()}Host *\n  User root\n  IdentityFile {here.key}\n"
        "  StrictHostKeyChecking no\n"
    )
    hosts = ",".join(f"paramiko://{site_address(one)}" for one in here.machines.values())
    done = ran(tmp_path, f"--hosts={hosts}", f"--ssh-config={config}")
    assert "1 failed, 2 passed, 3 skipped, 1 deselected" in done.stdout, done.stdout
    assert "FAILED test_own.py::test_control[paramiko://10.77.0.1]" in done.stdout
    assert "there is none" in done.stdout
    assert "run under `b2ct validate` only" in done.stdout


def test_a_host_that_is_no_node(here: Ground, tmp_path: Path) -> None:
    done = ran(tmp_path, "--hosts=local://", "-k", "role")
    assert "site.yaml has no node with the address" in done.stdout


def test_a_site_that_is_wrong_is_told_in_lines(here: Ground, tmp_path: Path) -> None:
    done = ran(tmp_path, "--b2ct-site", "nowhere.yaml")
    assert done.returncode == 4
    assert "nowhere.yaml" in done.stderr
    assert "Traceback" not in done.stderr
