"""Unmodified DIRAC 9.1.22 with its own OpenNebula driver, through the gateway with TLS.

Without the gateway its status is always Unknown, and its kill kills nothing.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dirac.server import DiracServer
from tests.gateway.authority import Authority
from tests.gateway.cloud import KEY, SITE_DATA, Cloud
from tests.gateway.process import PASSWORD, USER, Running, running

pytestmark = pytest.mark.dirac
QUEUE = "localhost_b2ct-worker"
CONFIGURATION = """\
Resources {{ Sites {{ CLOUD {{ CLOUD.B2CT.it {{
  Name = B2CT
  CE = localhost
  VO = belle
  CEs {{ localhost {{
    CEType = Cloud
    CloudType = DIRAC.Resources.Computing.CloudProviders.OpenNebula.OpenNebula_6_0_NodeDriver
    CloudAuth = {auth}
    Driver_host = {host}
    Driver_port = {port}
    Driver_secure = {secure}
    Instance_Image = name:worker
    Instance_Flavor = name:b2ct-worker
    architecture = x86_64
    OS = EL9
    Queues {{ b2ct-worker {{
      maxCPUTime = 4320
      SI00 = 2500
      MaxTotalJobs = 20
      NumberOfProcessors = 1
      MaxRAM = 2048 }} }} }} }} }} }} }} }}
"""


def configuration(folder: Path, port: int, secure: str, host: str = "localhost") -> Path:
    auth = folder / "cloud.auth"
    auth.write_text(f"[DEFAULT]\nkey = {USER}\nsecret = {PASSWORD}\n")
    auth.chmod(0o600)
    path = folder / "resources.cfg"
    text = CONFIGURATION.format(auth=auth, port=port, secure=secure, host=host)
    # DIRAC's format has one token a line.
    lines = text.replace("{", "\n{\n").replace("}", "\n}\n").splitlines()
    path.write_text("\n".join(line.strip() for line in lines if line.strip()) + "\n")
    return path


@pytest.fixture
def secured(one: Cloud, authority: Authority, tmp_path: Path) -> Iterator[Running]:
    pair = authority.issue()
    files = {"certificate": str(pair.certificate), "key": str(pair.key)}
    with running(tmp_path, one.double.url, tls=True, **files) as made:
        yield made


def test_stock_dirac_fills_watches_and_empties_the_cloud(
    one: Cloud, secured: Running, authority: Authority, tmp_path: Path
) -> None:
    pilot = tmp_path / "pilot.sh"
    pilot.write_text("#!/bin/bash\necho the pilot\n")
    path = configuration(tmp_path, secured.port, "True")
    with DiracServer(path, tmp_path, SSL_CERT_FILE=str(authority.certificate)) as dirac:
        made = dirac("submitJob", str(pilot), "", 3, queue=QUEUE)
        assert made["OK"], dirac.log
        pilots = made["Value"]
        assert len(pilots) == 3, dirac.log
        vms = [int(pilot.removeprefix("cloud://")) for pilot in pilots]
        for vm in vms:
            context = one.context(vm)
            assert context["SSH_PUBLIC_KEY"] == KEY
            data = base64.b64decode(context["USERDATA"])
            assert base64.encodebytes(SITE_DATA.encode()).strip() in data
        one.double.until(lambda: all(one.state(vm) == "RUNNING" for vm in vms))

        def status() -> list[str]:
            told = dirac("getJobStatus", pilots, queue=QUEUE)
            assert told["OK"], dirac.log
            return [told["Value"][pilot] for pilot in pilots]

        assert status() == ["Running"] * 3
        assert dirac("getCEStatus", queue=QUEUE)["RunningJobs"] == 3

        assert dirac("killJob", pilots[:1], queue=QUEUE)["OK"]
        one.double.until(lambda: one.state(vms[0]) == "DONE")
        assert status() == ["Done", "Running", "Running"], dirac.log

        # One pilot has ended: its VM powered off. Clean-up removes it and leaves the other.
        one.double.rpc("one.vm.action", "poweroff-hard", vms[1])
        one.double.until(lambda: one.state(vms[1]) == "POWEROFF")
        assert status() == ["Done", "Done", "Running"]
        dirac("cleanupPilots", queue=QUEUE)
        one.double.until(lambda: one.state(vms[1]) == "DONE")
        assert one.state(vms[2]) == "RUNNING"

    verdicts = {(r["method"], r["verdict"]) for r in secured.records()}
    assert {verdict for _, verdict in verdicts} == {"done"}
    assert PASSWORD not in secured.audit.read_text()


def test_without_the_gateway_it_can_neither_see_nor_kill(one: Cloud, tmp_path: Path) -> None:
    """What the gateway is for: the day that this fails, it is no longer needed."""
    port = int(one.double.url.rpartition(":")[2].partition("/")[0])
    vm = one.mine("VMDIRAC3_0A1B2C3D")
    one.double.until(lambda: one.state(vm) == "RUNNING")
    path = configuration(tmp_path, port, "", "127.0.0.1")
    with DiracServer(path, tmp_path) as dirac:
        told = dirac("getJobStatus", [f"cloud://{vm}"], queue=QUEUE)
        assert told["Value"] == {f"cloud://{vm}": "Unknown"}, dirac.log
        assert dirac("killJob", [f"cloud://{vm}"], queue=QUEUE)["OK"]
    assert one.state(vm) == "RUNNING"
