"""How VMs reach the stratum-1s: the site's squids, their backups, WPAD."""

from __future__ import annotations

from typing import Any

import pytest

from b2ct.context import proxies
from b2ct.core.errors import B2ctError
from tests.context.sites import site

NO_PAC: dict[str, Any] = {"cvmfs": {"pac_urls": []}}


def of(*networks: str, **changes: Any) -> proxies.Proxies:
    return proxies.of(site(**changes), networks)


def test_the_squid_on_a_node_alone() -> None:
    """Each mount would ask DNS for WPAD's hosts, also when the squid answers."""
    assert of().chain == "http://10.0.0.10:3128"
    assert of().pac_urls == ()


def test_then_wpad_where_the_site_asks_for_it() -> None:
    found = of(cvmfs={"pac_urls": ["http://wpad/wpad.dat"]})
    assert found.chain == "http://10.0.0.10:3128;auto"
    assert found.pac_urls == ("http://wpad/wpad.dat",)


def test_by_its_address_on_a_network_of_the_vm() -> None:
    assert of("vms").chain == "http://10.1.0.10:3128"
    assert of("nowhere").chain == "http://10.0.0.10:3128"


def test_squids_that_are_alike_share_a_group_and_backups_come_one_by_one() -> None:
    squid = {
        "external": ["http://p1.example.org:3128/", "http://p2.example.org:3128"],
        "backup": ["http://b1.example.org:3128", "http://b2.example.org:3128"],
    }
    assert of(squid=squid).chain == (
        "http://p1.example.org:3128|http://p2.example.org:3128"
        ";http://b1.example.org:3128;http://b2.example.org:3128"
    )


def test_without_wpad_there_is_no_auto() -> None:
    assert of(**NO_PAC).chain == "http://10.0.0.10:3128"


def test_nothing_is_ever_fetched_directly() -> None:
    assert "DIRECT" not in of(nodes=[]).chain


def _dhcp(**changes: Any) -> dict[str, Any]:
    interfaces = [{"network": "service", "address": "dhcp"}]
    return {"nodes": [{"name": "one", "role": "single", "interfaces": interfaces}], **changes}


def test_a_node_without_a_static_address_is_named_and_that_is_said() -> None:
    found = of(**_dhcp())
    assert found.chain == "http://one.b2ct.example.org:3128"
    assert "by DNS" in found.notes[0]


def test_a_node_that_cannot_be_named_leaves_wpad_and_that_is_said() -> None:
    found = of(**_dhcp(site={}))
    assert found.chain == "auto"
    assert len(found.notes) == 2


def test_no_proxy_at_all_is_refused() -> None:
    with pytest.raises(B2ctError, match="leads to no squid") as caught:
        of(nodes=[], **NO_PAC)
    assert "squid: {external:" in caught.value.hint


def test_the_squid_may_be_on_another_node() -> None:
    nodes = [
        {"name": "one", "role": "control", "interfaces": [{"network": "service"}]},
        {
            "name": "hv",
            "role": "hypervisor",
            "interfaces": [{"network": "vms", "address": "10.1.0.11"}],
        },
    ]
    assert of(nodes=nodes, squid={"node": "hv", "port": 8080}).chain == "http://10.1.0.11:8080"
