"""The checks of the cloud, on the double of oned with what `b2ct apply` made of a site."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from b2ct.cloud import apply as carrying
from b2ct.cloud import desired, live
from b2ct.cloud import plan as planning
from b2ct.cloud.view import Options as Wishes
from b2ct.core.errors import B2ctError
from b2ct.one.client import Client
from b2ct.one.endpoint import Endpoint
from b2ct.one.states import HostStatus
from b2ct.one.text import Attributes
from b2ct.rehearsal.oned import OnedDouble
from b2ct.rehearsal.oned.states import ImageState
from b2ct.site.model import Site
from b2ct.validate.check import CheckFailedError, NotApplicableError
from b2ct.validate.facts.paths import ONE_AUTH
from b2ct.validate.given import Hosts, Options
from b2ct.validate.suites import cloud
from tests.cloud.conftest import on
from tests.validate import sites
from tests.validate.fake import Fake

ANSWERS = {
    "system.version": "@@oned\n<methodResponse/>\n",
    "stat -L": f"600|oneadmin|oneadmin|9|{ONE_AUTH}\n",
}
CHECKS = [value for name, value in vars(cloud).items() if name.startswith("test_")]


@dataclass
class Place:
    """A cloud as its site describes it."""

    double: OnedDouble
    one: Client
    site: Site
    answers: dict[str, str] = field(default_factory=lambda: dict(ANSWERS))
    names: tuple[str, ...] = ("one", "hv1", "hv2")

    def check(self, function: Callable[..., object]) -> str:
        """`passed`, `skipped: why` or `failed: why -> remedy`."""
        host: Any = Fake(self.answers)
        given = {
            "to_cloud": lambda: self.one, "hosts": Hosts(dict.fromkeys(self.names, host)),
            "site": self.site, "options": Options(folder=Path(__file__).parent),
        }  # fmt: skip
        code = function.__code__
        try:
            function(**{name: given[name] for name in code.co_varnames[: code.co_argcount]})
        except NotApplicableError as err:
            return f"skipped: {err}"
        except CheckFailedError as err:
            return f"failed: {err} -> {err.remedy}"
        except AssertionError as err:
            return f"failed: {err}"
        return "passed"

    def failures(self) -> dict[str, str]:
        """What fails of all of them."""
        said = {function.__name__: self.check(function) for function in CHECKS}
        return {name: text for name, text in said.items() if text.startswith("failed")}


@pytest.fixture
def place() -> Iterator[Place]:
    described = sites.site(
        workers={"w1": {"image": "worker"}}, squid={"external": ["http://squid.example.org:3128"]}
    )
    with OnedDouble() as double:
        one = on(double).one
        for name in ("hv1", "hv2"):
            double.add_host(name, cores=8, memory_gb=16)
        double.until(lambda: all(host.usable for host in one.hosts.all()))
        image = {"NAME": "worker", "TYPE": "DATABLOCK", "SIZE": "1"}
        number = one.images.allocate(Attributes.of(image), 1)
        double.until(lambda: one.images.get(number).state.usable)
        apply(one, described)
        yield Place(double, one, described)


def apply(one: Client, described: Site) -> None:
    """Twice: the second run makes the templates for which the first made the networks."""
    for _ in range(2):
        wanted = desired.desired(described, one.dialect, Path(__file__).parent)
        found = planning.plan(wanted, live.read(one), Wishes(adopt=True))
        carrying.apply(one, wanted, found, password=lambda: "correct-horse", told=lambda _: None)


def test_a_cloud_as_described_raises_no_alarm(place: Place) -> None:
    assert place.failures() == {}
    skipped = [f.__name__ for f in CHECKS if place.check(f).startswith("skipped")]
    assert skipped == ["test_clusters_are_as_described"]


def break_image(place: Place) -> None:
    place.double.cloud.images[0].state = ImageState.ERROR


def delete_template(place: Place) -> None:
    place.one.templates.delete(place.one.templates.all()[0].id)


def change_template(place: Place) -> None:
    one = place.one.templates.all()[0]
    place.one.templates.update(one.id, Attributes.of({"MEMORY": "64"}))


def delete_network(place: Place) -> None:
    place.one.networks.delete(next(n.id for n in place.one.networks.all() if n.name == "private"))


def break_host(place: Place) -> None:
    place.double.cloud.hosts[0].fail("Error monitoring host")


def disable_host(place: Place) -> None:
    place.one.hosts.status(0, HostStatus.DISABLED)


def delete_host(place: Place) -> None:
    place.one.hosts.delete(0)


def wrong_driver(place: Place) -> None:
    place.one.datastores.update(1, Attributes.of({"TM_MAD": "shared"}))


def take_rights(place: Place) -> None:
    user = next(u.id for u in place.one.users.all() if u.name == "dirac")
    for rule in place.one.acls.all():
        if rule.user == 0x1_0000_0000 | user:
            place.one.acls.delete(rule.id)
            return


def fail_vm(place: Place) -> None:
    place.double.faults.fail_boot("*")
    number = place.one.templates.instantiate(place.one.templates.all()[0].id, name="bad")
    place.double.until(lambda: place.one.vms.get(number).failed)


def fill_network(place: Place) -> None:
    network = place.double.cloud.vnets.named("private")
    assert network is not None
    for one in network.ranges:
        one.leases.update(dict.fromkeys(range(one.size), -1))


FAULTS: dict[Callable[[Place], None], tuple[str, str]] = {
    break_image: ("test_images_are_usable", "image 0 (worker): ERROR"),
    delete_template: ("test_templates_are_registered", "template w1 is missing"),
    change_template: ("test_templates_are_registered", "template w1 differs from site.yaml"),
    break_host: ("test_hosts_are_monitored", "host hv1: ERROR: Error monitoring host"),
    disable_host: ("test_hosts_take_vms", "taken out by hand: hv1"),
    delete_host: ("test_hosts_are_registered", "not registered in OpenNebula: hv1"),
    wrong_driver: ("test_datastores_have_their_drivers", "TM_MAD=shared, it should be ssh"),
    take_rights: ("test_dirac_user_is_as_described", "rule dirac"),
    fill_network: ("test_networks_have_addresses_left", "0 of"),
    fail_vm: ("test_vms_are_well", "BOOT_FAILURE"),
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_each_fault_is_found_by_one_check(fault: Callable[[Place], None], place: Place) -> None:
    fault(place)
    check, told = FAULTS[fault]
    found = place.failures()
    assert list(found) == [check]
    assert told in found[check]


def test_a_network_that_is_missing_takes_its_template_along(place: Place) -> None:
    delete_network(place)
    found = place.failures()
    assert "network private is missing" in found["test_networks_are_as_described"]
    # Rights about it are gone as well; the template is not said to be wrong.
    assert set(found) <= {"test_networks_are_as_described", "test_dirac_user_is_as_described"}


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ({}, "oned does not answer: see oned-runs"),
        ({"system.version": ANSWERS["system.version"]}, "see one-auth-is-closed"),
    ],
)
def test_while_another_check_says_why_these_say_nothing(
    answers: dict[str, str], why: str, place: Place
) -> None:
    place.answers = answers
    for function in CHECKS:
        said = place.check(function)
        assert said.startswith("skipped"), (function.__name__, said)
    assert why in place.check(cloud.test_hosts_are_registered)


def test_without_the_control_node_they_say_nothing(place: Place) -> None:
    place.names = ("hv1",)
    assert "see answers-ssh" in place.check(cloud.test_opennebula_lets_us_in)


def test_a_changed_password_is_found_by_one(place: Place) -> None:
    place.one = Client(Endpoint(place.double.url, "oneadmin:wrong", proxy=""), deadline=5)
    assert list(place.failures()) == ["test_opennebula_lets_us_in"]
    assert "lets-us-in" in place.check(cloud.test_hosts_are_registered)


def test_a_tunnel_that_cannot_be_made_is_told_once(place: Place) -> None:
    def broken() -> Client:
        raise B2ctError("port 2633 cannot be reached", hint="AllowTcpForwarding")

    host: Any = Fake(ANSWERS)
    hosts = Hosts({"one": host})
    with pytest.raises(NotApplicableError):
        cloud.test_hosts_are_registered(broken, hosts, place.site)
    with pytest.raises(B2ctError, match="2633"):
        cloud.test_opennebula_lets_us_in(broken, hosts, place.site)


def test_stray_vms(place: Place) -> None:
    place.answers["virsh"] = "one-77\nother\n"
    said = place.check(cloud.test_no_stray_vms)
    assert said.startswith("failed: OpenNebula does not know: one-77 on hv1")


def test_a_cluster_that_is_missing(place: Place) -> None:
    place.site = sites.site(cloud={"dirac": {"user": "dirac"}, "cluster": "grid"})
    told = place.check(cloud.test_clusters_are_as_described)
    assert "failed: cluster grid is missing in OpenNebula" in told
    assert "b2ct apply" in told


def test_another_version_than_that_of_the_site(place: Place) -> None:
    place.site = sites.site(opennebula={"version": "7.0"})
    told = place.check(cloud.test_opennebula_version_is_as_asked)
    assert "oned is 6.10.5, site.yaml says 7.0" in told
