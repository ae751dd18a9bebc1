"""Who may reach what: the rules of both kinds of firewall, judged by their own tools."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from b2ct.site.catalogue import Role
from tests.kickstart.concerns.machine import Machine, machine, site


def opened(
    root: Path,
    release: str,
    role: Role,
    *,
    squid_here: bool = False,
    version: str | None = None,
    **parts: object,
) -> Machine:
    """A machine after the step of the first boot."""
    described = site(release={"version": release}, opennebula={"version": version}, **parts)
    made = machine(root, described, role, {"B2CT_SQUID": str(int(squid_here))})
    for folder in ("etc/firewalld/zones", "etc/sysconfig"):
        made.path(folder).mkdir(parents=True)
    made.path("/etc/firewalld/firewalld.conf").write_text("# x\nDefaultZone=public\n")
    for name in ("systemctl", "chkconfig", "service"):
        made.double(name)
    made.double("ip", "echo '10.9.0.0/24 proto kernel src 10.9.0.2'")
    made.run(made.step("firewall"))
    return made


def rules(made: Machine) -> set[tuple[str, str, str]]:
    """(source, port, protocol), the source empty for everybody, from whichever file was made."""
    zone = made.path("/etc/firewalld/zones/b2ct.xml")
    if zone.exists():
        text = zone.read_text()
        rich = re.findall(
            r'<source address="([^"]+)"/>\s*<port port="([^"]+)" protocol="([^"]+)"/>', text
        )
        free = re.findall(r'^  <port port="([^"]+)" protocol="([^"]+)"/>', text, re.MULTILINE)
        return {*rich, *(("", port, protocol) for port, protocol in free)}
    text = made.path("/etc/sysconfig/iptables").read_text()
    return {
        (source or "", port.replace(":", "-"), protocol)
        for protocol, source, port in re.findall(
            r"^-A INPUT -p (\w+)(?: -s (\S+))? --dport (\S+) -j ACCEPT$", text, re.MULTILINE
        )
    }


@pytest.mark.parametrize(
    ("release", "version"), [("el6", "4.14"), ("el7", "5.8"), ("el9", "6.10"), ("el10", "7.4")]
)
def test_each_role_opens_its_ports_to_the_networks_that_need_them(
    release: str, version: str, tmp_path: Path
) -> None:
    both = ("10.0.0.0/24", "10.1.0.0/16")
    gui = {"4.14": "9869", "5.8": "9869"}.get(version, "2616")
    control = {("", "22", "tcp")}
    control |= {(net, p, "tcp") for net in both for p in ("2633", gui, "2474", "5030", "29876")}
    if version == "7.4":
        control |= {(net, "2634", "tcp") for net in both}
    control |= {(net, "80", "tcp") for net in both}
    # Only nodes report, and nodes have no address on the private network.
    control |= {("10.0.0.0/24", "4124", "udp")}
    if version not in {"4.14", "5.8"}:
        control |= {("10.0.0.0/24", "4124", "tcp")}
    hypervisor = {("10.0.0.0/24", p, "tcp") for p in ("5900-32767", "49152-49215")}
    hypervisor |= {("", "22", "tcp")}
    assert rules(opened(tmp_path / "c", release, Role.CONTROL, version=version)) == control
    assert rules(opened(tmp_path / "h", release, Role.HYPERVISOR, version=version)) == hypervisor
    single = rules(opened(tmp_path / "s", release, Role.SINGLE, version=version))
    assert single == control | hypervisor


def test_squid_is_opened_where_it_runs_to_its_clients(tmp_path: Path) -> None:
    squid = {"port": 3200, "clients": ["192.0.2.0/24"]}
    made = opened(tmp_path, "el9", Role.HYPERVISOR, squid_here=True, squid=squid)
    networks = {source for source, port, _ in rules(made) if port == "3200"}
    assert networks == {"10.0.0.0/24", "10.1.0.0/16", "192.0.2.0/24"}
    # Running it again changes nothing.
    before = rules(made)
    made.run(made.step("firewall"))
    assert rules(made) == before


@pytest.mark.parametrize("release", ["el6", "el9"])
def test_without_a_site_it_is_the_machine_s_own_network(release: str, tmp_path: Path) -> None:
    made = opened(tmp_path, release, Role.CONTROL, networks={}, nodes=[])
    assert {source for source, _, _ in rules(made)} == {"", "10.9.0.0/24"}


@pytest.mark.skipif(
    not shutil.which("firewall-offline-cmd", path="/usr/bin:/usr/sbin") or os.geteuid() != 0,
    reason="needs firewalld and root",
)
@pytest.mark.parametrize("role", Role)
def test_firewalld_accepts_the_zone(role: Role, tmp_path: Path) -> None:
    made = opened(tmp_path, "el9", role)
    folder = made.path("/etc/firewalld")
    done = subprocess.run(
        ["firewall-offline-cmd", f"--system-config={folder}", "--zone=b2ct", "--list-all"],
        capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": "/usr/sbin:/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "22/tcp" in done.stdout
    if role is not Role.HYPERVISOR:
        assert 'source address="10.1.0.0/16" port port="2633" protocol="tcp"' in done.stdout
    assert "DefaultZone=b2ct" in (folder / "firewalld.conf").read_text()


@pytest.mark.skipif(
    not shutil.which("iptables-restore", path="/usr/sbin:/sbin") or os.geteuid() != 0,
    reason="needs iptables and root",
)
@pytest.mark.parametrize("role", Role)
def test_iptables_accepts_the_rules(role: Role, tmp_path: Path) -> None:
    made = opened(tmp_path, "el6", role)
    file = made.path("/etc/sysconfig/iptables")
    probe = subprocess.run(
        ["/usr/sbin/iptables-restore", "--test"], input=b"*filter\nCOMMIT\n", check=False,
        capture_output=True,
    )  # fmt: skip
    if probe.returncode != 0:
        pytest.skip("this kernel lets nobody make a table")
    done = subprocess.run(
        ["/usr/sbin/iptables-restore", "--test", file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("version", "known"), [("0.6.3", False), ("0.8.9", False), ("0.9.0", True), ("2.1.1", True)]
)
def test_bridges_are_in_the_zone_where_firewalld_can_forward(
    version: str, known: bool, tmp_path: Path
) -> None:
    made = machine(tmp_path, site(), Role.HYPERVISOR)
    for folder in ("etc/firewalld/zones", "etc/sysctl.d"):
        made.path(folder).mkdir(parents=True, exist_ok=True)
    for name in ("br-vms", "virbr0"):
        made.path(f"/sys/class/net/{name}/bridge").mkdir(parents=True)
    made.path("/sys/class/net/eno1").mkdir()
    made.path("/etc/firewalld/firewalld.conf").write_text("DefaultZone=public\n")
    made.double("systemctl")
    made.double("firewall-offline-cmd", f"echo {version}")
    made.double("nmcli", '[ "$1" != -g ] || echo "Bridge of VMs"')
    done = made.run("/usr/libexec/b2ct/firewall")
    zone = made.path("/etc/firewalld/zones/b2ct.xml").read_text()
    assert ('<interface name="br-vms"/>\n  <forward/>\n</zone>' in zone) == known
    assert "virbr0" not in zone
    assert ("dnf -y update firewalld" in done.stderr) != known
    assert made.calls("nmcli") == [
        "-g GENERAL.CONNECTION device show br-vms",
        "connection modify Bridge of VMs connection.zone b2ct",
    ]


def test_direct_rules_of_an_administrator_stay(tmp_path: Path) -> None:
    made = opened(tmp_path, "el7", Role.HYPERVISOR)
    direct = made.path("/etc/firewalld/direct.xml")
    assert "opennebula" in direct.read_text()
    own = '<direct>\n<rule ipv="ipv4" table="filter" chain="INPUT" priority="0">-j LOG</rule>\n'
    direct.write_text(own)
    made.run("/usr/libexec/b2ct/firewall")
    assert direct.read_text() == own
