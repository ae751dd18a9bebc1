"""Starting VMs, and why one does not run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from b2ct.cloud.care import instantiate
from b2ct.cloud.care.instantiate import Started, Wish
from b2ct.cloud.register.delivery import Source
from b2ct.core.errors import B2ctError
from b2ct.one.client import Client
from b2ct.one.faults import StuckError, UncertainError, UnknownNameError
from b2ct.one.objects.host import Host
from b2ct.one.objects.storage import Datastore
from b2ct.one.objects.vm import Vm
from b2ct.one.states import DatastoreType, HostState, VmState
from b2ct.one.text import Attributes
from b2ct.rehearsal.oned import OnedDouble
from tests.cloud.conftest import Ground, on
from tests.cloud.shop import Shop, a_content, a_site

GIB = 2**20  # KB
DISK = {"IMAGE": "worker", "SIZE": "40960", "CLONE": "YES", "CLONE_TARGET": "SYSTEM"}


def host(number: int = 0, **changes: Any) -> Host:
    values: dict[str, Any] = {
        "id": number, "name": f"hv{number}", "state": HostState.MONITORED, "im_mad": "kvm",
        "vm_mad": "kvm", "cluster_id": 0, "cluster": "default", "max_cpu": 800, "used_cpu": 0,
        "max_memory": 16 * GIB, "used_memory": 0, "running_vms": 0, "vms": (), "last_seen": 1,
        **changes,
    }  # fmt: skip
    return Host(**values)


def datastore(**changes: Any) -> Datastore:
    values: dict[str, Any] = {
        "id": 0, "name": "system", "uid": 0, "gid": 0, "owner": "oneadmin", "group": "oneadmin",
        "type": DatastoreType.SYSTEM, "ds_mad": "-", "tm_mad": "shared", "base_path": "",
        "enabled": True, "clusters": (0,), "total": 0, "free": 0, "used": 0, "images": (),
        **changes,
    }  # fmt: skip
    return Datastore(**values)


def vm(error: str = "", **template: Any) -> Vm:
    wanted = Attributes.of({"CPU": 2, "MEMORY": 4096, **template})
    return Vm(
        id=7, name="vm", template=wanted, state=VmState.PENDING, lcm_state=0,
        user_template=Attributes.of({"ERROR": error} if error else {}), started=0, ended=0,
        deploy_id="", host_id=-1, host="",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("hosts", "why", "hint"),
    [
        ([], "no hypervisor", "onehost create"),
        ([host(state=HostState.DISABLED)], "hv0 is DISABLED", "enable"),
        ([host(state=HostState.ERROR)], "hv0 is ERROR", "onehost show"),
        ([host(max_cpu=100)], "wants 2 CPU and 4096 MiB, the largest", "site.yaml"),
        ([host(max_memory=2 * GIB)], "1 CPU|8 CPU and 2048 MiB", "site.yaml"),
        ([host(used_cpu=700), host(1, used_memory=15 * GIB)], r"2 hypervisor\(s\).* full", "add"),
        ([host(used_cpu=700), host(1)], "hv1 has CPU and memory", "cluster"),
        (
            [host(free_disk=20000), host(1, free_disk=30000)],
            "disks need 40960 MiB, hv1 has 30000 MiB free",
            "smaller `disk`",
        ),
        ([host(free_disk=20000), host(1, free_disk=50000)], "something else", "cluster"),
    ],
)
def test_why_it_waits(hosts: list[Host], why: str, hint: str) -> None:
    said = instantiate.explained_waiting(StuckError("x"), vm(DISK=DISK), hosts, 60)
    with pytest.raises(StuckError, match=why):
        raise said
    assert hint in said.hint
    assert "onevm terminate 7" in said.hint


@pytest.mark.parametrize(
    ("disk", "free", "why"),
    [
        (DISK, 1000, "the system datastore 'system' has 1000 MiB free"),
        (DISK, 50000, "something else"),
        (DISK, 0, "hv0 has 10 MiB free"),  # each hypervisor has its own: it is not measured
        ({**DISK, "CLONE": "NO"}, 1000, "something else"),
        ({**DISK, "CLONE_TARGET": "SELF"}, 1000, "something else"),
    ],
)
def test_no_room_for_its_disk(disk: dict[str, str], free: int, why: str) -> None:
    store = datastore(total=free, free=free)
    images = datastore(type=DatastoreType.IMAGE, name="default", free=5, total=5)
    said, _ = instantiate.no_place(vm(DISK=disk), [host(free_disk=10)], [images, store])
    assert why in said


def test_names() -> None:
    assert instantiate.names(Wish("t", name="a")) == ("a",)
    assert instantiate.names(Wish("t", 3, name="a")) == ("a-1", "a-2", "a-3")
    assert instantiate.names(Wish("t")) != instantiate.names(Wish("t"))
    for wrong in (Wish("t", 0), Wish("t", -1), Wish("t", 10**9), Wish("t", name="a/b")):
        with pytest.raises(B2ctError) as caught:
            instantiate.names(wrong)
        assert caught.value.hint


@pytest.fixture
def shop(ground: Ground, tmp_path: Path) -> Shop:
    (tmp_path / "fe").mkdir()
    return Shop(ground, tmp_path / "fe", a_site(ground.prefix))


def template(ground: Ground, text: str = "template", **more: Any) -> str:
    ground.one.templates.allocate(
        Attributes.of({"NAME": ground.name(text), "CPU": 0.1, "MEMORY": 64, **more})
    )
    return ground.name(text)


class TestEverywhere:
    def test_submitted(self, ground: Ground) -> None:
        name = ground.name("vm")
        done = instantiate.run(ground.one, Wish(template(ground), 3, name=name))
        assert [one.name for one in done] == [f"{name}-1", f"{name}-2", f"{name}-3"]
        assert all(ground.one.vms.get(one.id).name == one.name for one in done)

    def test_by_id(self, ground: Ground) -> None:
        found = ground.one.templates.find(template(ground))
        assert found is not None
        (done,) = instantiate.run(ground.one, Wish(str(found.id), name=ground.name("vm")))
        assert ground.one.vms.get(done.id).template_id == found.id

    def test_no_such_template(self, ground: Ground) -> None:
        template(ground)
        with pytest.raises(B2ctError, match="no VM template") as caught:
            instantiate.run(ground.one, Wish(ground.name("nope")))
        assert "register-image" in caught.value.hint

    def test_an_image_that_is_not_there(self, ground: Ground) -> None:
        name = template(ground, DISK={"IMAGE": ground.name("nope"), "IMAGE_UNAME": "oneadmin"})
        with pytest.raises(B2ctError, match="nope") as caught:
            instantiate.run(ground.one, Wish(name, 2, name=ground.name("vm")))
        assert caught.value.hint


def started(double: OnedDouble, **more: Any) -> tuple[Started, ...]:
    ground = on(double)
    values: dict[str, Any] = {"wait": True, "deadline": 20, **more}
    return instantiate.run(ground.client(), Wish(template(ground), **values))


class TestOnTheDouble:
    def test_an_image_that_was_registered_runs(self, double: OnedDouble, tmp_path: Path) -> None:
        """The whole way: from a file to VMs with addresses."""
        double.add_host("hv0")
        double.mount("/var/tmp", tmp_path)
        shop = Shop(on(double), tmp_path, a_site("t-"))
        shop.network("t-vms")
        made = a_content(tmp_path / "w.qcow2")
        shop.put(shop.request(made, source=Source(path="/var/tmp/w.qcow2")))
        seen: list[str] = []
        wish = Wish(shop.ground.name("template"), 2, wait=True, deadline=20)
        done = instantiate.run(
            shop.ground.client(), wish, state=lambda _what, state, _seconds: seen.append(state)
        )
        assert [one.error for one in done] == [None, None]
        assert [one.vm.addresses for one in done if one.vm] == [("10.1.0.100",), ("10.1.0.101",)]
        assert seen[-1] == "RUNNING"
        found = shop.ground.one.vms.get(done[0].id)
        assert found.disks[0]["SIZE"] == "40960"
        assert done[0].as_json()["host"] == "hv0"

    def test_no_host(self, double: OnedDouble) -> None:
        (done,) = started(double, deadline=0.5)
        assert done.error is not None
        assert "there is no hypervisor" in done.error.message
        assert "after 0.5 s" in done.error.message

    def test_too_large(self, double: OnedDouble) -> None:
        double.add_host("hv0", cores=8, memory_gb=2)
        ground = on(double)
        name = template(ground, MEMORY=99999)
        (done,) = instantiate.run(ground.client(), Wish(name, wait=True, deadline=0.6))
        assert done.error is not None
        assert "wants 0.1 CPU and 99999 MiB" in done.error.message
        assert "No host with enough capacity" in done.error.message

    def test_one_of_them_fails(self, double: OnedDouble) -> None:
        double.add_host("hv0")
        double.faults.fail_boot("w-2")
        done = started(double, count=3, name="w")
        assert [one.error is None for one in done] == [True, False, True]
        failed = done[1].error
        assert failed is not None
        assert "BOOT_FAILURE" in failed.message
        assert f"onevm recover {done[1].id} --retry" in failed.hint

    def test_a_lost_answer(self, double: OnedDouble) -> None:
        double.faults.http("reset", method="one.template.instantiate")
        done = started(double, count=2, wait=False)
        assert len({one.id for one in done}) == 2
        assert len(on(double).one.vms.all()) == 2

    def test_a_lost_answer_beside_an_older_vm_of_that_name(self, double: OnedDouble) -> None:
        """The older one is not taken for the new one; whether that is there nobody knows."""
        (old,) = started(double, name="w", wait=False)
        double.faults.http("reset", method="one.template.instantiate")
        (new,) = instantiate.run(on(double).client(), Wish("t-template", name="w"))
        assert new.id != old.id
        double.faults.http("status", method="one.template.instantiate", status=502)
        with pytest.raises(UncertainError):
            instantiate.run(on(double).client(), Wish("t-template", name="w"))

    def test_what_the_cloud_lacks_for_a_template_of_ours(self, double: OnedDouble) -> None:
        ground = on(double)
        name = template(ground, NIC={"NETWORK": "vms"}, B2CT_MADE="YES")
        with pytest.raises(UnknownNameError, match="no network named 'vms'") as caught:
            instantiate.run(ground.one, Wish(name))
        assert "b2ct apply" in caught.value.hint

    def test_a_quota_in_the_middle(self, double: OnedDouble) -> None:
        one = on(double).one
        uid = one.users.allocate("ada", "pw")
        one.users.quota(uid, Attributes.of({"VM": {"VMS": 2, "CPU": -2, "MEMORY": -2}}))
        ground = on(double)
        name = template(ground)
        found = ground.one.templates.find(name)
        assert found is not None
        ground.one.templates.chmod(found.id, "um-u--u--")
        ada = Client(replace(ground.where, auth="ada:pw"), notice=lambda _text: None)
        done = instantiate.run(ada, Wish(name, 5))
        assert [one.id >= 0 for one in done] == [True, True, False]
        assert done[-1].error is not None
        assert "quota" in done[-1].error.message
