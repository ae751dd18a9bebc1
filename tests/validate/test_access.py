from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.site.load import load_text
from b2ct.site.model import Site
from b2ct.site.places import reached
from b2ct.ssh.answer import UnreachableError
from b2ct.ssh.target import Target
from b2ct.ssh.ways import Ways
from b2ct.validate import access
from b2ct.validate.access import Access

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZ0J0mVXPzGhyBP4hhoMNyTQFHOkAWqAGhjX/W9aXdF"
SITE = f"""
site: {{domain: example.org}}
networks: {{service: {{cidr: 10.77.0.0/24}}}}
nodes:
  - name: one
    role: control
    host_key: "{KEY} root@one"
    interfaces: [{{network: service, address: 10.77.0.1}}]
  - {{name: hv1, role: hypervisor}}
"""


@pytest.fixture
def site() -> Site:
    return load_text(SITE)


def ways(site: Site, tmp_path: Path, config: str = "", **more: object) -> Ways:
    path = tmp_path / "config"
    path.write_text(config)
    return access.ways(site, Access(ssh_config=path, **more))  # type: ignore[arg-type]


def host(site: Site, name: str) -> str:
    found = site.node(name)
    assert found
    return reached(found, site)


def test_by_address_else_by_name_and_domain(site: Site, tmp_path: Path) -> None:
    made = ways(site, tmp_path)
    assert made.at(host(site, "one")) == Target("10.77.0.1", host_key=KEY, node="one")
    assert made.at(host(site, "hv1")) == Target("hv1.example.org", node="hv1")


def test_options_win_over_ssh_config_and_that_over_the_usual(site: Site, tmp_path: Path) -> None:
    (tmp_path / "id").write_text("")
    config = (
        f"Host 10.77.0.1\n  User ada\n  Port 2222\n  IdentityFile {tmp_path}/id\n"
        f"  IdentityFile {tmp_path}/gone\n  HostKeyAlias alias\n"
        "Host hv1\n  HostName 192.0.2.7\n  ProxyJump none\n"
    )
    said = ways(site, tmp_path, config)
    one = said.at(host(site, "one"))
    assert (one.host, one.user, one.port) == ("10.77.0.1", "ada", 2222)
    assert one.identities == (tmp_path / "id",)
    assert (one.pin.name, one.pin.known_as) == ("[10.77.0.1]:2222", "alias")
    assert said.at(host(site, "hv1")).host == "192.0.2.7"  # by the name of the node
    assert said.at(host(site, "hv1")).jumps == ()
    one = ways(site, tmp_path, config, user="eva", port=22).at(host(site, "one"))
    assert (one.user, one.port) == ("eva", 22)


def test_a_jump_host_that_is_a_node_must_show_its_key(site: Site, tmp_path: Path) -> None:
    for jump in ("one", "10.77.0.1"):
        (found,) = ways(site, tmp_path, jump=jump).at(host(site, "hv1")).jumps
        assert (found.host_key, found.node) == (KEY, "one")
    (found,) = ways(site, tmp_path, jump="eva@gate:99", user="ada").at(host(site, "hv1")).jumps
    assert (found.host, found.user, found.port, found.host_key) == ("gate", "eva", 99, "")


def test_proxy_jump_of_ssh_config(site: Site, tmp_path: Path) -> None:
    config = "Host hv*\n  ProxyJump eva@gate,inner\nHost gate\n  HostName 192.0.2.1\n  Port 99\n"
    jumps = ways(site, tmp_path, config).at(host(site, "hv1")).jumps
    assert [(one.host, one.user, one.port) for one in jumps] == [
        ("192.0.2.1", "eva", 99), ("inner", "root", 22),
    ]  # fmt: skip
    with pytest.raises(UnreachableError, match="is no jump host"):
        ways(site, tmp_path, "Host hv*\n  ProxyJump a:b\n").at(host(site, "hv1"))


@pytest.mark.parametrize("text", ["Match never\n", 'Host "open\n'])
def test_an_ssh_config_that_is_none(text: str, site: Site, tmp_path: Path) -> None:
    with pytest.raises(B2ctError, match=r"cannot use .*config") as caught:
        ways(site, tmp_path, text).at(host(site, "one"))
    assert "--ssh-config" in caught.value.hint


def test_without_the_usual_file_nothing_is_said(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert access.ways(site, Access()).at(host(site, "one")).port == 22
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").write_text("Host *\n  Port 2022\n")
    assert access.ways(site, Access()).at(host(site, "one")).port == 2022
