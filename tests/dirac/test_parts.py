"""States, options, capacity and the Resources section, without a cloud."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from b2ct.core.errors import B2ctError
from b2ct.dirac import cfg, nodestates, options, resources
from b2ct.dirac.capacity import Capacity
from b2ct.dirac.resources import Place, Queue
from b2ct.dirac.survey import queues
from b2ct.one import states
from b2ct.one.objects.vm import Vm
from b2ct.one.states import VmState
from b2ct.one.text import Attributes
from b2ct.site.workers import Worker
from tests.dirac import ground, read

PLACE = Place(
    "CLOUD.Torino.it", "B2CT-Torino", "one.example.it", "belle", "https://one.example.it:2634/RPC2",
    "dirac", "/opt/dirac/etc", cloudinit=True,
)  # fmt: skip


def vm(state: int, lcm: int = 0) -> Vm:
    return Vm(
        id=1, name="x", state=VmState(state), lcm_state=lcm, user_template=Attributes(), started=1,
        ended=0, deploy_id="", host_id=-1, host="",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("state", "lcm", "expected"),
    [
        *((1, 0, "PENDING"), (2, 0, "PAUSED"), (4, 0, "STOPPED"), (5, 0, "SUSPENDED")),
        *((6, 0, "STOPPED"), (7, 0, "ERROR"), (8, 0, "STOPPED"), (9, 0, "STOPPED")),
        *((10, 0, "PENDING"), (11, 0, "ERROR"), (99, 0, "UNKNOWN"), (3, 999, "UNKNOWN")),
        *((3, 1, "STARTING"), (3, 2, "STARTING"), (3, 3, "RUNNING"), (3, 16, "UNKNOWN")),
        *((3, 12, "STOPPING"), (3, 18, "STOPPING"), (3, 36, "ERROR"), (3, 39, "ERROR")),
    ],
)
def test_states(state: int, lcm: int, expected: str) -> None:
    assert nodestates.of(vm(state, lcm)) == expected


@pytest.mark.parametrize("state", list(VmState))
def test_every_state_has_one_of_libclouds(state: VmState) -> None:
    found = {states.lcm_name(lcm): nodestates.of(vm(state, lcm)) for lcm in range(72)}
    assert all(hasattr(NodeState, name) for name in found.values())
    if state is VmState.ACTIVE:
        # DIRAC takes STOPPED for a pilot's end: nothing that still runs may be called so.
        assert "STOPPED" not in found.values(), found


@pytest.mark.parametrize(
    ("word", "expected"),
    [("True", True), ("yes", True), (True, True), ("1", True), ("False", False), ("no", False),
     (False, False), ("", False), (None, False), (" false ", False)],
)  # fmt: skip
def test_secure_is_what_it_says(word: object, expected: bool) -> None:
    assert options.truth(word, "Driver_secure") is expected


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({"host": "a"}, "https://a:2633/RPC2"),
        ({"host": "a", "port": "2634", "secure": "False"}, "http://a:2634/RPC2"),
        ({"host": "2001:db8::1", "secure": "no"}, "http://[2001:db8::1]:2633/RPC2"),
        ({"host": "a", "path": "/one/RPC2"}, "https://a:2633/one/RPC2"),
    ],
)
def test_endpoints(given: dict[str, object], url: str) -> None:
    made = options.endpoint_of("dirac", "p", given)
    assert (made.url, made.auth) == (url, "dirac:p")


def parsed(place: Place, made: dict[str, Queue]) -> dict[str, Any]:
    return read.site(cfg.render(resources.resources(place, made)))


def queue(name: str, os: str = "EL9", **more: object) -> Queue:
    return Queue(name, Worker(**more), Capacity(7, "the test"), os, 3)


def test_the_section(tmp_path: Path) -> None:
    made = parsed(PLACE, {"small": queue("small"), "big": queue("big", vcpu=8, lifetime=7200)})
    ce = made["CEs"]["one.example.it"]
    assert ce["Driver_host"] == "one.example.it"
    assert ce["Driver_port"] == "2634"
    assert ce["Driver_secure"] == "True"
    assert ce["Context_MaxLifetime"] == "259200", "the longest of all queues"
    assert ce["OS"] == "EL9"
    assert ce["Context_Template"] == "/opt/dirac/etc/b2ct-cloudinit.template"
    small, big = (ce["Queues"][name] for name in ("small", "big"))
    assert small["Instance_Flavor"] == "name:small"
    assert (small["maxCPUTime"], big["maxCPUTime"]) == ("4320", "120")
    assert (small["MaxTotalJobs"], small["MaxWaitingJobs"]) == ("7", "5")
    assert (big["NumberOfProcessors"], big["LocalCEType"]) == ("8", "Pool")
    assert "Tag" not in small
    assert "password" not in cfg.render(resources.resources(PLACE, {"a": queue("a")})).lower()


def test_several_distributions_name_their_platforms() -> None:
    made = {"a": queue("a"), "b": queue("b", "Debian12")}
    ce = parsed(PLACE, made)["CEs"]["one.example.it"]
    assert "OS" not in ce
    assert ce["Queues"]["b"]["Platform"] == "x86_64_Debian12"
    assert any("several distributions" in note for note in resources.notes(PLACE, made))


def test_hs06_is_told_in_si00() -> None:
    assert queue("a", hs06=11.5).si00 == 2875
    assert queue("a").si00 == 2500


def test_vmdirac() -> None:
    text = cfg.render(resources.legacy(PLACE, {"a": queue("a")}, "se=cret{"))
    cloud = read.site(text)["Cloud"]
    one = cloud["one.example.it"]
    assert (one["CEType"], one["Password"]) == ("OpenNebula", "se=cret{")
    assert one["VMTypes"]["a"]["TemplateID"] == "3"
    unknown = Queue("a", Worker(), Capacity(7, ""), "EL9")
    with pytest.raises(B2ctError, match="wants the ID of the template"):
        resources.legacy(PLACE, {"a": unknown}, "x")


@pytest.mark.parametrize("name", ["Torino", "A.B", "A.B.it.x", "CLOUD. .it", "CLOUD.B.1"])
def test_names_that_are_none_for_dirac(name: str, tmp_path: Path) -> None:
    with pytest.raises(B2ctError, match="three words"):
        resources.site_name(ground.site(tmp_path), name)


def test_site_yaml_may_say_the_name_of_the_site(tmp_path: Path) -> None:
    text = ground.SITE.replace("b2ct.example.it", "b2ct.example.org")
    said = text.replace("dirac: {", "dirac: {site: CLOUD.Torino.it, ")
    assert said != text
    assert resources.site_name(ground.site(tmp_path, said), None) == "CLOUD.Torino.it"
    assert resources.site_name(ground.site(tmp_path, said), "LCG.Other.it") == "LCG.Other.it"


def test_names_of_the_site(tmp_path: Path) -> None:
    assert resources.site_name(ground.site(tmp_path), None) == "CLOUD.Torino.it"
    text = ground.SITE.replace("b2ct.example.it", "b2ct.example.org")
    with pytest.raises(B2ctError, match=r"site\.yaml gives no name"):
        resources.site_name(ground.site(tmp_path, text), None)
    described = ground.site(tmp_path)
    assert resources.ce_name(described, "http://10.0.0.10:2633/RPC2") == "one.b2ct.example.it"
    assert resources.ce_name(described, "http://10.0.0.11:2633/RPC2") == "10.0.0.11"


@pytest.mark.parametrize(
    ("quota", "vms"),
    [("vms: 3", 3), ("vms: 60", 50), ("cpu: 4", 8), ("memory: 9 GiB", 4), ("disk: 90 GiB", 2)],
)
def test_capacity_is_the_least_that_site_yaml_says(quota: str, vms: int, tmp_path: Path) -> None:
    described = ground.site(tmp_path, ground.SITE.replace("vms: 30", quota))
    made = queues(described, {"b2ct-worker": "EL9"}, None, None)
    assert made["b2ct-worker"].capacity.vms == vms


def test_no_capacity_is_refused(tmp_path: Path) -> None:
    described = ground.site(tmp_path, ground.SITE.replace("vms: 30", "cpu: 0.1"))
    systems = {"b2ct-worker": "EL9"}
    with pytest.raises(B2ctError, match="not one VM of the worker"):
        queues(described, systems, None, None)
    assert queues(described, systems, None, 4)["b2ct-worker"].capacity.vms == 4
