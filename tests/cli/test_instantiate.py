"""`b2ct instantiate`, as users run it."""

from __future__ import annotations

import json
import signal

import pytest

from tests.cli.cloud import Cloud, cloud, good, wait_until
from tests.cli.program import assert_refused

__all__ = ["cloud"]


@pytest.fixture
def template(cloud: Cloud) -> str:
    cloud.double.rpc("one.template.allocate", 'NAME="t"\nCPU="1"\nMEMORY="64"')
    return "t"


def test_not_waiting(cloud: Cloud, template: str) -> None:
    done = cloud.b2ct("instantiate", template, "--count", "2", "--name", "w")
    assert good(done).splitlines() == ["0  w-1", "1  w-2"]
    rows = json.loads(good(cloud.b2ct("instantiate", template, "--json")))
    assert [(row["id"], row["state"]) for row in rows] == [(2, None)]
    assert rows[0]["name"].startswith("t-")
    # By its ID the template gives its VMs its name too.
    (row,) = json.loads(good(cloud.b2ct("instantiate", "0", "--json")))
    assert row["name"].startswith("t-")


def test_waiting(cloud: Cloud, template: str) -> None:
    cloud.double.add_host("hv0")
    done = cloud.b2ct("instantiate", template, "--name", "w", "--wait")
    assert good(done) == "0  w  RUNNING  on hv0\n"
    assert "VM 0 (w): RUNNING" in done.stderr


def test_one_that_fails(cloud: Cloud, template: str) -> None:
    cloud.double.add_host("hv0")
    cloud.double.faults.fail_boot("w-1")
    done = cloud.b2ct("instantiate", template, "--count", "2", "--name", "w", "--wait")
    assert done.returncode == 1
    assert done.stdout.splitlines()[1] == "1  w-2  RUNNING  on hv0"
    assert "1 of 2 VMs are as wanted: VM 0 (w-1) does not run: BOOT_FAILURE" in done.stderr
    assert "onevm recover 0 --retry" in done.stderr


def test_ctrl_c_while_vms_start(cloud: Cloud, template: str) -> None:
    process = cloud.start("instantiate", template, "--count", "2", "--wait")
    wait_until(lambda: len(cloud.double.cloud.vms) == 2 and "one.vm.info" in cloud.double.calls)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "2 of 2 VMs are submitted, and go on" in said


def test_why_not(cloud: Cloud, template: str) -> None:
    done = cloud.b2ct("instantiate", template, "--wait", "--timeout", "1", "--json")
    assert done.returncode == 1
    assert "there is no hypervisor" in done.stderr
    assert json.loads(done.stdout)[0]["state"] == "PENDING"
    assert_refused(cloud.b2ct("instantiate", "none"), "no VM template 'none'", "there are: t")
    assert_refused(cloud.b2ct("instantiate", template, "--count", "0"), "--count 0")
