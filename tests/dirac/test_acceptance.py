"""Unmodified DIRAC 9.1.22 fills, watches and empties a cloud through the driver.

DIRAC runs in a Python of its own (venv.py), reads the configuration that B2CT renders, and speaks
to the double of oned. Nothing of DIRAC is replaced: program.py calls its classes.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from email import message_from_string
from pathlib import Path

import pytest
import yaml

from b2ct.core.data import data_folder
from b2ct.opennebula.objects import Vm
from b2ct.opennebula.states import VmState
from b2ct.opennebula.text import Attributes
from tests.dirac import ground
from tests.dirac.server import QUEUE, DiracServer
from tests.oned import OnedDouble

pytestmark = pytest.mark.dirac
LIFETIME = 3 * 86400
PILOT = "#!/bin/bash\necho the pilot\n"


class Stage:
    """The cloud, its objects, and the DIRAC server."""

    def __init__(self, double: OnedDouble, ids: ground.Ids, dirac: DiracServer, pilot: Path):
        self.double = double
        self.ids = ids
        self.dirac = dirac
        self.pilot = pilot

    def submit(self, count: int) -> list[str]:
        done = self.dirac("submitJob", str(self.pilot), "", count)
        assert done["OK"], self.dirac.log
        assert len(done["PilotStampDict"]) == len(done["Value"]) == count
        return list(done["Value"])

    def vm(self, reference: str) -> Vm:
        return ground.admin(self.double).vms.get(number(reference))

    def running(self, references: list[str]) -> None:
        self.double.until(lambda: all(self.vm(one).running for one in references))

    def status(self, references: list[str]) -> list[str]:
        done = self.dirac("getJobStatus", references)
        assert done["OK"], self.dirac.log
        return [done["Value"][one] for one in references]

    def gone(self, reference: str) -> None:
        self.double.until(lambda: self.vm(reference).done)


def number(reference: str) -> int:
    found = re.fullmatch(r"cloud://(\d+)", reference)
    assert found, reference
    return int(found[1])


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    described = ground.site(tmp_path)
    pilot = tmp_path / "pilot.sh"
    pilot.write_text(PILOT)
    template = data_folder("templates") / "dirac" / "cloudinit.template"
    (tmp_path / "b2ct-cloudinit.template").write_bytes(template.read_bytes())
    with OnedDouble(clock=ground.past(LIFETIME + 3600)) as double:
        ids = ground.furnish(double, described)
        where = ground.place(double, tmp_path, cloudinit=True)
        configuration = ground.configuration(described, where, tmp_path)
        with DiracServer(configuration, tmp_path) as dirac:
            yield Stage(double, ids, dirac, pilot)


def test_dirac_fills_watches_and_empties_the_cloud(stage: Stage) -> None:
    found = stage.dirac("queues")[QUEUE]
    assert found["Site"] == "CLOUD.Torino.it"
    assert found["Platform"] == "x86_64_EL9"
    assert (found["CPUTime"], found["MaxRAM"]) == (str(LIFETIME * 10), "2048")

    # A pilot of long ago, and VMs of old that are not DIRAC's to touch.
    one = ground.admin(stage.double)
    (old,) = stage.submit(1)
    stranger = one.templates.instantiate(stage.ids.template, name="VMDIRAC3_STRANGER")
    own = ground.dirac(stage.double).templates.instantiate(stage.ids.template, name="by-hand")
    stage.running([old, f"cloud://{stranger}", f"cloud://{own}"])
    stage.double.tick(LIFETIME + 3600)

    pilots = stage.submit(3)
    assert stage.status(pilots) == ["Running"] * 3, "waiting for a hypervisor is not an end"
    stage.running(pilots)
    assert stage.status([*pilots, old]) == ["Running"] * 4
    assert stage.dirac("getCEStatus")["RunningJobs"] == 4
    assert stage.dirac("available")["Value"] == 5

    killed, off, stays = pilots
    assert stage.dirac("killJob", [killed])["OK"]
    stage.gone(killed)
    assert stage.status(pilots) == ["Done", "Running", "Running"]

    one.vms.action(number(off), "poweroff")
    stage.double.until(lambda: stage.vm(off).state is VmState.POWEROFF)
    assert stage.status(pilots) == ["Done", "Done", "Running"]

    assert stage.dirac("cleanupPilots")["OK"], stage.dirac.log
    stage.gone(off)
    stage.gone(old)
    assert stage.status([*pilots, old]) == ["Done", "Done", "Running", "Done"]
    assert stage.dirac("getCEStatus")["RunningJobs"] == 1
    assert stage.vm(stays).running
    assert one.vms.get(stranger).running
    assert one.vms.get(own).running


def test_vms_have_the_sites_context_and_the_pilot(stage: Stage) -> None:
    first, second = stage.submit(2)
    stage.running([first, second])
    vm = stage.vm(first)
    assert vm.owner == "dirac"
    template = ground.admin(stage.double).templates.get(stage.ids.template)
    before, after = dict(template.template.vector("CONTEXT")), dict(vm.context)
    assert after["B2CT_VMID"] == str(vm.id), "oned has expanded $VMID"
    assert after["SET_HOSTNAME"] == f"b2ct-worker-{vm.id}"
    assert after["B2CT_SITE"] == before["B2CT_SITE"] == "Torino"
    assert set(before) <= set(after)
    whole = message_from_string(base64.b64decode(after["USERDATA"]).decode())
    texts = [
        bytes(part.get_payload(decode=True)).decode()  # type: ignore[arg-type]
        for part in whole.walk()
        if not part.is_multipart()
    ]
    site = base64.b64decode(before["USERDATA"]).decode()
    assert texts[0] == site
    files = {file["path"]: file["content"] for file in yaml.safe_load(texts[1])["write_files"]}
    assert files["/usr/local/libexec/dirac/pilot"] == PILOT.strip()
    stamp = vm.name.removeprefix("VMDIRAC3_")
    assert f'DIRAC_PILOT_STAMP="{stamp}"\n' in files["/usr/local/libexec/dirac/start"]
    assert vm.user_template.text("LABELS") == "b2ct,dirac"
    assert vm.user_template.text("B2CT_MADE") == "YES"
    assert vm.user_template.text("B2CT_DIRAC") == "127.0.0.1"
    assert vm.user_template.text("B2CT_WORKER") == "b2ct-worker"
    assert stage.vm(second).context["B2CT_VMID"] != after["B2CT_VMID"]


def test_references_of_others_are_never_ended(stage: Stage) -> None:
    one = ground.admin(stage.double)
    stranger = f"cloud://{one.templates.instantiate(stage.ids.template, name='VMDIRAC3_X')}"
    stage.running([stranger])
    assert stage.status([stranger, "cloud://4711", "cloud://x"]) == ["Deleted"] * 3
    assert stage.dirac("killJob", [stranger, "cloud://4711"])["OK"]
    assert stage.vm(stranger).running


def test_a_vm_that_cannot_be_ended_does_not_keep_the_others(stage: Stage) -> None:
    pilots = stage.submit(2)
    stage.running(pilots)
    one = ground.admin(stage.double)
    stage.double.tick(LIFETIME + 3600)
    (young,) = stage.submit(1)
    stage.running([young])
    # Shutting down already: oned refuses to end it twice.
    one.vms.terminate(number(pilots[0]))
    assert stage.dirac("cleanupPilots")["OK"], stage.dirac.log
    stage.gone(pilots[1])
    assert stage.vm(young).running


def test_when_the_cloud_is_away_dirac_knows_and_goes_on(stage: Stage) -> None:
    pilots = stage.submit(1)
    stage.running(pilots)
    stage.double.stop()
    assert stage.dirac("available")["OK"] is False
    assert stage.status(pilots) == ["Unknown"]
    assert stage.dirac("cleanupPilots")["OK"] is False
    stage.double.start()
    while stage.status(pilots) == ["Unknown"]:
        pass  # it is asked again after Driver_timeout
    assert stage.status(pilots) == ["Running"]
    assert "cannot reach OpenNebula" in stage.dirac.log
    assert ground.PASSWORD not in stage.dirac.log


def test_failed_vms_are_cleaned_up(stage: Stage) -> None:
    stage.double.faults.fail_boot("VMDIRAC3_*")
    pilots = stage.submit(1)
    stage.double.until(lambda: stage.vm(pilots[0]).failed)
    assert stage.dirac("cleanupPilots")["OK"], stage.dirac.log
    stage.gone(pilots[0])
    assert stage.status(pilots) == ["Done"]


def test_a_quota_ends_a_submission_with_what_was_started(stage: Stage) -> None:
    one = ground.admin(stage.double)
    one.users.quota(
        stage.ids.user,
        Attributes.of({"VM": {"VMS": 2, "CPU": -2, "MEMORY": -2, "SYSTEM_DISK_SIZE": -2}}),
    )
    done = stage.dirac("submitJob", str(stage.pilot), "", 3)
    assert len(done["Value"]) == 2
    assert "limit of 2 reached" in stage.dirac.log or "quota" in stage.dirac.log
