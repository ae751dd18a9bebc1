"""The timer of `b2ct reap` on the control node, and the limits that it is given."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from b2ct.cloud.reaper import rules
from b2ct.site.catalogue import Role
from b2ct.site.load import load
from b2ct.site.model import Site
from tests.kickstart.concerns.machine import Machine, machine, rendered, site, user

DIRAC = {"cloud": {"dirac": {}}, "secrets": {"dirac_password": {"file": "dirac.txt"}}}
UNITS = "/etc/systemd/system/b2ct-reaper"


def control(root: Path, release: str = "el9", **parts: Any) -> tuple[Site, Machine]:
    described = site(release={"version": release}, **{**DIRAC, **parts})
    return described, machine(root, described, Role.CONTROL)


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {
            "reaper": {
                "silent": "off",
                "idle": "2 h",
                "idle_cpu": 2.5,
                "poweroff": "0 s",
                "age": "off",
                "prefixes": ["VMDIRAC3_", "b2ct.x-"],
                "user": "dirac@vo",
            }
        },
        {"reaper": {"age": "9 d"}, "workers": {"long": {"lifetime": "8 d"}, "b": {}}},
        {"workers": {"short": {"lifetime": "1 h"}}, "reaper": {"age": "2 h"}},
    ],
)
def test_the_machine_is_given_the_limits_of_the_site(parts: dict[str, Any], tmp_path: Path) -> None:
    described, made = control(tmp_path, **parts)
    told = load(made.path("/etc/b2ct/reaper.yaml"))
    assert rules.of_site(told) == rules.of_site(described)
    assert told.reaped_user == described.reaped_user
    assert told.reaper.prefixes == described.reaper.prefixes


def test_the_timer_runs_as_oneadmin_and_is_enabled(tmp_path: Path) -> None:
    described, made = control(tmp_path, reaper={"interval": "10 min"})
    service = made.path(f"{UNITS}.service").read_text()
    assert "\nUser=oneadmin\n" in service
    assert "\nOnUnitInactiveSec=600s\n" in made.path(f"{UNITS}.timer").read_text()
    assert "enable b2ct-reaper.timer" in rendered(described, Role.CONTROL)["reaper"].post
    assert "reaper" not in rendered(described, Role.HYPERVISOR)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    _, made = control(tmp_path)
    text = made.path(f"{UNITS}.service").read_text()
    made.path(f"{UNITS}.service").write_text(
        text.replace("/usr/libexec/b2ct/reap", "/bin/true").replace("User=oneadmin", "User=root")
    )
    files = [made.path(f"{UNITS}.{kind}") for kind in ("service", "timer")]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *files],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "b2ct-reaper" not in done.stderr, done.stderr


def test_without_b2ct_it_says_so_and_does_nothing(tmp_path: Path) -> None:
    _, made = control(tmp_path)
    done = made.run("/usr/libexec/b2ct/reap")
    assert done.stdout == "B2CT is not installed as /opt/b2ct/bin/b2ct: nothing is terminated\n"


def test_with_b2ct_it_runs_it(tmp_path: Path) -> None:
    _, made = control(tmp_path)
    made.environment["B2CT_ONE_USER"] = user()
    first = made.run(made.step("reaper"))
    assert "B2CT is not in /opt/b2ct; docs/reaper.md says how" in first.stdout
    assert made.path("/var/log/b2ct-reaper").stat().st_mode & 0o777 == 0o750
    program = made.path("/opt/b2ct/bin/b2ct")
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/bash\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    assert made.run("/usr/libexec/b2ct/reap", "--dry-run").stdout.split() == [
        *("reap", "--site", f"{tmp_path}/etc/b2ct/reaper.yaml"),
        *("--journal", f"{tmp_path}/var/log/b2ct-reaper/journal", "--dry-run"),
    ]
    assert made.run(made.step("reaper")).stdout == ""


@pytest.mark.parametrize(
    ("release", "parts"),
    [
        ("el9", {"reaper": {"enabled": False}}),
        ("el9", {"cloud": {}, "secrets": {}}),
        ("el6", {}),  # no Python there runs B2CT
    ],
)
def test_where_there_is_nobody_to_reap_there_is_no_timer(
    release: str, parts: dict[str, Any], tmp_path: Path
) -> None:
    described, made = control(tmp_path, release, **parts)
    assert not made.path(f"{UNITS}.timer").exists()
    assert "b2ct-reaper" not in rendered(described, Role.CONTROL)["reaper"].post
