"""Unmodified DIRAC 9.1.22 fills, watches and empties a cloud through the driver.

DIRAC runs in a Python of its own (venv.py), reads what `b2ct dirac config` writes, and speaks to
the double of oned, and to a live one where there is one (clouds.py). Nothing of DIRAC is replaced:
program.py calls its classes.
"""

from __future__ import annotations

import base64
import dataclasses
import re
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_string
from pathlib import Path

import pytest
import yaml

from b2ct.one.client import Client
from b2ct.one.endpoint import Endpoint
from b2ct.one.objects.vm import Vm
from b2ct.one.states import VmState
from b2ct.one.text import Attributes
from b2ct.rehearsal.oned import OnedDouble
from b2ct.site.model import Site
from tests.cli.program import b2ct
from tests.dirac import clouds, ground
from tests.dirac.clouds import Cloud, DoubleCloud
from tests.dirac.server import DiracServer
from tests.gateway.authority import Authority
from tests.gateway.process import running

pytestmark = pytest.mark.dirac
PILOT = "#!/bin/bash\necho the pilot\n"
CE = "one.b2ct.example.it"


class Stage:
    """The cloud, its objects, and the DIRAC server."""

    def __init__(self, cloud: Cloud, described: Site, dirac: DiracServer, pilot: Path):
        self.cloud = cloud
        self.ids = ground.make(cloud.admin, described, cloud.until)
        self.dirac = dirac
        self.pilot = pilot

    @property
    def double(self) -> OnedDouble:
        """For what no live server can be asked to do."""
        assert isinstance(self.cloud, DoubleCloud)
        return self.cloud.double

    def start(self, name: str, *, by: Client | None = None) -> str:
        """A VM that DIRAC knows nothing of."""
        one = by or self.cloud.admin
        made = one.templates.instantiate(self.ids.template, name=name)
        return f"cloud://{made}"

    def submit(self, count: int) -> list[str]:
        done = self.dirac("submitJob", str(self.pilot), "", count)
        assert done["OK"], self.dirac.log
        assert len(done["PilotStampDict"]) == len(done["Value"]) == count
        return list(done["Value"])

    def vm(self, reference: str) -> Vm:
        return self.cloud.admin.vms.get(number(reference))

    def running(self, references: list[str]) -> None:
        self.cloud.until(lambda: all(self.vm(one).running for one in references))

    def status(self, references: list[str]) -> list[str]:
        done = self.dirac("getJobStatus", references)
        assert done["OK"], self.dirac.log
        return [done["Value"][one] for one in references]

    def gone(self, reference: str) -> None:
        self.cloud.until(lambda: self.vm(reference).done)


def number(reference: str) -> int:
    found = re.fullmatch(r"cloud://(\d+)", reference)
    assert found, reference
    return int(found[1])


