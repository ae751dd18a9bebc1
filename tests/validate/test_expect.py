"""What must be found is what the kickstart installs."""

from __future__ import annotations

import pytest

from b2ct.site import catalogue
from b2ct.site.catalogue import Role
from b2ct.site.model import Site
from b2ct.validate import expect
from b2ct.validate.expect import Opening
from b2ct.validate.facts import walls
from tests.kickstart.concerns.machine import machine
from tests.validate.sites import node, site


def test_units_by_role() -> None:
    described = site()
    control = expect.units(described, node("one"))
    assert {"opennebula.service", "opennebula-fireedge.service", "mariadb.service"} <= {*control}
    assert {"squid.service", "httpd.service", "b2ct-reaper.timer"} <= {*control}
    assert "libvirtd.service" not in control
    hypervisor = expect.units(described, node("hv1"))
    assert "libvirtd.service" in hypervisor
    assert not {"opennebula.service", "squid.service", "httpd.service"} & {*hypervisor}


def test_units_follow_the_catalogue() -> None:
    new = site(opennebula={"version": "7.4"})
    assert "virtqemud.socket" in expect.units(new, node("hv1", new))
    old = site(release={"version": "el7"}, opennebula={"version": "5.12"})
    assert "opennebula-sunstone.service" in expect.units(old, node("one", old))
    assert expect.gui(old) == ("opennebula-sunstone", "/")


def test_what_the_site_does_not_want_is_not_expected() -> None:
    plain = site(cloud={}, squid={"external": ["http://squid.example.org:3128"], "wpad": False})
    units = expect.units(plain, node("one", plain))
    assert not {"squid.service", "httpd.service", "b2ct-reaper.timer"} & {*units}
    ports = expect.ports(plain, node("one", plain))
    assert 3128 not in ports
    assert 80 not in ports
    assert ports[2633] == "opennebula.service"


def test_drivers_of_datastores() -> None:
    assert expect.drivers(site(), node("one"))[1] == {"DS_MAD": "fs", "TM_MAD": "ssh"}
    nfs = site(storage={"type": "nfs", "server": "nas.example.org", "export": "/one"})
    assert expect.drivers(nfs, node("one", nfs))[0] == {"TM_MAD": "shared"}
    assert expect.drivers(site(), node("hv1")) == {}


def test_openings_of_a_hypervisor() -> None:
    found = expect.openings(site(), node("hv1"))
    assert found is not None
    assert Opening("22", "tcp") in found
    assert Opening(expect.MIGRATION, "tcp", "10.0.0.0/24") in found
    assert str(Opening("22", "tcp")) == "22/tcp from everybody"
    assert not any(opening.port == "2633" for opening in found)


def test_without_networks_the_openings_are_not_known() -> None:
    bare = Site.model_validate({"nodes": [{"name": "x", "role": "control"}]})
    assert expect.openings(bare, node("x", bare)) is None


@pytest.mark.parametrize("name", ["one", "hv1"])
def test_the_openings_are_those_that_the_first_boot_gives_to_firewalld(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The kickstart's own script, run; and its zone file read as firewalld lists it."""
    described = site(release={"version": "el9"})
    role = node(name).role
    env = {"B2CT_SQUID": "1" if role is Role.CONTROL else "0", "B2CT_NODE": name}
    made = machine(tmp_path_factory.mktemp("root"), described, role, env)
    for program in ("systemctl", "chown"):
        made.double(program)
    for folder in ("etc/firewalld/zones",):
        made.path(folder).mkdir(parents=True, exist_ok=True)
    made.path("etc/firewalld/firewalld.conf").write_text("DefaultZone=public\n")
    made.run(made.step("firewall"))
    text = made.path("etc/firewalld/zones/b2ct.xml").read_text()
    assert listed(text) == expect.openings(described, node(name))


def listed(zone: str) -> frozenset[Opening]:
    """A zone file as `firewall-cmd --list-all-zones` shows it, read by our parser."""
    import xml.etree.ElementTree as Tree

    root = Tree.fromstring(zone)
    ports = " ".join(f"{p.get('port')}/{p.get('protocol')}" for p in root.findall("port"))
    lines = ["b2ct (active)", "  target: default", f"  ports: {ports}", "  rich rules: "]
    for rule in root.findall("rule"):
        source, port = rule.find("source"), rule.find("port")
        assert source is not None
        assert port is not None
        lines.append(
            f'\trule family="ipv4" source address="{source.get("address")}" port'
            f' port="{port.get("port")}" protocol="{port.get("protocol")}" accept'
        )
    (found,) = walls.parse("\n".join(lines))
    return found.openings


@pytest.mark.parametrize("release", list(catalogue.RELEASES))
def test_every_release_has_its_expectations(release: str) -> None:
    described = site(release={"version": release})
    for one in described.nodes:
        assert expect.units(described, one)
        assert expect.openings(described, one)
        assert expect.ports(described, one)
