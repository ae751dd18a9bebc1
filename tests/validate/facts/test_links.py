from __future__ import annotations

import json
import subprocess

import pytest

from b2ct.validate.check import NotApplicableError
from b2ct.validate.facts import links, sections
from tests.validate.fake import Fake


def link(name: str, mac: str, **more: object) -> dict[str, object]:
    flags = more.pop("flags", ["BROADCAST", "UP", "LOWER_UP"])
    return {"ifname": name, "address": mac, "mtu": 1500, "flags": flags, **more}


def member(born: str) -> dict[str, object]:
    return {"info_slave_kind": "bond", "info_slave_data": {"perm_hwaddr": born}}


ADDRESSES = json.dumps(
    [
        link("lo", "00:00:00:00:00:00"),
        # Members of a bond carry its address; the one they were born with stands elsewhere.
        link(
            "eno1", "52:54:00:00:02:01", master="bond0",
            linkinfo=member("52:54:00:00:02:01"),
        ),
        link(
            "eno2", "52:54:00:00:02:01", master="bond0", flags=["BROADCAST", "UP"],
            linkinfo=member("52:54:00:00:02:02"),
        ),
        link(
            "bond0", "52:54:00:00:02:01", master="br0",
            linkinfo={"info_kind": "bond", "info_data": {"mode": "802.3ad"}},
        ),
        link(
            "vlan5", "52:54:00:00:02:01", link="bond0", master="br1",
            linkinfo={"info_kind": "vlan", "info_data": {"protocol": "802.1Q", "id": 5}},
        ),
        link(
            "br0", "52:54:00:00:02:01", linkinfo={"info_kind": "bridge", "info_data": {}},
            addr_info=[
                {"family": "inet", "local": "10.0.0.12", "prefixlen": 24},
                {"family": "inet6", "local": "fe80::1", "prefixlen": 64},
            ],
        ),
        {},
    ]
)  # fmt: skip
ROUTES = json.dumps(
    [
        {"dst": "default", "gateway": "10.9.0.1", "dev": "eno3", "metric": 100},
        {"dst": "default", "gateway": "10.0.0.1", "dev": "br0"},
    ]
)


def test_a_bond_with_a_vlan_below_bridges() -> None:
    found = links.parse(ADDRESSES, ROUTES)
    second = found.by_mac("52:54:00:00:02:02")
    assert second is not None
    assert (second.name, second.up, second.carrier, second.master) == ("eno2", True, False, "bond0")
    first = found.by_mac("52:54:00:00:02:01")
    assert first is not None
    assert first.name == "eno1"
    assert found.members("bond0") == ("eno1", "eno2")
    assert found.members("br1") == ("vlan5",)
    assert (found.links["vlan5"].vlan, found.links["vlan5"].below) == (5, "bond0")
    assert found.links["bond0"].mode == "802.3ad"
    assert found.links["br0"].addresses == ("10.0.0.12/24",)
    assert found.gateways == (("10.0.0.1", "br0"), ("10.9.0.1", "eno3"))


def test_this_machine_s_own_devices_can_be_read() -> None:
    done = subprocess.run(
        ["sh", "-c", sections.command(links._QUESTIONS)], capture_output=True, text=True, check=True
    )
    said = sections.parse(done.stdout)
    lo = links.parse(said["addresses"], said["routes"]).links["lo"]
    assert "127.0.0.1/8" in lo.addresses


def test_an_old_ip_ends_the_check() -> None:
    with pytest.raises(NotApplicableError, match="-json"):
        links.of(Fake({"ip -d -j": "@@addresses\nOption -j is unknown\n@@routes\n"}))
