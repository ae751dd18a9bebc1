"""The runner of the first boot: order, retries, stamps, and what a person sees."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from b2ct.kickstart import compose
from b2ct.site import catalogue
from b2ct.site.catalogue import Role
from tests.kickstart.concerns.machine import Machine, machine, site


def prepared(root: Path, steps: dict[str, str]) -> Machine:
    """A machine whose steps are replaced by these, and whose sleep is short."""
    made = machine(root, site(), Role.CONTROL)
    folder = made.path("/usr/libexec/b2ct/firstboot.d")
    shutil.rmtree(folder)
    folder.mkdir()
    for name, body in steps.items():
        step = folder / name
        step.write_text(f"#!/bin/bash\n{body}\n")
        step.chmod(0o755)
    made.path("/etc/issue").write_text("AlmaLinux 9\n\\S\n")
    made.double("sleep")
    return made


def test_steps_run_in_order_until_each_succeeds(tmp_path: Path) -> None:
    made = prepared(
        tmp_path,
        {
            "02-first": 'echo first >> "$B2CT_ROOT/order"',
            "10-second": """
                echo second >> "$B2CT_ROOT/order"
                [ "$(grep -c second "$B2CT_ROOT/order")" -ge 3 ] ||
                  { echo noise; echo "the mirror"; exit 75; }""",
            "11-third": 'echo third >> "$B2CT_ROOT/order"',
        },
    )
    made.run("/usr/libexec/b2ct/firstboot")

    order = (tmp_path / "order").read_text().split()
    assert order == ["first", "second", "second", "second", "third"]
    assert made.calls("sleep") == ["5", "10"]
    console = made.path("/dev/console").read_text()
    assert "B2CT first boot: 0 of 3 done, working on first" in console
    assert "B2CT first boot: 1 of 3 done, second waits for the mirror" in console
    assert made.path("/etc/issue").read_text() == "AlmaLinux 9\n\\S\n"
    assert made.path("/var/lib/b2ct/firstboot.done").exists()
    log = made.path("/var/log/b2ct/firstboot.log")
    assert log.stat().st_mode & 0o777 == 0o600
    assert "noise" in log.read_text()
    assert "all 3 steps are done" in log.read_text()


def test_a_step_that_is_done_never_runs_again(tmp_path: Path) -> None:
    made = prepared(tmp_path, {"01-once": 'echo once >> "$B2CT_ROOT/order"'})
    made.run("/usr/libexec/b2ct/firstboot")
    made.run("/usr/libexec/b2ct/firstboot")
    assert (tmp_path / "order").read_text() == "once\n"


def test_while_it_waits_the_login_prompt_says_for_what(tmp_path: Path) -> None:
    # `sleep` is the moment at which a person looks; it ends the waiting.
    made = prepared(
        tmp_path,
        {"01-key": '[ -e "$B2CT_ROOT/seen" ] || { printf "the \\033[31mkey\\n"; exit 1; }'},
    )
    made.double("sleep", 'cp "$B2CT_ROOT/etc/issue" "$B2CT_ROOT/seen"')
    made.run("/usr/libexec/b2ct/firstboot")
    seen = (tmp_path / "seen").read_text()
    # Escape sequences of a step's output do not reach the terminal.
    assert seen == "AlmaLinux 9\n\\S\nB2CT first boot: 0 of 1 done, key waits for the ?[31mkey\n"


def test_the_pause_grows_and_stays_below_six_minutes(tmp_path: Path) -> None:
    made = prepared(
        tmp_path,
        {"01-slow": '[ "$(wc -l < "$B2CT_ROOT/sleep.calls" 2> /dev/null || echo 0)" -ge 9 ]'},
    )
    made.run("/usr/libexec/b2ct/firstboot")
    pauses = [int(line) for line in made.calls("sleep")]
    assert pauses == [5, 10, 20, 40, 80, 160, 320, 320, 320]


def test_logs_of_the_installation_are_moved_out_of_sight(tmp_path: Path) -> None:
    made = prepared(tmp_path, {"01-x": "true"})
    made.path("/var/log/b2ct-post-trust.log").write_text("said\n")
    made.run("/usr/libexec/b2ct/firstboot")
    assert made.path("/var/log/b2ct/b2ct-post-trust.log").read_text() == "said\n"
    assert made.path("/var/log/b2ct").stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
@pytest.mark.parametrize(
    "release", [r.key for r in catalogue.RELEASES.values() if r.init != "sysv"]
)
def test_systemd_finds_nothing_wrong_with_the_units(release: str, tmp_path: Path) -> None:
    made = machine(tmp_path, site(release={"version": release}), Role.SINGLE)
    units = sorted(made.path("/etc/systemd/system").glob("b2ct-*"))
    assert len(units) == 3
    for unit in units:
        # Units are checked where they are; what they start is in the same folder.
        unit.write_text(unit.read_text().replace("/usr/libexec", f"{tmp_path}/usr/libexec"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    mine = [line for line in done.stderr.splitlines() if "b2ct" in line]
    assert not mine
    assert done.returncode == 0, done.stderr


def test_el6_gets_an_init_script_and_a_cron_job_and_no_units(tmp_path: Path) -> None:
    made = machine(tmp_path, site(release={"version": "el6"}), Role.SINGLE)
    assert not made.path("/etc/systemd").exists()
    script = made.path("/etc/init.d/b2ct-firstboot").read_text()
    assert script.startswith("#!/bin/bash\n# chkconfig: ")
    cron = made.path("/etc/cron.d/b2ct-register").read_text()
    assert cron == "* * * * * root timeout -s KILL 900 /usr/libexec/b2ct/register\n"
    assert made.run("/etc/init.d/b2ct-firstboot", "nonsense", check=False).returncode == 2


@pytest.mark.parametrize("role", Role)
def test_packages_come_first_and_what_waits_for_others_comes_late(role: Role) -> None:
    order = compose.concerns(role)
    assert order.index("library") < order.index("repositories") < order.index("packages")
    assert order.index("packages") < order.index("datastores") < order.index("trust")
    if role is not Role.HYPERVISOR:
        assert order.index("trust") < order.index("opennebula-frontend")
    if role is not Role.CONTROL:
        assert order.index("opennebula-node") < order.index("trust")
