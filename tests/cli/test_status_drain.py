"""`b2ct status` and `b2ct drain` from the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from b2ct.rehearsal.oned import OnedDouble
from tests.cli.program import assert_refused, b2ct

VM = 'NAME="w" CPU="1" MEMORY="1024"'


def _running_vm(double: OnedDouble) -> int:
    """A host hv01 with a VM that runs."""
    double.add_host("hv01", cores=8, memory_gb=16)
    double.until(lambda: double.cloud.hosts[0].last_monitored > 0)
    number = _new(double, "one.template.allocate", VM.replace(" ", "\n"))
    vm = _new(double, "one.template.instantiate", number, "w-1", False, "", False)
    double.until(lambda: double.cloud.vms[vm].state_name == "RUNNING")
    return vm


def _new(double: OnedDouble, method: str, *arguments: object) -> int:
    return int(double.rpc(method, *arguments))


def test_a_healthy_cloud(frontend: OnedDouble, tmp_path: Path) -> None:
    _running_vm(frontend)
    done = b2ct("status", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "hv01" in done.stdout
    assert "VMs         1 RUNNING" in done.stdout
    assert done.stdout.endswith("no problems\n")


def test_problems_come_with_their_remedy(frontend: OnedDouble, tmp_path: Path) -> None:
    _running_vm(frontend)
    frontend.cloud.hosts[0].fail("cannot reach it")
    done = b2ct("status", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert "! host hv01: ERROR: cannot reach it\n    hint: " in done.stdout
    told = json.loads(b2ct("status", "--json", cwd=tmp_path).stdout)
    assert told["healthy"] is False
    assert [problem["kind"] for problem in told["problems"]] == ["host", "hosts"]


def test_a_site_of_another_version_than_the_server_is_told(
    frontend: OnedDouble, tmp_path: Path
) -> None:
    """As in `b2ct plan`; the header says what is there."""
    site = (Path(__file__).parents[2] / "docs/examples/minimal.yaml").read_text()
    (tmp_path / "site.yaml").write_text(f'{site}\nopennebula: {{version: "7.0"}}\n')
    done = b2ct("status", cwd=tmp_path)
    assert done.stdout.startswith("OpenNebula 6.10.5\n")
    assert "note: site.yaml says OpenNebula 7.0, the server is 6.10.5\n" in done.stdout
    told = json.loads(b2ct("status", "--json", cwd=tmp_path).stdout)
    assert told["other"] == "site.yaml says OpenNebula 7.0, the server is 6.10.5"


def test_what_cannot_be_asked_is_refused(frontend: OnedDouble, tmp_path: Path) -> None:
    frontend.stop()
    assert_refused(b2ct("status", cwd=tmp_path), "127.0.0.1")


def test_watching_ends_cleanly(frontend: OnedDouble, tmp_path: Path) -> None:
    _running_vm(frontend)
    words = [sys.executable, "-m", "b2ct", "status", "--watch", "--json", "--interval", "0.1"]
    with subprocess.Popen(
        words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        looks = [json.loads(child.stdout.readline()) for _ in range(3)]
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=60)
    assert [look["vms"] for look in looks] == [{"RUNNING": 1}] * 3
    assert (child.returncode, err) == (0, "")


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_watching_on_a_terminal_is_redrawn(frontend: OnedDouble, tmp_path: Path, term: str) -> None:
    """Where the terminal can; what it cannot redraw follows what was there."""
    _running_vm(frontend)
    child = pexpect.spawn(
        sys.executable, ["-m", "b2ct", "status", "--watch", "--interval", "0.1"],
        cwd=str(tmp_path), encoding="utf-8", timeout=60, dimensions=(40, 100),
        env={**os.environ, "TERM": term},
    )  # fmt: skip
    child.expect("1 RUNNING")
    frontend.cloud.hosts[0].fail("gone")
    child.expect("ERROR: gone")
    assert ("\x1b[" in child.before) == (term == "xterm")
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 1


def test_draining_says_what_remains(frontend: OnedDouble, tmp_path: Path) -> None:
    vm = _running_vm(frontend)
    dry = b2ct("drain", "hv01", "--dry-run", cwd=tmp_path)
    assert (dry.returncode, dry.stdout) == (0, f"VM {vm}  w-1  RUNNING  of oneadmin\n")
    assert frontend.cloud.hosts[0].state.name == "MONITORED"
    done = b2ct("drain", "hv01", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"VM {vm}  w-1  RUNNING  of oneadmin\n")
    assert "hv01 takes no more VMs" in done.stderr
    assert frontend.cloud.hosts[0].state.name == "DISABLED"
    waited = b2ct("drain", "hv01", "--wait", "--timeout", "1", cwd=tmp_path)
    assert waited.returncode == 1
    assert "1 VM(s) remain on hv01" in waited.stderr
    told = json.loads(b2ct("drain", "0", "--json", cwd=tmp_path).stdout)
    assert told["vms"] == [{"id": vm, "name": "w-1", "owner": "oneadmin", "status": "RUNNING"}]
    back = b2ct("drain", "hv01", "--undo", cwd=tmp_path)
    assert (back.returncode, back.stdout) == (0, "")
    frontend.until(lambda: frontend.cloud.hosts[0].state.name == "MONITORED")


def test_waiting_until_the_last_vm_has_ended(frontend: OnedDouble, tmp_path: Path) -> None:
    vm = _running_vm(frontend)
    words = [sys.executable, "-m", "b2ct", "drain", "hv01", "--wait"]
    with subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        while "1 VM(s) on hv01" not in child.stderr.readline():
            assert child.poll() is None
        frontend.rpc("one.vm.action", "terminate", vm)
        _, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (0, "0 VM(s) on hv01\n")


def test_moving_vms_away(frontend: OnedDouble, tmp_path: Path) -> None:
    vm = _running_vm(frontend)
    full = b2ct("drain", "hv01", "--migrate", cwd=tmp_path)
    assert full.returncode == 1
    assert f"VM {vm} (w-1) stays: no other host of cluster default has room" in full.stderr
    frontend.add_host("hv02", cores=8, memory_gb=16)
    frontend.until(lambda: frontend.cloud.hosts[1].last_monitored > 0)
    done = b2ct("drain", "hv01", "--migrate", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert f"moves VM {vm} (w-1) to hv02" in done.stderr
    assert frontend.cloud.hosts[1].vms == {vm}


@pytest.mark.parametrize(
    ("words", "expected"),
    [(["hv99"], "its hosts are: hv01"), (["hv01", "--undo", "--wait"], "--undo goes with")],
)
def test_refusals(
    frontend: OnedDouble,
    tmp_path: Path,
    words: list[str],
    expected: str,
) -> None:
    frontend.add_host("hv01")
    done = b2ct("drain", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert expected in done.stderr
    assert frontend.cloud.hosts[0].state.name != "DISABLED"
