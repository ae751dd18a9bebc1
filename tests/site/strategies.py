"""Valid sites as plain data, as a person might write them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Any

import yaml
from hypothesis import strategies as st

from b2ct.site import catalogue

KEY = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDH" + "A" * 340 + " me@laptop"
NAMES = ("no", "one", "hv01", "hv02", "e1", "x-1", "007", "null", "true")
LINES = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="\ufeff"),
    min_size=1,
    max_size=20,
).filter(lambda text: not set(text) & {"\ufffe", "\uffff"})


def mac(number: int) -> str:
    """Some look like YAML 1.1's base-60 numbers."""
    return ":".join(["10", "20", "30", "40", f"{number // 60:02}", f"{number % 60:02}"])


@st.composite
def networks(draw: st.DrawFn) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for index, name in enumerate(
        draw(st.lists(st.sampled_from(("service", "private", "public", "no")), unique=True))
    ):
        network: dict[str, Any] = {}
        if draw(st.booleans()):
            network["cidr"] = f"10.{index}.0.0/24"
            if draw(st.booleans()):
                network["gateway"] = f"10.{index}.0.1"
            if draw(st.booleans()):
                network["vm_range"] = {"first": f"10.{index}.0.200", "last": f"10.{index}.0.210"}
        network["vlan"] = 100 + index
        if draw(st.booleans()):
            network["bridge"] = f"br{index}"
        made[name] = network
    return made


@st.composite
def sites(draw: st.DrawFn) -> dict[str, Any]:
    """A valid site as YAML would give it, with text for addresses and sizes."""
    release = draw(st.sampled_from(sorted(catalogue.RELEASES)))
    row = catalogue.release(release)
    site: dict[str, Any] = {
        "site": {"name": draw(st.sampled_from(("b2ct", "null", "Yes", "e1"))), "domain": "1.no"},
        "release": {
            "version": release,
            "distribution": draw(st.sampled_from(row.distributions)).value,
        },
        "opennebula": {"version": draw(st.sampled_from(row.opennebula))},
        "networks": draw(networks()),
        "installer": {"timeout": draw(st.integers(1, 3600))},
    }
    if draw(st.booleans()):
        site["admins"] = [{"name": draw(LINES), "ssh_keys": [KEY]}]
    if draw(st.booleans()):
        site["workers"] = {"no": draw(workers()), "e1": {}}
    if draw(st.booleans()):
        site["proxy"] = {
            "url": "http://proxy.example.org:3128",
            "exceptions": draw(st.lists(st.sampled_from(("1.no", "10.0.0.0/8", "*.kek.jp")))),
        }
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))
    site["nodes"] = [draw(nodes(index, name, site["networks"])) for index, name in enumerate(names)]
    return site


@st.composite
def workers(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "cpu": draw(st.sampled_from((1, 0.5, 64))),
        "lifetime": draw(st.sampled_from(("3 d", "90min", "1.5 h"))),
        "idle": {"load": draw(st.floats(0, 1000)), "grace": "0 s"},
        "environment": {"A": draw(LINES)},
    }


DISKS: tuple[dict[str, Any], ...] = (
    {"min_size": "100 GiB"},
    {"mirror": [{"model": "no"}, {"model": "no"}]},
    {"model": "1e1", "datastores": [{"min_size": "1 TiB"}]},
)


@st.composite
def nodes(draw: st.DrawFn, index: int, name: str, known: dict[str, Any]) -> dict[str, Any]:
    node: dict[str, Any] = {"name": name, "role": "hypervisor" if index else "control"}
    if draw(st.booleans()):
        node["serial"] = f"S{index:04}{draw(LINES)}"
    if draw(st.booleans()):
        node["disk"] = {**draw(st.sampled_from(DISKS)), "wipe": draw(st.booleans())}
    interfaces = []
    for order, network in enumerate(known):
        interface: dict[str, Any] = {"network": network}
        if draw(st.booleans()):
            interface["mac"] = mac(index * 10)
        if "cidr" in known[network] and draw(st.booleans()):
            first = IPv4Network(known[network]["cidr"]).network_address
            interface["address"] = str(IPv4Address(int(first) + 10 + index))
        elif order and draw(st.booleans()):
            interface["address"] = "none"
        interfaces.append(interface)
    if interfaces:
        node["interfaces"] = interfaces
    return node


def as_yaml(site: dict[str, Any], *, flow: bool) -> str:
    text: str = yaml.safe_dump(site, default_flow_style=flow, allow_unicode=True, sort_keys=False)
    return text
