"""Where a site's OpenNebula is."""

from __future__ import annotations

from pathlib import Path

from b2ct.cloud.access import of_site
from b2ct.one.endpoint import SiteAccess
from b2ct.site import load
from b2ct.site.chosen import ChosenSite


def put(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)


def access_of(text: str, folder: Path) -> SiteAccess | None:
    return of_site(ChosenSite(load.load_text(text), folder))


def test_the_control_node_by_its_address(tmp_path: Path) -> None:
    access = access_of(
        "networks: {service: {cidr: 192.0.2.0/24}}\n"
        "nodes:\n- {name: hv, role: hypervisor}\n"
        "- {name: ctl, role: control, interfaces: [{network: service, address: 192.0.2.10}]}\n"
        "secrets: {oneadmin_password: {file: pw, on_medium: true}}\n",
        tmp_path,
    )
    put(tmp_path / "pw", "from the file\n")
    assert access is not None
    assert access.url == "http://192.0.2.10:2633/RPC2"
    assert access.password() == "from the file"
    assert "from the file" not in repr(access)


def test_the_control_node_by_its_name(tmp_path: Path) -> None:
    text = "site: {domain: example.org}\nnodes: [{name: all, role: single}]\n"
    access = access_of(text, tmp_path)
    assert access is not None
    assert access.url == "http://all.example.org:2633/RPC2"
    assert access.password() is None


def test_no_control_node(tmp_path: Path) -> None:
    assert access_of("{}\n", tmp_path) is None
