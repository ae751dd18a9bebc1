"""What a practice site is made of, before anything is made."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest

from b2ct.rehearsal.site import dress, root
from b2ct.rehearsal.site.values import (
    DIRAC_FILE,
    chrony,
    dnsmasq,
    manifest,
    network_script,
    node_env,
    plan,
    site_yaml,
)
from b2ct.site.load import load
from b2ct.squid import manifest as squid_manifest

SITE = plan("lab", 91, 3)


def _key(number: int) -> str:
    """An ed25519 public key, as far as its form goes (RFC 8709)."""
    blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes([number] * 32)
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


KEYS = {machine.name: _key(number) for number, machine in enumerate(SITE.machines)}


def _described(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(site_yaml(SITE, KEYS, _key(99), _key(98)))
    return path


def test_a_plan_has_a_control_node_and_hypervisors() -> None:
    assert [(m.name, m.role) for m in SITE.machines] == [
        ("one", "control"), ("hv1", "hypervisor"), ("hv2", "hypervisor"), ("hv3", "hypervisor"),
    ]  # fmt: skip
    addresses = [machine.address for machine in SITE.machines]
    assert addresses == ["10.77.91.10", "10.77.91.11", "10.77.91.12", "10.77.91.13"]
    macs = [cable.mac for machine in SITE.machines for cable in machine.cables]
    assert len(set(macs)) == len(macs)


def test_two_sites_have_nothing_in_common() -> None:
    other = plan("other", 92, 3)
    assert {m.address for m in SITE.machines} & {m.address for m in other.machines} == set()
    assert SITE.host_device != other.host_device
    assert len(plan("x", 255, 1).host_device) <= 15  # IFNAMSIZ


def test_with_dirac_it_has_a_user_and_a_gateway(tmp_path: Path) -> None:
    described = tmp_path / "site.yaml"
    described.write_text(site_yaml(replace(SITE, dirac=True), KEYS, _key(99), _key(98)))
    (tmp_path / DIRAC_FILE).write_text("secret\n")
    site = load(described)
    assert (site.gateway_user, site.reaped_user) == ("dirac", "dirac")
    assert site.gateway is not None
    assert [str(client) for client in site.gateway.clients] == ["10.77.91.254/32"]


def test_its_site_yaml_has_no_mistakes(tmp_path: Path) -> None:
    site = load(_described(tmp_path))
    assert [node.name for node in site.nodes] == ["one", "hv1", "hv2", "hv3"]
    assert site.squid.node == "one"
    assert str(site.nodes[1].address) == "10.77.91.11"
    assert site.nodes[1].host_key == KEYS["hv1"]


def test_name_server_and_time_server_serve_the_site_alone() -> None:
    assert "host-record=hv2.practice.example.org,10.77.91.12" in dnsmasq(SITE).splitlines()
    assert "no-resolv" in dnsmasq(SITE).splitlines()
    assert "allow 10.77.91.0/24" in chrony(SITE).splitlines()


def test_a_hypervisor_has_its_address_on_a_bridge() -> None:
    lines = network_script(SITE.machines[1], SITE).splitlines()
    assert "ip link set eth1 master br-private" in lines
    assert "ip address add 10.77.91.11/24 dev br-service" in lines
    assert "ip address add 10.77.91.10/24 dev eth0" in network_script(SITE.machines[0], SITE)


def test_node_env_says_what_pre_finds_out() -> None:
    control, hypervisor = SITE.machines[:2]
    assert node_env(control, SITE)["B2CT_SQUID"] == "1"
    found = node_env(hypervisor, SITE)
    assert (found["B2CT_SQUID"], found["B2CT_MANAGEMENT"]) == ("0", "br-service")
    assert found["B2CT_CONTROL_ADDRESS"] == control.address


def test_node_env_has_every_name_that_a_kickstart_writes() -> None:
    from b2ct.core.data import data_folder

    text = (data_folder("kickstart") / "questions/main.sh.j2").read_text()
    names = {line.split()[1] for line in text.splitlines() if "assignment B2CT_" in line}
    assert set(node_env(SITE.machines[0], SITE)) == names


def test_a_stratum_1s_file_is_one_that_we_can_read() -> None:
    found = squid_manifest.parse(manifest("belle.cern.ch", 1_700_000_000))
    assert found is not None
    assert (found.name, found.published) == ("belle.cern.ch", 1_700_000_000)


@pytest.mark.parametrize("name", ["one", "hv1"])
def test_a_node_is_dressed_by_its_kickstarts_own_scripts(tmp_path: Path, name: str) -> None:
    site = load(_described(tmp_path))
    node = site.node(name)
    assert node is not None
    text = dress.script(site, node)
    for path in ("/etc/b2ct/firewall", "/etc/b2ct/installation", "/usr/libexec/b2ct/firstboot"):
        assert path in text
    assert ("/usr/libexec/b2ct/register" in text) == (name == "one")
    assert ("opennebula-node-kvm" in dress.packages(site, node).split()) == (name == "hv1")


def test_another_recipe_is_another_root(monkeypatch: pytest.MonkeyPatch) -> None:
    before = root.key()
    monkeypatch.setattr(root, "PACKAGES", (*root.PACKAGES, "tree"))
    assert root.key() != before


def test_a_root_on_which_a_site_stands_is_not_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(root, "_make", lambda place: place.mkdir())
    with root.used(print) as former:
        monkeypatch.setattr(root, "PACKAGES", (*root.PACKAGES, "tree"))
        with root.used(print) as new:
            assert (former.is_dir(), new.is_dir()) == (True, True)
    monkeypatch.setattr(root, "PACKAGES", (*root.PACKAGES, "nano"))
    place = root.get(print)
    assert [path for path in place.parent.iterdir() if path.is_dir()] == [place]
