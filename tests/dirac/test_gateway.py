"""The driver through the site's gateway, with TLS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.dirac import check
from b2ct.dirac.driver import CloudError, OpenNebulaNodeDriver
from b2ct.one.client import Client
from b2ct.one.endpoint import Endpoint
from b2ct.rehearsal.oned import OnedDouble
from tests.dirac import ground
from tests.dirac.test_userdata import pilots
from tests.gateway.authority import Authority
from tests.gateway.process import Running, running


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def double(tmp_path: Path) -> Iterator[OnedDouble]:
    with OnedDouble(clock=ground.past(100)) as one:
        ground.furnish(one, ground.site(tmp_path))
        yield one


@pytest.fixture
def gate(double: OnedDouble, authority: Authority, tmp_path: Path) -> Iterator[Running]:
    pair = authority.issue(tmp_path.name[:40])
    files = {"certificate": str(pair.certificate), "key": str(pair.key)}
    with running(tmp_path, double.url, tls=True, **files) as made:
        yield made


def driver(gate: Running, **more: str) -> OpenNebulaNodeDriver:
    options = {"host": "localhost", "port": str(gate.port), "secure": "True", "gateway": "True"}
    return OpenNebulaNodeDriver("dirac", ground.PASSWORD, **{**options, **more})


def test_it_fills_watches_and_empties_the_cloud(
    double: OnedDouble, gate: Running, authority: Authority
) -> None:
    made = driver(gate, ca_file=str(authority.certificate))
    (size,) = made.list_sizes()
    image = made.list_images()[0]
    node = made.create_node("VMDIRAC3_A", size, image, ex_userdata=pilots())
    vm = ground.admin(double).vms.get(int(node.id or -1))
    assert vm.context["B2CT_SITE"] == "Torino"
    assert vm.context["B2CT_VMID"] == str(vm.id)
    assert vm.user_template.text("B2CT_DIRAC") == "gateway"
    (seen,) = made.list_nodes()
    assert (seen.id, seen.name) == (node.id, "VMDIRAC3_A")
    assert made.destroy_node(made.ex_get_node_details(node.id or ""))
    assert ground.admin(double).vms.get(vm.id).done
    assert {record["verdict"] for record in gate.records()} == {"done"}


def test_tls_is_verified(gate: Running) -> None:
    with pytest.raises(CloudError, match="certificate"):
        driver(gate, timeout="5").list_nodes()


def test_what_the_gateway_does_not_take_is_told(
    gate: Running, authority: Authority, double: OnedDouble
) -> None:
    made = driver(gate, ca_file=str(authority.certificate))
    (size,) = made.list_sizes()
    with pytest.raises(B2ctError, match="takes no Instance_Networks"):
        made.create_node("VMDIRAC3_A", size, networks=made.ex_list_networks())
    assert ground.admin(double).vms.all() == ()


def test_an_option_that_is_missing_is_named(gate: Running, authority: Authority) -> None:
    made = driver(gate, ca_file=str(authority.certificate), gateway="")
    (size,) = made.list_sizes()
    with pytest.raises(B2ctError, match="localhost is a gateway") as caught:
        made.create_node("VMDIRAC3_A", size, ex_userdata=pilots())
    assert "Driver_gateway = True" in caught.value.hint


def test_the_check_goes_through_it(gate: Running, authority: Authority) -> None:
    url = f"https://localhost:{gate.port}/RPC2"
    where = Endpoint(url, f"dirac:{ground.PASSWORD}", ca_file=str(authority.certificate), proxy="")
    found = {one.subject: one.verdict for one in check.run(Client(where), ["b2ct-worker"])}
    assert found.pop("rights") == check.SKIPPED
    assert set(found.values()) == {check.OK}
