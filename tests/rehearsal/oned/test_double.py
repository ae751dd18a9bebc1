"""A walk through the double with pyone as the client, as a site would go."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyone
import pytest

from b2ct.rehearsal.oned import Clock, OnedDouble
from b2ct.rehearsal.oned.bulk import fill
from b2ct.rehearsal.oned.files import qcow2_header

MB = 1024 * 1024


def client(one: OnedDouble, session: str = "") -> Any:
    return pyone.OneServer(one.url, session=session or one.auth)


def worker_image(one: OnedDouble, folder: Path, virtual_mb: int = 64) -> str:
    """A qcow2 file where the front-end may read it; its path there."""
    (folder / "worker.qcow2").write_bytes(qcow2_header(virtual_mb * MB) + bytes(512))
    one.mount("/var/tmp", folder)
    return "/var/tmp/worker.qcow2"


@pytest.fixture
def site(oned_still: OnedDouble, tmp_path: Path) -> OnedDouble:
    """A cloud with a host, a network and a worker image that is READY."""
    path = worker_image(oned_still, tmp_path)
    oned_still.add_host("node01")
    one = client(oned_still)
    one.vn.allocate("NAME=private VN_MAD=bridge BRIDGE=br0\nAR=[TYPE=IP4,IP=192.0.2.10,SIZE=5]", -1)
    image = one.image.allocate(f'NAME="worker"\nTYPE=OS\nPATH="{path}"', 1)
    oned_still.until(lambda: oned_still.cloud.images[image].state == 1)
    return oned_still


TEMPLATE = """NAME="worker"
CPU=1
MEMORY=512
DISK=[IMAGE="worker"]
NIC=[NETWORK="private"]
CONTEXT=[NETWORK="YES", HOST="$NAME", ADDRESS="$NIC[IP]", PASSWORD="secret"]
"""


def test_register_wait_instantiate_terminate(site: OnedDouble) -> None:
    one = client(site)
    image = one.image.info(0)
    assert (image.NAME, image.SIZE, image.FORMAT, image.STATE) == ("worker", 64, "qcow2", 1)
    template = one.template.allocate(TEMPLATE)
    vm = one.template.instantiate(template, "w1", False, "", False)
    assert one.vm.info(vm).STATE == 1
    site.until(lambda: site.cloud.vms[vm].lcm == 3)
    seen = one.vm.info(vm)
    assert seen.TEMPLATE["CONTEXT"]["HOST"] == "w1"
    assert seen.TEMPLATE["CONTEXT"]["ADDRESS"] == "192.0.2.10"
    assert seen.TEMPLATE["CONTEXT"]["PASSWORD"] != "secret"
    assert one.vm.info(vm, True).TEMPLATE["CONTEXT"]["PASSWORD"] == "secret"
    assert one.image.info(0).STATE == 2
    assert one.hostpool.info().HOST[0].HOST_SHARE.RUNNING_VMS == 1
    one.vm.action("terminate", vm)
    site.until(lambda: site.cloud.vms[vm].state == 6)
    assert one.image.info(0).STATE == 1
    assert one.vnpool.info(-2, -1, -1).VNET[0].USED_LEASES == 0
    assert one.vmpool.info(-2, -1, -1, -1).VM == []


def test_time_passes_by_itself(oned: OnedDouble, tmp_path: Path) -> None:
    path = worker_image(oned, tmp_path)
    image = client(oned).image.allocate(f'NAME=w TYPE=OS\nPATH="{path}"', 1)
    for _ in range(1000):
        if client(oned).image.info(image).STATE == 1:
            return
        oned.faults.released.wait(0.01)
    raise AssertionError("the image was never ready")


def test_time_moved_by_calls(tmp_path: Path) -> None:
    with OnedDouble(clock=Clock(per_call=0.5)) as one:
        path = worker_image(one, tmp_path)
        image = client(one).image.allocate(f'NAME=w TYPE=OS\nPATH="{path}"', 1)
        states = [client(one).image.info(image).STATE for _ in range(4)]
        assert states == [4, 4, 1, 1]


def test_nothing_fits(site: OnedDouble) -> None:
    one = client(site)
    template = one.template.allocate(TEMPLATE)
    vm = one.template.instantiate(template, "big", False, "MEMORY=99999999", False)
    site.tick(60)
    seen = one.vm.info(vm)
    assert seen.STATE == 1
    assert "No host with enough capacity" in seen.USER_TEMPLATE["SCHED_MESSAGE"]
    one.host.status(0, 1)
    site.tick(10)
    assert "No hosts enabled" in one.vm.info(vm).USER_TEMPLATE["SCHED_MESSAGE"]


def test_boot_failure_and_recovery(site: OnedDouble) -> None:
    one = client(site)
    site.faults.fail_boot("bad*")
    template = one.template.allocate(TEMPLATE)
    vm = one.template.instantiate(template, "bad1", False, "", False)
    site.until(lambda: site.cloud.vms[vm].lcm == 36)
    assert "DEPLOY: node01:bad1" in one.vm.info(vm).USER_TEMPLATE["ERROR"]
    site.faults.clear()
    one.vm.recover(vm, 2)
    site.until(lambda: site.cloud.vms[vm].lcm == 3)


@pytest.mark.parametrize("path", ["/etc/passwd-of-nobody", "http://127.0.0.1:1/x.qcow2"])
def test_unreadable_image(oned_still: OnedDouble, path: str) -> None:
    with pytest.raises(pyone.OneInternalException, match="Cannot parse image SIZE"):
        client(oned_still).image.allocate(f'NAME=x TYPE=OS\nPATH="{path}"', 1)


def test_image_outside_the_safe_directories(oned_still: OnedDouble, tmp_path: Path) -> None:
    (tmp_path / "w.img").write_bytes(bytes(MB))
    one = client(oned_still)
    image = one.image.allocate(f'NAME=x TYPE=OS\nPATH="{tmp_path}/w.img"', 1)
    oned_still.tick(5)
    seen = one.image.info(image)
    assert seen.STATE == 5
    assert "check RESTRICTED_DIRS" in seen.TEMPLATE["ERROR"]


def test_stuck_image_and_restart(oned_still: OnedDouble, tmp_path: Path) -> None:
    path = worker_image(oned_still, tmp_path)
    one = client(oned_still)
    oned_still.faults.stick_image("stuck")
    first = one.image.allocate(f'NAME=stuck TYPE=OS\nPATH="{path}"', 1)
    second = one.image.allocate(f'NAME=midway TYPE=OS\nPATH="{path}"', 1)
    oned_still.restart()
    oned_still.tick(60)
    assert [one.image.info(n).STATE for n in (first, second)] == [4, 4]
    with pytest.raises(pyone.OneInternalException, match="Image locked, use --force"):
        one.image.delete(first)
    one.image.delete(first, True)
    with pytest.raises(pyone.OneNoExistsException):
        one.image.info(first)


def test_parallel_allocations(oned_still: OnedDouble, tmp_path: Path) -> None:
    """Templates may double, images never do: measured on a real server with twelve calls."""
    path = worker_image(oned_still, tmp_path)
    oned_still.cloud.race_gap = 0.05

    def attempt(kind: str) -> bool:
        try:
            if kind == "template":
                client(oned_still).template.allocate("NAME=same CPU=1\nMEMORY=1")
            else:
                client(oned_still).image.allocate(f'NAME=same TYPE=OS\nPATH="{path}"', 1)
        except pyone.OneException:
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        made = list(pool.map(attempt, ["template"] * 12))
        images = list(pool.map(attempt, ["image"] * 12))
    assert sum(made) == len(oned_still.cloud.templates) > 1
    assert sum(images) == len(oned_still.cloud.images) == 1
    assert not attempt("template")


def test_another_user(site: OnedDouble) -> None:
    one = client(site)
    one.user.allocate("dirac", "dpw", "", [])
    dirac = client(site, "dirac:dpw")
    assert dirac.imagepool.info(-2, -1, -1).IMAGE == []
    with pytest.raises(pyone.OneAuthorizationException, match=r"perform USE IMAGE \[0\]"):
        dirac.image.info(0)
    one.image.chmod(0, -1, -1, -1, -1, -1, -1, 1, -1, -1)
    assert dirac.image.info(0).NAME == "worker"
    with pytest.raises(pyone.OneAuthorizationException, match="MANAGE IMAGE"):
        dirac.image.delete(0)
    with pytest.raises(pyone.OneAuthorizationException, match="CREATE HOST"):
        dirac.host.allocate("h", "kvm", "kvm", -1)
    with pytest.raises(pyone.OneAuthenticationException):
        client(site, "dirac:wrong").system.version()


def test_quota_counts_and_refuses(site: OnedDouble) -> None:
    one = client(site)
    user = one.user.allocate("dirac", "dpw", "", [])
    one.user.quota(user, 'VM=[VMS="1", CPU="-1", MEMORY="-2"]')
    one.image.chmod(0, -1, -1, -1, -1, -1, -1, 1, -1, -1)
    dirac = client(site, "dirac:dpw")
    template = dirac.template.allocate(
        "NAME=d CPU=0.5\nMEMORY=128\nDISK=[IMAGE=worker,IMAGE_UNAME=oneadmin]"
    )
    vm = dirac.template.instantiate(template, "", False, "", False)
    with pytest.raises(pyone.OneAuthorizationException, match="limit of 1 reached for VMS"):
        dirac.template.instantiate(template, "", False, "", False)
    row = one.user.info(user).VM_QUOTA.VM[0]
    assert (str(row.VMS_USED), str(row.CPU_USED)) == ("1", "0.50")
    dirac.vm.action("terminate-hard", vm)
    dirac.template.instantiate(template, "", False, "", False)


def test_access_rules(site: OnedDouble) -> None:
    one = client(site)
    group = one.group.allocate("dirac")
    user = one.user.allocate("dirac", "dpw", "", [group])
    dirac = client(site, "dirac:dpw")
    assert dirac.imagepool.info(-2, -1, -1).IMAGE == []
    rule = one.acl.addrule(
        hex(0x200000000 | group), hex(0x8000000000 | 0x400000000), "0x1", "0x400000000"
    )
    assert [i.NAME for i in dirac.imagepool.info(-2, -1, -1).IMAGE] == ["worker"]
    texts = [r.STRING for r in one.acl.info().ACL]
    assert f"@{group} IMAGE/* USE *" in texts
    one.acl.delrule(rule)
    assert dirac.imagepool.info(-2, -1, -1).IMAGE == []
    assert one.user.info(user).GNAME == "dirac"


def test_address_ranges(site: OnedDouble) -> None:
    one = client(site)
    one.vn.add_ar(0, "AR=[TYPE=IP4,IP=198.51.100.1,SIZE=10]")
    one.vn.update_ar(0, "AR=[AR_ID=1,SIZE=20,COMMENT=more]")
    ranges = one.vn.info(0).AR_POOL.AR
    assert [(int(r.AR_ID), r.IP_END, int(r.SIZE)) for r in ranges] == [
        (0, "192.0.2.14", 5),
        (1, "198.51.100.20", 20),
    ]
    one.vn.rm_ar(0, 1)
    assert len(one.vn.info(0).AR_POOL.AR) == 1


def test_releases() -> None:
    for release, version in (("5.12", "5.12.0"), ("6.10", "6.10.5"), ("7.0", "7.0.1")):
        with OnedDouble(release=release) as one:
            assert client(one).system.version() == version
            assert client(one).vmpool.infoextended(-2, -1, -1, -1).VM == []


def test_unknown_methods_are_noted(oned_still: OnedDouble) -> None:
    with pytest.raises(pyone.OneException, match="not defined"):
        client(oned_still).marketpool.info()
    assert oned_still.cloud.unimplemented == ["one.marketpool.info"]


def test_a_large_cloud_at_once(oned_still: OnedDouble) -> None:
    fill(oned_still, hosts=20, templates=5, vms=100)
    one = client(oned_still)
    assert len(one.vmpool.info(-2, -1, -1, -1).VM) == 100
    assert {h.HOST_SHARE.RUNNING_VMS for h in one.hostpool.info().HOST} == {5}
    assert len(one.templatepool.info(-2, -1, -1).VMTEMPLATE) == 5
    one.vm.action("terminate-hard", 3)
    oned_still.until(lambda: oned_still.cloud.vms[3].state == 6)
    assert one.hostpool.info().HOST[-4].HOST_SHARE.RUNNING_VMS == 4
