"""`b2ct validate` as it is used, on real sshds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from tests.cli.program import assert_refused, b2ct
from tests.ssh.sshds import Ground, ground, needs_sshd

pytestmark = [
    needs_sshd,
    pytest.mark.skipif(os.geteuid() != 0, reason="the sshd of a test lets its own user in"),
]
CHECKS = """
from b2ct.validate.check import CONTROL, Severity, check, not_applicable, site_check


@check(proves="it is there", why="it matters", remedy="ssh {user}@{address} touch it")
def test_here_is_root(host):
    assert host.check_output("id -un") == "root", "it is somebody else"


@check(proves="a", why="the control node needs it", remedy="mend {node}", roles=CONTROL)
def test_here_fails(host, options):
    assert host.file("/no-such-file").exists, "/no-such-file is missing"


@check(proves="a", why="b", remedy="c", severity=Severity.WARNING)
def test_here_is_none(node):
    not_applicable(f"{node.name} has none")


@site_check(proves="a", why="b", remedy="c")
def test_here_together(hosts, site):
    assert set(hosts.each(lambda _, host: host.run("echo x").stdout)) == {"one", "hv1"}, "lost"
"""


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Ground]:
    with ground(tmp_path, "one", "hv1") as made:
        (tmp_path / "site.yaml").write_text(made.text())
        (tmp_path / "checks").mkdir()
        (tmp_path / "checks" / "test_here.py").write_text(CHECKS)
        yield made


def words(here: Ground, *more: str | Path, only: str = "here-*") -> list[str | Path]:
    return [
        "validate", "--ssh-config", here.config, "--identity", here.key,
        "--checks", "checks", "--only", only, *more,
    ]  # fmt: skip


def test_failures_come_first_with_their_remedy(here: Ground, tmp_path: Path) -> None:
    done = b2ct(*words(here), cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[:3] == [
        "FAILED   here-fails: the control node needs it",
        "         one: /no-such-file is missing",
        "         -> mend one",
    ]
    assert "hv1  hypervisor  ok, 2 passed, 1 not applicable" in done.stdout
    assert "the site              ok, 1 passed" in done.stdout
    assert "testing: 5 passed, 1 failed, 2 not applicable on 2 nodes in" in done.stdout
    assert "report: report/index.html" in done.stderr
    for name in ("report.json", "junit.xml", "index.html"):
        assert (tmp_path / "report" / name).stat().st_size > 500


def test_all_is_well(here: Ground, tmp_path: Path) -> None:
    done = b2ct(*words(here, "--no-report", "-q", only="here-is-root"), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "testing: 4 passed on 2 nodes" in done.stdout
    assert not (tmp_path / "report").exists()


def test_json_and_junit_for_programs(here: Ground, tmp_path: Path) -> None:
    done = b2ct(*words(here, "--json", "--report", "r"), cwd=tmp_path)
    assert done.returncode == 1
    said = json.loads(done.stdout)
    assert said == json.loads((tmp_path / "r" / "report.json").read_text())
    assert [node["name"] for node in said["nodes"]] == ["one", "hv1"]
    done = b2ct(*words(here, "--junit", "--no-report"), cwd=tmp_path)
    assert Xml.fromstring(done.stdout).attrib["failures"] == "1"
    done = b2ct(*words(here, "--junit", "--json"), cwd=tmp_path)
    assert_refused(done, "--json and --junit both want stdout")


def test_a_node_or_role_alone_leaves_the_site_out(here: Ground, tmp_path: Path) -> None:
    for option in (("--node", "hv1"), ("--role", "hypervisor")):
        done = b2ct(*words(here, *option, "--no-report"), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "testing: 2 passed, 1 not applicable on 1 node in" in done.stdout
        assert "the site" not in done.stdout


def test_one_node_away_is_a_finding_all_away_is_no_run(here: Ground, tmp_path: Path) -> None:
    here["hv1"].stop()
    done = b2ct(*words(here, "--no-report", only="here-is-root"), cwd=tmp_path)
    assert done.returncode == 1
    assert "hv1: 127.77.0.2 refuses connections" in done.stdout
    assert "systemctl enable --now sshd" in done.stdout
    assert "UNREACHABLE" in done.stdout
    here["one"].stop()
    done = b2ct(*words(here, "--no-report", only="here-is-root"), cwd=tmp_path)
    assert done.returncode == 2


def test_unknown_keys_are_refused_until_they_are_accepted(here: Ground, tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(here.text(pinned=False))
    (tmp_path / "known").write_text("")
    more = ("--known-hosts", "known", "--no-report")
    done = b2ct(*words(here, *more, only="here-is-root"), cwd=tmp_path)
    assert done.returncode == 2
    assert "is not known: it shows SHA256:" in done.stdout
    done = b2ct(*words(here, *more, "--accept-new", only="here-is-root"), cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr.count("is new; its key SHA256:") == 2
    done = b2ct(*words(here, *more, only="here-is-root"), cwd=tmp_path)
    assert done.returncode == 0


def test_ctrl_c_still_gives_a_report(here: Ground, tmp_path: Path) -> None:
    checks = tmp_path / "checks" / "test_here.py"
    checks.write_text(
        CHECKS.replace('host.check_output("id -un")', 'host.check_output("sleep 77")')
    )
    with subprocess.Popen(
        [sys.executable, "-m", "b2ct", *map(str, words(here, "--junit"))],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        for _ in range(600):  # both nodes are at it
            if (
                subprocess.run(
                    ["pgrep", "-fxc", "sleep 77"], capture_output=True, check=False
                ).stdout
                >= b"2"
            ):
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    said = json.loads((tmp_path / "report" / "report.json").read_text())
    assert said["interrupted"]
    assert [len(node["results"]) for node in said["nodes"]] == [1, 1]
    assert Xml.fromstring(out).attrib["tests"] == "2"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--node", "hv9"), "site.yaml has no node 'hv9'"),
        (("--node", "hv1", "--role", "control"), "no node has that name and that role"),
        (("--only", "no-such-check"), "no check fits 'no-such-check'"),
        (("--checks", "nowhere"), "there is no folder nowhere"),
        (("--site", "nowhere.yaml"), "nowhere.yaml"),
        (("--known-hosts", "nowhere"), "there is no file nowhere"),
        (("--identity", "nowhere"), "cannot read the private key nowhere"),
        (("--jump", "a:b"), "'a:b' is no jump host"),
        (("--ssh-config", "nowhere"), "cannot use nowhere"),
        (("--report", "site.yaml"), "cannot write the report to site.yaml"),
        (("--local",), "site.yaml has no such node"),
    ],
)
def test_what_cannot_be_is_refused_first(
    more: tuple[str, ...], said: str, here: Ground, tmp_path: Path
) -> None:
    done = b2ct(*words(here, *more), cwd=tmp_path)
    assert_refused(done, said)
    assert not (tmp_path / "report" / "report.json").exists()


def test_without_a_site_there_is_nothing_to_look_at(tmp_path: Path) -> None:
    assert_refused(b2ct("validate", cwd=tmp_path), "there is no site.yaml here")


def test_bad_checks_are_told_with_file_and_line(here: Ground, tmp_path: Path) -> None:
    (tmp_path / "checks" / "test_bad.py").write_text("\ndef test_x(host): pass\n")
    done = b2ct(*words(here), cwd=tmp_path)
    assert_refused(done, "checks/test_bad.py:2:1: test_x is no check")


def test_the_checks_are_listed_without_a_site(tmp_path: Path) -> None:
    done = b2ct("validate", "--list", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "answers-ssh" in done.stdout
    number = int(done.stderr.split()[0])
    assert number >= 60
    rows = json.loads(b2ct("validate", "--list", "--json", cwd=tmp_path).stdout)
    assert len(rows) == number + 1, "the first says whether a node answers, and is no check"
    assert all(row["proves"] and row["why"] and row["remedy"] for row in rows)


def test_on_the_node_itself_without_ssh(here: Ground, tmp_path: Path) -> None:
    here["one"].stop()
    done = b2ct(*words(here, "--local", "--node", "one", "--no-report"), cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "testing: 2 passed, 1 failed, 1 not applicable on 1 node" in done.stdout
