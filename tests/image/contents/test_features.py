"""Machine and job features (HSF-TN-2016-02): a file a value, from the context and the machine."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.image.contents.worker import LIBEXEC, WORKER, sh

BOOT = 1_700_000_000


class Machine:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        proc = folder / "proc"
        proc.mkdir()
        (proc / "cpuinfo").write_text(
            "".join(f"processor\t: {n}\nmodel\t: x\n\n" for n in range(4))
        )
        (proc / "stat").write_text(f"cpu 1 2 3\nbtime {BOOT}\n")
        (proc / "meminfo").write_text("MemTotal: 8000000 kB\nSwapTotal: 0 kB\n")
        (folder / "etc/b2ct").mkdir(parents=True)

    def features(self, config: str = "", idle: str = "") -> dict[str, str]:
        (self.folder / "etc/b2ct/features.conf").write_text(config)
        (self.folder / "etc/b2ct/idle.conf").write_text(idle)
        env = {"ROOT": str(self.folder), "B2CT_PROC": str(self.folder / "proc")}
        done = sh(LIBEXEC / "features", env=env)
        assert done.returncode == 0, done.stderr
        self.said = done.stderr
        return {
            f"{kind[0]}/{path.name}": path.read_text().removesuffix("\n")
            for kind in ("machinefeatures", "jobfeatures")
            for path in (self.folder / "etc" / kind).iterdir()
        }


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_what_the_machine_knows(machine: Machine) -> None:
    shipped = (WORKER / "etc/b2ct/features.conf").read_text()
    assert machine.features(shipped, (WORKER / "etc/b2ct/idle.conf").read_text()) == {
        "m/total_cpu": "4",
        "j/allocated_cpu": "4",
        "j/jobstart_secs": str(BOOT),
        "j/max_rss_bytes": str(8_000_000 * 1024),
        "j/max_swap_bytes": "0",
    }


def test_a_lifetime_gives_shutdown_time_and_limits(machine: Machine) -> None:
    found = machine.features("", "LIFETIME=259200\n")
    assert found["m/shutdowntime"] == found["j/shutdowntime_job"] == str(BOOT + 259200)
    assert found["j/wall_limit_secs"] == "259200"
    assert found["j/cpu_limit_secs"] == str(4 * 259200)


@pytest.mark.parametrize("mode", ["off", "dry-run"])
def test_a_vm_that_does_not_power_off_has_no_shutdown_time(machine: Machine, mode: str) -> None:
    assert "m/shutdowntime" not in machine.features("", f"MODE={mode}\nLIFETIME=259200\n")


def test_the_context_wins(machine: Machine) -> None:
    config = "hs06_per_cpu=12.5\nallocated_cpu=1\nmax_rss_bytes=2147483648\njob_id=b2ct-17\n"
    found = machine.features(config)
    assert (found["m/hs06"], found["j/hs06_job"]) == ("50", "12.5")
    assert (found["j/allocated_cpu"], found["j/max_rss_bytes"]) == ("1", "2147483648")
    assert found["j/job_id"] == "b2ct-17"


def test_a_second_run_takes_away_what_is_no_longer_said(machine: Machine) -> None:
    assert "m/hs06" in machine.features("hs06=40\n")
    assert "m/hs06" not in machine.features("")


@pytest.mark.parametrize("value", ["many", "-3", "1e9", "$(id)", "4; reboot"])
def test_what_is_no_number_is_left_out_and_told(machine: Machine, value: str) -> None:
    found = machine.features(f"hs06={value}\n")
    assert "m/hs06" not in found
    assert f"hs06='{value}' is not a number and is left out" in machine.said


@pytest.mark.parametrize("awk", [awk for awk in ("mawk", "gawk", "busybox") if shutil.which(awk)])
def test_every_awk_says_the_same(machine: Machine, awk: str) -> None:
    machine.features("hs06_per_cpu=10.25\n", "LIFETIME=2592000\n")
    etc = machine.folder / "etc/b2ct"
    program = [awk, "awk"] if awk == "busybox" else [awk]
    settings = {"features": etc / "features.conf", "idle": etc / "idle.conf"}
    options = [f"-v{k}={v}" for k, v in {**settings, "proc": machine.folder / "proc"}.items()]
    done = subprocess.run(
        [*program, *options, "-f", str(LIBEXEC / "features.awk")],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert "machinefeatures hs06 41" in lines
    assert f"machinefeatures shutdowntime {BOOT + 2592000}" in lines
    assert "jobfeatures cpu_limit_secs 10368000" in lines
    assert "jobfeatures max_rss_bytes 8192000000" in lines