def configured(folder: Path, url: str, *more: str) -> Path:
    """What `b2ct dirac config` writes."""
    etc = folder / "etc"
    words = (
        "--endpoint",
        url,
        "--etc",
        str(etc),
        "--max-vms",
        "20",
        "--ce",
        CE,
        "-o",
        "etc",
        *more,
    )
    done = b2ct("dirac", "config", "--offline", *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    return etc / "resources.cfg"


@contextmanager
def on_stage(
    cloud: Cloud, folder: Path, *options: str, words: tuple[str, ...] = ()
) -> Iterator[Stage]:
    """With further options of the CE, and words for `b2ct dirac config`."""
    described = ground.site(folder, ground.text(cloud.prefix, cloud.lifetime))
    pilot = folder / "pilot.sh"
    pilot.write_text(PILOT)
    cloud.add_hosts()
    queue = f"{CE}_{next(iter(described.described_workers))}"
    path = configured(folder, cloud.url, *words)
    path.write_text(path.read_text().replace("CEType =", "\n".join([*options, "CEType ="])))
    with DiracServer(path, folder, queue) as dirac:
        yield Stage(cloud, described, dirac, pilot)


@pytest.fixture(params=clouds.KINDS)
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    """On the double, and on the live server if there is one."""
    with clouds.cloud(request.param) as cloud, on_stage(cloud, tmp_path) as made:
        yield made


@pytest.fixture
def on_double(tmp_path: Path) -> Iterator[Stage]:
    """On the double only."""
    with clouds.on_double() as cloud, on_stage(cloud, tmp_path) as made:
        yield made


def test_dirac_fills_watches_and_empties_the_cloud(stage: Stage) -> None:
    fills_watches_and_empties(stage)


def test_the_same_through_the_gateway_with_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    pair = authority.issue()
    files = {"certificate": str(pair.certificate), "key": str(pair.key)}
    with (
        clouds.on_double() as cloud,
        running(tmp_path, cloud.url, tls=True, **files) as gate,
        on_stage(
            dataclasses.replace(cloud, door=f"https://localhost:{gate.port}/RPC2"), tmp_path,
            words=("--gateway", "--ca-file", str(authority.certificate)),
        ) as stage,
    ):  # fmt: skip
        fills_watches_and_empties(stage)
        assert {record["verdict"] for record in gate.records()} == {"done"}


def fills_watches_and_empties(stage: Stage) -> None:
    cloud = stage.cloud
    (found,) = stage.dirac("queues").values()
    assert found["Site"] == "CLOUD.Torino.it"
    assert found["Platform"] == "x86_64_EL9"
    assert (found["CPUTime"], found["MaxRAM"]) == (str(cloud.lifetime // 60 * 600), "2048")

    # A pilot of long ago, and VMs of old that are not DIRAC's to touch.
    (old,) = stage.submit(1)
    stranger = stage.start("VMDIRAC3_STRANGER")
    dirac = Client(
        Endpoint(cloud.admin.endpoint.url, f"{cloud.prefix}dirac:{ground.PASSWORD}", proxy="")
    )
    own = stage.start(f"{cloud.prefix}by-hand", by=dirac)
    stage.running([old, stranger, own])
    cloud.age(cloud.lifetime + 5)

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

    cloud.admin.vms.action(number(off), "poweroff")
    cloud.until(lambda: stage.vm(off).state is VmState.POWEROFF)
    assert stage.status(pilots) == ["Done", "Done", "Running"]

    assert stage.dirac("cleanupPilots")["OK"], stage.dirac.log
    stage.gone(off)
    stage.gone(old)
    assert stage.status([*pilots, old]) == ["Done", "Done", "Running", "Done"]
    assert stage.dirac("getCEStatus")["RunningJobs"] == 1
    assert all(stage.vm(one).running for one in (stays, stranger, own))


def test_vms_have_the_sites_context_and_the_pilot(stage: Stage) -> None:
    first, second = stage.submit(2)
    stage.running([first, second])
    vm = stage.vm(first)
    assert vm.owner == f"{stage.cloud.prefix}dirac"
    template = stage.cloud.admin.templates.get(stage.ids.template)
    worker = f"{stage.cloud.prefix}b2ct-worker"
    before, after = dict(template.template.vector("CONTEXT")), dict(vm.context)
    assert after["B2CT_VMID"] == str(vm.id), "oned has expanded $VMID"
    assert after["SET_HOSTNAME"] == f"{worker}-{vm.id}"
    assert after["B2CT_SITE"] == before["B2CT_SITE"] == "Torino"
    assert set(before) <= set(after)
    whole = message_from_string(base64.b64decode(after["USERDATA"]).decode())
    texts = [
        bytes(part.get_payload(decode=True)).decode()
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
    assert vm.user_template.text("B2CT_WORKER") == worker
    assert stage.vm(second).context["B2CT_VMID"] != after["B2CT_VMID"]


def test_references_of_others_are_never_ended(stage: Stage) -> None:
    stranger = stage.start("VMDIRAC3_X")
    stage.running([stranger])
    assert stage.status([stranger, "cloud://4711", "cloud://x"]) == ["Deleted"] * 3
    assert stage.dirac("killJob", [stranger, "cloud://4711"])["OK"]
    assert stage.vm(stranger).running


def test_a_vm_that_cannot_be_ended_does_not_keep_the_others(on_double: Stage) -> None:
    pilots = on_double.submit(2)
    on_double.running(pilots)
    one = on_double.cloud.admin
    on_double.double.tick(DoubleCloud.lifetime + 3600)
    (young,) = on_double.submit(1)
    on_double.running([young])
    # Shutting down already: oned refuses to end it twice.
    one.vms.terminate(number(pilots[0]))
    assert on_double.dirac("cleanupPilots")["OK"], on_double.dirac.log
    on_double.gone(pilots[1])
    assert on_double.vm(young).running


def test_when_the_cloud_is_away_dirac_knows_and_goes_on(tmp_path: Path) -> None:
    with (
        clouds.on_double() as cloud,
        on_stage(cloud, tmp_path, "Driver_timeout = 3") as made,
    ):
        go_away_and_come_back(made)


def go_away_and_come_back(stage: Stage) -> None:
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


def test_failed_vms_are_cleaned_up(on_double: Stage) -> None:
    on_double.double.faults.fail_boot("VMDIRAC3_*")
    pilots = on_double.submit(1)
    on_double.double.until(lambda: on_double.vm(pilots[0]).failed)
    assert on_double.dirac("cleanupPilots")["OK"], on_double.dirac.log
    on_double.gone(pilots[0])
    assert on_double.status(pilots) == ["Done"]


def test_a_quota_ends_a_submission_with_what_was_started(on_double: Stage) -> None:
    one = on_double.cloud.admin
    one.users.quota(
        on_double.ids.user,
        Attributes.of({"VM": {"VMS": 2, "CPU": -2, "MEMORY": -2, "SYSTEM_DISK_SIZE": -2}}),
    )
    done = on_double.dirac("submitJob", str(on_double.pilot), "", 3)
    assert len(done["Value"]) == 2
    assert "limit of 2 reached" in on_double.dirac.log or "quota" in on_double.dirac.log
