"""The gateway on the control node: its units, its account, its copies of the machine's key."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from b2ct.gateway.settings import settings
from b2ct.site.catalogue import Role
from b2ct.site.model import Site
from tests.kickstart.concerns.machine import Machine, machine, rendered, site, user
from tests.kickstart.concerns.test_firewall import opened, rules

PARTS: dict[str, Any] = {
    "cloud": {"dirac": {}},
    "secrets": {"dirac_password": {"file": "dirac.txt"}},
    "gateway": {"clients": ["192.0.2.0/24", "198.51.100.7/32"]},
}
UNITS = "/etc/systemd/system"
KEY_TOOL = "/usr/libexec/b2ct/gateway-key"
SYSTEMD = shutil.which("systemd-analyze")


def control(root: Path, release: str = "el9", **parts: Any) -> tuple[Site, Machine]:
    described = site(release={"version": release}, **{**PARTS, **parts})
    return described, machine(root, described, Role.CONTROL)


def test_the_machine_is_given_the_settings_of_the_site(tmp_path: Path) -> None:
    gateway = {**PARTS["gateway"], "port": 8443, "user": "dirac@vo"}
    _, made = control(tmp_path, gateway=gateway)
    told = settings(made.path("/etc/b2ct/gateway.yaml"), {})
    assert (told.user, told.listen) == ("dirac@vo", "0.0.0.0:8443")
    assert told.peers == ("192.0.2.0/24", "198.51.100.7/32")
    assert told.certificate == "/run/b2ct-gateway/cert.pem"
    assert told.audit == "/var/log/b2ct-gateway/audit.log"


@pytest.mark.parametrize("role", [Role.CONTROL, Role.SINGLE])
def test_the_firewall_lets_in_the_dirac_servers_alone(role: Role, tmp_path: Path) -> None:
    made = opened(tmp_path, "el9", role, **PARTS)
    assert {rule for rule in rules(made) if rule[1] == "2635"} == {
        ("192.0.2.0/24", "2635", "tcp"), ("198.51.100.7/32", "2635", "tcp"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("release", "role", "parts"),
    [
        ("el9", Role.CONTROL, {"gateway": None}),
        ("el9", Role.CONTROL, {"cloud": {}, "secrets": {}}),
        ("el9", Role.HYPERVISOR, {}),
        ("el6", Role.CONTROL, {}),
    ],
)
def test_where_it_is_not_wanted_nothing_is_installed(
    release: str, role: Role, parts: dict[str, Any], tmp_path: Path
) -> None:
    described = site(release={"version": release}, **{**PARTS, **parts})
    made = machine(tmp_path, described, role)
    assert list(tmp_path.rglob("*gateway*")) == []
    assert "2635" not in made.path("/etc/b2ct/firewall").read_text()
    # B2CT's own installation restarts a gateway that runs; it starts and installs none.
    others = {name: p.post for name, p in rendered(described, role).items() if name != "program"}
    assert "b2ct-gateway" not in "".join(others.values())


def test_the_first_boot_makes_its_account_and_starts_it(tmp_path: Path) -> None:
    described, made = control(tmp_path)
    assert "enable b2ct-gateway.service" in rendered(described, Role.CONTROL)["gateway"].post
    assert "enable b2ct-gateway-key.path" in rendered(described, Role.CONTROL)["gateway"].post
    for name in ("systemctl", "useradd", "chown"):
        made.double(name)
    made.double("id", f'[ "$1 $2" = "-u b2ct-gateway" ] && exit 1; exec {shutil.which("id")} "$@"')
    done = made.run(made.step("gateway"))
    (account,) = made.calls("useradd")
    assert account.endswith("--shell /sbin/nologin b2ct-gateway")
    assert "--system" in account
    assert made.path("/var/log/b2ct-gateway").stat().st_mode & 0o777 == 0o750
    assert made.calls("systemctl") == [
        "--no-block start b2ct-gateway-key.path", "--no-block start b2ct-gateway.service",
    ]  # fmt: skip
    assert "install B2CT in /opt/b2ct, as docs/gateway.md says" in done.stdout
    # Again, with the account and B2CT there.
    made.environment["B2CT_GATEWAY_USER"] = user()
    program = made.path("/opt/b2ct/bin/b2ct")
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/bash\n")
    program.chmod(0o755)
    assert made.run(made.step("gateway")).stdout == ""
    assert made.calls("useradd") == [account]


def keyed(root: Path, active: str = "inactive") -> Machine:
    """A machine whose account for the gateway is there, with a certificate and key."""
    _, made = control(root)
    made.environment["B2CT_GATEWAY_USER"] = "nobody" if os.geteuid() == 0 else user()
    made.double("systemctl", f'[ "$1" = is-active ] && echo {active} || :')
    folder = made.path("/etc/grid-security")
    folder.mkdir(parents=True)
    (folder / "hostcert.pem").write_text("certificate 1\n")
    (folder / "hostkey.pem").write_text("key 1\n")
    (folder / "hostkey.pem").chmod(0o400)
    return made


def test_it_gets_copies_that_others_cannot_read(tmp_path: Path) -> None:
    made = keyed(tmp_path)
    made.run(KEY_TOOL)
    folder = made.path("/run/b2ct-gateway")
    assert sorted(path.name for path in folder.iterdir()) == ["cert.pem", "key.pem"]
    assert (folder / "key.pem").read_text() == "key 1\n"
    group = pwd.getpwnam(made.environment["B2CT_GATEWAY_USER"]).pw_gid
    for path, mode in ((folder, 0o750), (folder / "key.pem", 0o640)):
        assert path.stat().st_mode & 0o777 == mode
        assert (path.stat().st_uid, path.stat().st_gid) == (os.geteuid(), group)
    assert made.path("/etc/grid-security/hostkey.pem").stat().st_mode & 0o777 == 0o400
    assert made.calls("systemctl") == ["is-active b2ct-gateway.service"]


def test_a_renewed_certificate_is_taken_up_by_one_that_runs(tmp_path: Path) -> None:
    made = keyed(tmp_path, "active")
    made.run(KEY_TOOL)
    made.path("/etc/grid-security/hostcert.pem").write_text("certificate 2\n")
    made.run(KEY_TOOL)
    assert made.path("/run/b2ct-gateway/cert.pem").read_text() == "certificate 2\n"
    assert made.calls("systemctl")[-1] == "--no-block reload b2ct-gateway.service"


def test_a_missing_certificate_is_said(tmp_path: Path) -> None:
    made = keyed(tmp_path)
    made.path("/etc/grid-security/hostkey.pem").unlink()
    done = made.run(KEY_TOOL, check=False)
    assert done.returncode == 1
    assert done.stdout.startswith("/etc/grid-security/hostkey.pem is not there: put the machine's")
    assert not made.path("/run/b2ct-gateway").exists()


def test_the_unit_watches_the_paths_of_the_site(tmp_path: Path) -> None:
    gateway = {**PARTS["gateway"], "certificate": "/etc/pki/one.pem", "key": "/etc/pki/one.key"}
    _, made = control(tmp_path, gateway=gateway)
    text = made.path(f"{UNITS}/b2ct-gateway-key.path").read_text()
    assert "PathChanged=/etc/pki/one.pem\nPathChanged=/etc/pki/one.key\n" in text
    assert made.path("/etc/b2ct/gateway.env").read_text().endswith("KEY=/etc/pki/one.key\n")


LEFT_OPEN = {
    # It serves a network, from the machine's own files; the firewall says to whom.
    "PrivateNetwork", "RestrictAddressFamilies_AF_INET_INET6", "IPAddressDeny",
    "RootDirectoryOrRootImage", "PrivateUsers", "DeviceAllow",
    # It tells systemd that it is ready.
    "RestrictAddressFamilies_AF_UNIX",
    # Of the tests: their user may be root.
    "UserOrDynamicUser", "User",
}  # fmt: skip


def analysed(made: Machine, *words: str) -> str:
    """systemd-analyze of the units, whose programs are made to be there."""
    for name in ("b2ct-gateway.service", "b2ct-gateway-key.service"):
        unit = made.path(f"{UNITS}/{name}")
        text = unit.read_text().replace("/opt/b2ct/bin/b2ct gateway", "/bin/true")
        text = text.replace(KEY_TOOL, "/bin/true").replace("=b2ct-gateway\n", f"={user()}\n")
        unit.write_text(text)
    done = subprocess.run(
        ["systemd-analyze", *words], capture_output=True, text=True, check=False,
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{made.path(UNITS)}:"},
    )  # fmt: skip
    assert "b2ct-gateway" not in done.stderr, done.stderr
    return done.stdout


@pytest.mark.skipif(not SYSTEMD, reason="systemd is not installed")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    _, made = control(tmp_path)
    files = sorted(map(str, made.path(UNITS).glob("b2ct-gateway*")))
    assert len(files) == 3
    analysed(made, "verify", "--man=no", *files)


@pytest.mark.skipif(not SYSTEMD, reason="systemd is not installed")
def test_systemd_finds_it_well_confined(tmp_path: Path) -> None:
    _, made = control(tmp_path)
    unit = made.path(f"{UNITS}/b2ct-gateway.service")
    told = analysed(
        made, "security", "--offline=yes", "--json=short", "--no-pager", "--threshold=25", str(unit)
    )
    if not told:
        pytest.skip("this systemd-analyze cannot look at files")
    assert {row["json_field"] for row in json.loads(told) if row["set"] is False} <= LEFT_OPEN
