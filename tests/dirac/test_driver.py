"""The driver on libcloud, against the double of oned: what the acceptance does not go through."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from libcloud.compute.base import Node
from libcloud.compute.providers import get_driver, set_driver
from libcloud.compute.types import NodeState
from requests.exceptions import ConnectTimeout

from b2ct.core.errors import B2ctError
from b2ct.dirac.driver import CloudError, OpenNebulaNodeDriver
from b2ct.one.faults import UncertainError, WrongStateError
from b2ct.one.objects.vm import Vm
from b2ct.one.text import Attributes
from b2ct.rehearsal.oned import OnedDouble
from b2ct.rehearsal.oned.states import Lcm
from tests.dirac import ground
from tests.dirac.test_userdata import pilots

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me"


class Stage:
    def __init__(self, double: OnedDouble, ids: ground.Ids) -> None:
        self.double = double
        self.ids = ids
        self.admin = ground.admin(double)
        self.driver = driver(double)

    def create(self, name: str = "VMDIRAC3_A", **more: object) -> Vm:
        size = next(size for size in self.driver.list_sizes() if size.name == "b2ct-worker")
        node = self.driver.create_node(name, size, ex_userdata=pilots(), **more)  # type: ignore[arg-type]
        return self.vm(node)

    def vm(self, node: Node) -> Vm:
        return self.admin.vms.get(int(node.id or -1))


def driver(double: OnedDouble, **more: str) -> OpenNebulaNodeDriver:
    port = double.url.split(":")[2].split("/")[0]
    return OpenNebulaNodeDriver(
        "dirac", **{"secret": ground.PASSWORD, "host": "127.0.0.1", "port": port,
                    "secure": "False", "timeout": "2", **more}
    )  # fmt: skip


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with OnedDouble(clock=ground.past(100)) as double:
        yield Stage(double, ground.furnish(double, ground.site(tmp_path)))


def test_it_is_found_by_its_dotted_name() -> None:
    name = "b2ct.dirac.driver.OpenNebulaNodeDriver"
    register: Any = set_driver  # its annotations say otherwise than its documentation
    register(name, *name.rsplit(".", 1))
    assert get_driver(name) is OpenNebulaNodeDriver


def test_lists(stage: Stage) -> None:
    stage.admin.templates.allocate(
        Attributes.of({"NAME": "odd", "CPU": "0.25", "MEMORY": "x", "VCPU": 2})
    )
    sizes = {size.name: size for size in driver(stage.double).list_sizes()}
    assert sizes["b2ct-worker"].id == str(stage.ids.template)
    assert sizes["b2ct-worker"].ram == 2048
    assert sizes["b2ct-worker"].extra["cpu"] == 0.5
    assert [(i.id, i.name) for i in stage.driver.list_images()] == [
        ("template", "template"),
        (str(stage.ids.image), "el9-worker"),
    ]
    assert [(n.id, n.name) for n in stage.driver.ex_list_networks()] == [
        (str(stage.ids.network), "vms")
    ]
    assert stage.driver.list_nodes() == []


def test_images_by_name_or_id_take_the_place_of_the_templates(stage: Stage) -> None:
    other = stage.admin.images.allocate(
        Attributes.of({"NAME": "other", "TYPE": "DATABLOCK", "SIZE": "10"}), 1
    )
    while not stage.admin.images.get(other).state.usable:
        stage.double.step()
    stage.admin.images.chmod(other, "um-u--u--")
    images = {image.name: image for image in stage.driver.list_images()}
    for name, expected in (("template", stage.ids.image), ("el9-worker", stage.ids.image)):
        assert stage.create(f"VMDIRAC3_{name}", image=images[name]).image_ids == (expected,)
    vm = stage.create("VMDIRAC3_other", image=images["other"])
    assert vm.image_ids == (other,)
    assert vm.disks[0]["SIZE"] == stage.create("VMDIRAC3_B").disks[0]["SIZE"], "kept"


def test_networks_take_the_place_of_the_templates(stage: Stage) -> None:
    second = stage.admin.networks.allocate(
        Attributes.of({
            "NAME": "second", "VN_MAD": "bridge", "BRIDGE": "br1",
            "AR": {"TYPE": "IP4", "IP": "10.1.0.1", "SIZE": "9"},
        })
    )  # fmt: skip
    stage.admin.networks.chmod(second, "um-u--u--")
    networks = {network.name: network for network in stage.driver.ex_list_networks()}
    vm = stage.create(networks=[networks["second"], networks["vms"]])
    assert [nic["NETWORK"] for nic in vm.nics] == ["second", "vms"]
    assert {nic["MODEL"] for nic in vm.nics} == {"virtio"}


def test_a_public_key_is_added(stage: Stage) -> None:
    assert stage.create(ex_keyname=KEY).context["SSH_PUBLIC_KEY"].startswith(f"{KEY}\n")
    with pytest.raises(B2ctError, match="Instance_SSHKey is no public key"):
        stage.create("VMDIRAC3_B", ex_keyname="mykey")


def test_what_strangers_made_is_not_taken(stage: Stage) -> None:
    """DIRAC takes the first of a name: a stranger's public template must not be it."""
    stranger = stage.admin.users.allocate("stranger", "secret")
    fake = stage.admin.templates.allocate(
        Attributes.of({"NAME": "b2ct-worker.fake", "CPU": 1, "MEMORY": 64})
    )
    stage.admin.templates.chown(fake, stranger, 1)
    stage.admin.templates.rename(fake, "b2ct-worker")
    stage.admin.templates.chmod(fake, "um----u--")
    # Lower IDs are listed first by the server: make the right one the newer.
    again = stage.admin.templates.get(stage.ids.template)
    newer = stage.admin.templates.allocate(again.template.merged(Attributes.of({"NAME": "newer"})))
    stage.admin.templates.delete(stage.ids.template)
    stage.admin.templates.rename(newer, "b2ct-worker")
    stage.admin.templates.chmod(newer, "um----u--")
    found = [size.id for size in driver(stage.double).list_sizes() if size.name == "b2ct-worker"]
    assert found == [str(newer)]


