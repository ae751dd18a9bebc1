"""The devices of a node: the same names as the kickstart's own bash gives them."""

from __future__ import annotations

import shlex
import subprocess

import pytest

from b2ct.core.data import data_folder
from b2ct.site.model import Node, Site
from b2ct.validate import wiring
from tests.validate.sites import BOND, node, site

MACS = [f"52:54:00:00:03:{number:02x}" for number in range(8)]


def named_by_bash(described: Site, machine: Node) -> list[tuple[str, str, str]]:
    """(base or card, device with the VLAN, device with the address), by name_devices."""
    text = (data_folder("kickstart") / "network" / "pre.sh.j2").read_text()
    code = text.split("{% raw %}")[1].split("{% endraw %}")[0]
    lines = [code]
    for index, interface in enumerate(machine.interfaces):
        network = described.networks[interface.network]
        lines += [
            f"IF_NETWORK[{index}]={shlex.quote(interface.network)}",
            f"IF_CARDS[{index}]={shlex.quote(' '.join(interface.macs))}",
            f"IF_MODE[{index}]={interface.bond.mode if interface.bond else chr(39) * 2}",
            f"IF_VLAN[{index}]={network.vlan or ''}",
            f"IF_BRIDGE[{index}]={network.bridge or ''}",
        ]
    lines.append(f"name_devices {machine.role.value}")
    lines.append('for i in "${!IF_NETWORK[@]}"; do')
    lines.append('printf "%s|%s|%s\\n" "${IF_BASE[i]}" "${IF_TAGGED[i]}" "${IF_TOP[i]}"; done')
    done = subprocess.run(
        ["bash", "-c", "\n".join(lines)], capture_output=True, text=True, check=True
    )
    return [(a, b, c) for a, b, c in (line.split("|") for line in done.stdout.splitlines())]


def named_here(described: Site, machine: Node) -> list[tuple[str, str, str]]:
    rows = []
    for wire in wiring.wires(described, machine):
        card = " ".join(wire.macs)
        rows.append((wire.base or card, wire.port or card, wire.top or card))
    return rows


@pytest.mark.parametrize("name", ["one", "hv1", "hv2"])
def test_the_names_of_an_ordinary_site(name: str) -> None:
    described = site()
    assert named_here(described, node(name)) == named_by_bash(described, node(name))


@pytest.mark.parametrize("role", ["control", "hypervisor", "single"])
def test_the_names_of_awkward_machines(role: str) -> None:
    """Two bonds, a VLAN of one number on three of them, bridges on some."""
    networks = {
        "a": {"cidr": "10.0.0.0/24", "vlan": 7, "bridge": "bra"},
        "b": {"cidr": "10.1.0.0/24", "vlan": 7},
        "c": {"cidr": "10.2.0.0/24", "vlan": 7, "bridge": "brc"},
        "d": {"cidr": "10.3.0.0/24"},
        "e": {"cidr": "10.4.0.0/24", "bridge": "bre"},
    }
    machine = {
        "name": "odd", "role": role,
        "interfaces": [
            {"network": "a", "bond": {"members": MACS[:2]}},
            {"network": "b", "mac": MACS[2]},
            {"network": "c", "bond": {"members": MACS[3:5], "mode": "802.3ad"}},
            {"network": "d", "bond": {"members": MACS[:2]}},
            {"network": "e", "mac": MACS[5]},
        ],
    }  # fmt: skip
    described = Site.model_validate({"networks": networks, "nodes": [machine]})
    odd = node("odd", described)
    assert named_here(described, odd) == named_by_bash(described, odd)
    assert [wire.tagged for wire in wiring.wires(described, odd)][:3] == [
        "vlan7",
        "vlan7_1",
        "vlan7_2",
    ]


def test_what_a_bond_with_a_vlan_and_a_bridge_is_made_of() -> None:
    service, private = wiring.wires(site(), node("hv2"))
    assert (service.base, service.port, service.top) == ("bond0", "bond0", "br-service")
    assert (private.base, private.port, private.top) == ("bond0", "vlan5", "br-private")
    assert service.macs == tuple(BOND)
    assert (service.address, private.address) == ("10.0.0.12/24", "none")
    assert (service.mtu, private.mtu) == (None, 9000)


def test_the_default_route() -> None:
    assert wiring.gateway_of(site(), node("hv1")) == ("service", "10.0.0.1")
    bare = Site.model_validate({"nodes": [{"name": "x", "role": "control"}]})
    assert wiring.gateway_of(bare, node("x", bare)) is None
    dhcp = site(
        nodes=[
            {
                "name": "one", "role": "control",
                "interfaces": [{"network": "service", "address": "dhcp"}],
            }
        ]
    )  # fmt: skip
    assert wiring.gateway_of(dhcp, node("one", dhcp)) is None