def test_a_lost_answer_makes_no_second_vm(stage: Stage) -> None:
    stage.double.faults.http("reset", method="one.template.instantiate")
    vm = stage.create("VMDIRAC3_LOST")
    assert [one.id for one in stage.admin.vms.all()] == [vm.id]


def test_a_lost_request_is_told(stage: Stage) -> None:
    stage.double.faults.http("refuse", method="one.template.instantiate")
    with pytest.raises(UncertainError):
        stage.create("VMDIRAC3_LOST")
    assert stage.admin.vms.all() == ()


def test_a_context_that_is_too_large_is_packed_and_then_refused(stage: Stage) -> None:
    size = next(size for size in stage.driver.list_sizes() if size.name == "b2ct-worker")
    long = pilots("# " + "x" * 200_000)
    node = stage.driver.create_node("VMDIRAC3_LONG", size, ex_userdata=long)
    assert len(stage.vm(node).context["USERDATA"]) < 64 * 1024
    import random

    noise = pilots("# " + random.Random(1).randbytes(60_000).hex())
    with pytest.raises(B2ctError, match="OpenNebula takes 65536"):
        stage.driver.create_node("VMDIRAC3_NOISE", size, ex_userdata=noise)


def test_only_own_vms_are_seen_and_ended(stage: Stage) -> None:
    theirs = stage.admin.templates.instantiate(stage.ids.template, name="VMDIRAC3_THEIRS")
    mine = stage.create()
    assert [node.id for node in stage.driver.list_nodes()] == [str(mine.id)]
    assert stage.driver.ex_get_node_details(theirs) is None
    assert stage.driver.ex_get_node_details("x") is None
    assert stage.driver.ex_get_node_details(-1) is None
    assert stage.driver.destroy_node(None) is False
    forged = Node(
        id=str(theirs), name="x", state=NodeState.RUNNING, public_ips=[], private_ips=[],
        driver=stage.driver,
    )  # fmt: skip
    assert stage.driver.destroy_node(forged) is False
    assert not stage.admin.vms.get(theirs).done
    own = stage.driver.list_nodes()[0]
    assert stage.driver.destroy_node(own) is True
    assert stage.admin.vms.get(mine.id).done
    assert stage.driver.destroy_node(own) is True, "ended twice is ended"


def test_a_vm_that_the_server_is_busy_with_is_killed_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """killJob says OK whatever comes back: only what is raised is told."""
    vm = stage.create()
    stage.double.until(lambda: stage.admin.vms.get(vm.id).running)
    inner = stage.double.cloud.vms[vm.id]
    inner.lcm = Lcm.HOTPLUG
    slept: list[float] = []

    def passes(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            inner.lcm = Lcm.RUNNING

    monkeypatch.setattr("b2ct.dirac.driver.time.sleep", passes)
    node = stage.driver.ex_get_node_details(vm.id)
    assert stage.driver.destroy_node(node) is True
    assert len(slept) == 2
    stage.double.until(lambda: stage.admin.vms.get(vm.id).done)


def test_a_vm_that_cannot_be_killed_is_never_said_to_be(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    vm = stage.create()
    stage.double.until(lambda: stage.admin.vms.get(vm.id).running)
    inner = stage.double.cloud.vms[vm.id]
    inner.lcm = Lcm.HOTPLUG
    monkeypatch.setattr("b2ct.dirac.driver.time.sleep", lambda _seconds: None)
    with pytest.raises(WrongStateError):
        stage.driver.destroy_node(stage.driver.ex_get_node_details(vm.id))
    # cleanupPilots must get to the others.
    assert stage.driver.destroy_node(stage.driver.list_nodes()[0]) is False
    assert not stage.admin.vms.get(vm.id).done


def test_times_and_states(stage: Stage) -> None:
    vm = stage.create()
    node = stage.driver.list_nodes()[0]
    assert node.created_at is not None
    assert node.created_at.timestamp() == vm.started
    assert node.state == NodeState.PENDING
    stage.double.until(lambda: stage.admin.vms.get(vm.id).running)
    node = stage.driver.list_nodes()[0]
    assert node.state == NodeState.RUNNING
    assert node.private_ips == ["10.0.0.100"]
    assert stage.driver.reboot_node(node)


def test_a_cloud_that_is_away_is_not_asked_for_every_pilot(stage: Stage) -> None:
    stage.create()
    stage.double.faults.http("hang", times=1000)
    start = time.monotonic()
    for _ in range(50):
        with pytest.raises(CloudError):
            stage.driver.list_nodes()
    # Fifty waits of two seconds each would be a hundred.
    assert time.monotonic() - start < 60
    stage.double.faults.clear()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"secure": "perhaps"}, "Driver_secure = perhaps"),
        ({"port": "x"}, "Driver_port = x"),
        ({"host": ""}, "Driver_host is missing"),
        ({"ca_file": "/none.pem"}, "there is no such file"),
        ({"colour": "red"}, "Driver_colour is no option"),
        ({"secret": ""}, "no user and password"),
        ({"secret": "wrong"}, "refuses"),
        ({"timeout": "0"}, "Driver_timeout = 0"),
    ],
)
def test_what_is_wrong_is_told_where_dirac_expects_an_error(
    more: dict[str, str], message: str, stage: Stage
) -> None:
    made = driver(stage.double, **more)
    with pytest.raises(ConnectTimeout) as caught:
        made.list_nodes()
    if message != "refuses":
        assert message in str(caught.value)
    assert ground.PASSWORD not in f"{caught.value}{made!r}{made.__dict__.get('_away')}"
