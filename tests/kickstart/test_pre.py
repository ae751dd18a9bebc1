"""%pre on made-up machines that ask nothing, and its functions one by one."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from b2ct.kickstart.render import InstallSource, render
from b2ct.site.catalogue import Role
from b2ct.site.model import Site
from b2ct.site.placeholders import is_placeholder
from tests.kickstart import oracle, sites
from tests.kickstart.machine import Machine, Part, pre_of

NETWORKS: dict[str, Any] = {
    "service": {"cidr": "10.0.0.0/24", "gateway": "10.0.0.1", "dns": ["10.0.0.1", "10.0.0.2"]},
    "vms": {"cidr": "10.9.0.0/24", "gateway": "10.9.0.1", "dns": ["9.9.9.9"], "bridge": "br0"},
}


def machine(root: Path, site: Site | None = None, **arguments: Any) -> Machine:
    chosen = site or sites.full()
    wanted = {"roles": [Role.CONTROL, Role.HYPERVISOR], **arguments}
    return Machine(root / "m", pre_of(render(chosen, **wanted).text))


def hypervisor(root: Path, site: Site | None = None, **arguments: Any) -> Machine:
    made = machine(root, site, **arguments)
    made.card("eno1", sites.HV_MAC)
    made.card("eno2", sites.HV_MAC2)
    made.disk("sda", 500, serial="DISK-1")
    return made


def run(made: Machine) -> None:
    done = made.run()
    assert (done.returncode, done.stderr) == (0, "")


def env_of(made: Machine) -> dict[str, str]:
    words = (line.split("=", 1) for line in made.written("node.env").splitlines())
    return {name: " ".join(shlex.split(value)) for name, value in words}


# ---------------------------------------------------------------- which machine this is


def test_a_complete_description_asks_nothing(tmp_path: Path) -> None:
    made = hypervisor(tmp_path)
    run(made)
    assert made.asked() == []
    assert env_of(made) == {
        "B2CT_NODE": "hv01",
        "B2CT_DOMAIN": "b2ct.example.org",
        "B2CT_FQDN": "hv01.b2ct.example.org",
        "B2CT_ROLE": "hypervisor",
        "B2CT_ADDRESS": "10.0.0.11",
        "B2CT_CONTROL": "one.b2ct.example.org",
        "B2CT_CONTROL_ADDRESS": "10.0.0.10",
        "B2CT_DISK": "/dev/sda",
        "B2CT_MANAGEMENT": "eno1",
        "B2CT_SQUID": "0",
        "B2CT_RELEASE": "el9",
        "B2CT_INTERFACES": f"{sites.HV_MAC}=eno1 {sites.HV_MAC2}=eno2",
    }


def test_the_machine_knows_itself_by_its_serial_number(tmp_path: Path) -> None:
    made = machine(tmp_path)
    made.card("eno1", sites.CONTROL_MAC.upper())
    made.write("sys/class/dmi/id/product_serial", "sn-control")
    assert made.shell('recognise; printf "%s " "${MATCHES[@]}"') == "0 "
    made.write("sys/class/net/eno1/address", "52:54:00:ff:ff:ff")
    assert made.shell('recognise; printf "%s " "${MATCHES[@]}"') == "0 "


def test_members_of_a_bond_are_known_by_the_address_they_were_born_with(tmp_path: Path) -> None:
    made = machine(tmp_path)
    made.card("eno1", "52:54:00:00:00:aa")
    made.write("sys/class/net/eno1/bonding_slave/perm_hwaddr", sites.HV_MAC)
    assert made.shell('recognise; printf "%s " "${MATCHES[@]}"') == "1 "
    assert made.shell(f"card_of_mac {sites.HV_MAC}") == "eno1"


@pytest.mark.parametrize(
    "serial",
    ["To Be Filled By O.E.M.", "Default string", "0123456789", "00000000", "System  Serial Number"],
)
def test_a_placeholder_identifies_no_machine(tmp_path: Path, serial: str) -> None:
    """Thousands of boards say it: the next one in the room would be installed as this node."""
    node = {"name": "hv01", "role": "hypervisor", "serial": serial}
    made = machine(tmp_path, sites.full(nodes=[CONTROL, node]))
    made.card("eno1", "52:54:00:99:99:99")
    made.write("sys/class/dmi/id/product_serial", serial)
    assert made.shell('printf "%s " "${#MATCHES[@]}"; derive || printf %s "$NEXT"') == "0 node"


@pytest.mark.parametrize(
    "serial",
    ["", "-", "xxxxxxx", "Not Specified", "S3YZNB0K000001", "0123456789X", "Empty", "sn-1"],
)
def test_pre_and_check_agree_on_placeholders(tmp_path: Path, serial: str) -> None:
    told = machine(tmp_path).shell(
        f'is_placeholder "$(plain {shlex.quote(serial)})" && printf yes || printf no'
    )
    assert told == ("yes" if is_placeholder(serial) else "no")


@pytest.mark.parametrize(
    ("macs", "question"),
    [([], "node"), ([sites.CONTROL_MAC, sites.HV_MAC], "node"), ([sites.HV_MAC], "card:1")],
)
def test_none_or_several_matches_are_asked(tmp_path: Path, macs: list[str], question: str) -> None:
    made = machine(tmp_path)
    for number, mac in enumerate(macs):
        made.card(f"eno{number}", mac)
    assert made.shell('derive || printf %s "$NEXT"') == question


def test_a_medium_for_another_node_says_so(tmp_path: Path) -> None:
    made = machine(tmp_path, roles=[], node="hv01")
    made.card("eno1", "52:54:00:ff:ff:ff")
    told = made.shell('derive || printf "%s: %s" "$NEXT" "$NOTE"')
    assert told.startswith("other: This medium is made for hv01, but the machine has none of")


def test_a_fixed_node_without_marks_is_not_doubted(tmp_path: Path) -> None:
    made = machine(tmp_path, roles=[], node="hv02")
    made.card("eno1", "52:54:00:ff:ff:ff")
    assert made.shell('derive || printf %s "$NEXT"') == "card:0"


def test_a_boot_entry_makes_a_role_s_kickstart_one_node_s(tmp_path: Path) -> None:
    """What `b2ct.node=` says is as if the kickstart had been rendered for that node alone."""
    known = 'printf "%s|" "$SITE_FIXED" "${NODE_NAME[*]}" "${NODE_MACS[*]}" "${CARD_NODE[*]}" '
    known += '"${CARD_NETWORK[*]}" "${CARD_ADDRESS[*]}" "${MATCH_NODE[*]}" "${NODE_WIPE[*]}"'
    for name in ("hv01", "hv02"):
        own = machine(tmp_path / f"{name}-own", roles=[], node=name)
        shared = machine(tmp_path / f"{name}-shared")
        shared.write("proc/cmdline", f"BOOT_IMAGE=vmlinuz b2ct.node={name} quiet")
        for made in (own, shared):
            made.card("eno1", "52:54:00:ff:ff:ff")
        assert shared.shell(known) == own.shell(known)
        told = 'derive || printf "%s: %s" "$NEXT" "$NOTE"'
        assert shared.shell(told) == own.shell(told)


def test_a_boot_entry_for_a_node_that_is_not_there_is_asked_about(tmp_path: Path) -> None:
    made = machine(tmp_path)
    made.write("proc/cmdline", "BOOT_IMAGE=vmlinuz b2ct.node=hv99")
    made.card("eno1", "52:54:00:ff:ff:ff")
    assert made.shell('derive || printf %s "$NEXT"') == "role"


def test_squid_runs_where_the_site_says(tmp_path: Path) -> None:
    made = machine(tmp_path)
    told = 'for r in "control a" "single a" "hypervisor hv01"; do has_squid $r && echo "$r"; done'
    assert made.shell(told) == "control a\nsingle a\n"
    made = machine(tmp_path / "b", sites.full(squid={"node": "hv01"}))
    assert made.shell(told) == "hypervisor hv01\n"
    external = sites.full(squid={"external": ["http://squid.example.org:3128"]})
    assert machine(tmp_path / "c", external).shell(told) == ""


# ---------------------------------------------------------------- source


def test_packages_from_the_medium_wherever_it_was_started_from(tmp_path: Path) -> None:
    made = hypervisor(tmp_path, source=InstallSource("medium"))
    for name in ("BaseOS", "AppStream"):
        made.write(f"run/install/repo/{name}/repodata/repomd.xml", "")
    run(made)
    assert made.written("source.ks").splitlines() == [
        "url --url=file:///run/install/repo/BaseOS",
        "repo --name=AppStream --baseurl=file:///run/install/repo/AppStream",
    ]


def test_a_medium_with_one_repository_at_its_root(tmp_path: Path) -> None:
    made = hypervisor(tmp_path, sites.full("el7"), source=InstallSource("medium"))
    made.write("run/install/repo/repodata/repomd.xml", "")
    run(made)
    assert made.written("source.ks") == "url --url=file:///run/install/repo\n"


def test_a_medium_that_dracut_let_go_of_is_looked_for(tmp_path: Path) -> None:
    made = hypervisor(tmp_path, source=InstallSource("medium"))
    run(made)
    assert made.written("source.ks") == "cdrom\n"


# ---------------------------------------------------------------- network


def on_networks(root: Path, release: str, *interfaces: dict[str, Any], **network: Any) -> Machine:
    service = {**NETWORKS["service"], **network.pop("service", {})}
    networks = {"service": service, "vms": {**NETWORKS["vms"], **network}}
    node = {"name": "hv01", "role": "hypervisor", "disk": {"serial": "DISK-1"}}
    nodes = [CONTROL, {**node, "interfaces": list(interfaces)}]
    site = sites.full(release, networks=networks, nodes=nodes)
    made = hypervisor(root, site, roles=[], node="hv01")
    made.card("eno3", "52:54:00:00:00:13", link=False)
    run(made)
    return made


CONTROL = {"name": "one", "role": "control"}
SERVICE = {"network": "service", "mac": sites.HV_MAC, "address": "10.0.0.11"}
VMS = {"network": "vms", "mac": sites.HV_MAC2, "address": "10.9.0.11"}
BOND = {"members": [sites.HV_MAC2, "52:54:00:00:00:13"], "mode": "802.3ad"}


@pytest.mark.parametrize("release", ["el7", "el8", "el9", "el10"])
def test_a_bridge_on_a_card_is_said_in_the_kickstart(tmp_path: Path, release: str) -> None:
    made = on_networks(tmp_path, release, SERVICE, VMS)
    assert made.written("network.ks").splitlines() == [
        "network --device=eno1 --bootproto=static --ip=10.0.0.11 --netmask=255.255.255.0"
        " --gateway=10.0.0.1 --nameserver=10.0.0.1,10.0.0.2,9.9.9.9 --onboot=on --activate"
        " --hostname=hv01.b2ct.example.org",
        "network --device=br0 --bridgeslaves=eno2 --bridgeopts=stp=no --bootproto=static"
        " --ip=10.9.0.11 --netmask=255.255.255.0 --nodefroute --onboot=on",
        "network --device=eno3 --bootproto=dhcp --onboot=off",
    ]
    assert not (made.root / "tmp/b2ct/target").exists()


def test_dhcp_first_keeps_the_default_route(tmp_path: Path) -> None:
    made = on_networks(tmp_path, "el9", {**SERVICE, "address": "dhcp"}, VMS)
    first, second, _ = made.written("network.ks").splitlines()
    assert first.startswith(
        "network --device=eno1 --bootproto=dhcp --nameserver=10.0.0.1,10.0.0.2,9.9.9.9 --onboot=on"
    )
    assert "--gateway" not in second
    assert "--nodefroute" in second


NO_ROUTE: dict[str, Any] = {"gateway": None, "dns": []}


def test_the_default_route_is_where_site_yaml_names_the_gateway(tmp_path: Path) -> None:
    """DHCP on a network without a router comes first; its name servers are the other one's."""
    made = on_networks(tmp_path, "el9", {**SERVICE, "address": "dhcp"}, VMS, service=NO_ROUTE)
    first, second, _ = made.written("network.ks").splitlines()
    assert first.endswith(
        "--bootproto=dhcp --nodefroute --nameserver=9.9.9.9 --onboot=on --activate"
        " --hostname=hv01.b2ct.example.org"
    )
    assert second.endswith("--gateway=10.9.0.1 --onboot=on --activate")
    assert made.asked() == []


@pytest.mark.parametrize("release", ["el6", "el8", "el10"])
def test_name_servers_reach_a_machine_whose_first_address_is_by_dhcp(
    release: str, tmp_path: Path
) -> None:
    made = on_networks(
        tmp_path, release, {**SERVICE, "address": "dhcp"}, VMS, service=NO_ROUTE, vlan=20
    )
    target = made.root / "tmp/b2ct/target/etc"
    files = {file.name: file.read_text() for file in target.rglob("*eno1*")}
    (text,) = files.values()
    assert "DNS1=9.9.9.9\n" in text or "dns=9.9.9.9;\n" in text
    assert "DEFROUTE=no\n" in text or "never-default=true\n" in text
    # The installation itself needs the gateway.
    (line,) = made.written("network.ks").splitlines()
    assert "--ip=10.9.0.11" in line
    assert "--gateway=10.9.0.1 --nameserver=9.9.9.9" in line
    assert line.endswith("--activate --hostname=hv01.b2ct.example.org")


def test_what_dhcp_of_another_network_gives_is_not_asked_for(tmp_path: Path) -> None:
    dhcp = {**VMS, "address": "dhcp"}
    made = on_networks(tmp_path, "el9", SERVICE, dhcp, service=NO_ROUTE, **NO_ROUTE)
    assert made.asked() == []
    first, second, _ = made.written("network.ks").splitlines()
    assert "--nodefroute" in first
    assert "--bootproto=dhcp --onboot=on --activate" in second


def test_a_network_without_an_address_gives_no_route(tmp_path: Path) -> None:
    bare = {**VMS, "address": "none"}
    made = on_networks(tmp_path, "el9", {**SERVICE, "address": "dhcp"}, bare, service=NO_ROUTE)
    first = made.written("network.ks").splitlines()[0]
    assert "--bootproto=dhcp --nameserver=9.9.9.9" in first


def test_a_second_dhcp_makes_no_default_route(tmp_path: Path) -> None:
    made = on_networks(tmp_path, "el9", SERVICE, {**VMS, "address": "dhcp"})
    assert "--bootproto=dhcp --nodefroute" in made.written("network.ks")


@pytest.mark.parametrize(("release", "in_kickstart"), [("el8", False), ("el9", True)])
def test_a_bridge_on_a_bond_where_the_installer_can(
    tmp_path: Path, release: str, in_kickstart: bool
) -> None:
    made = on_networks(
        tmp_path, release, SERVICE, {"network": "vms", "bond": BOND, "address": "none"}
    )
    lines = made.written("network.ks").splitlines()
    assert (made.root / "tmp/b2ct/target").exists() is not in_kickstart
    if in_kickstart:
        assert lines[1:3] == [
            "network --device=bond0 --bondslaves=eno2,eno3 --bondopts=mode=802.3ad,miimon=100"
            " --noipv4 --noipv6 --onboot=on",
            "network --device=br0 --bridgeslaves=bond0 --bridgeopts=stp=no --noipv4 --noipv6"
            " --onboot=on",
        ]
    else:
        assert len(lines) == 1


def test_a_vlan_on_a_bond_without_bridge(tmp_path: Path) -> None:
    site = {"network": "vms", "bond": BOND, "address": "10.9.0.11"}
    made = on_networks(tmp_path, "el7", SERVICE, site, vlan=20, bridge=None)
    assert made.written("network.ks").splitlines()[1:] == [
        "network --device=bond0 --bondslaves=eno2,eno3 --bondopts=mode=802.3ad,miimon=100"
        " --noipv4 --noipv6 --onboot=on",
        "network --device=bond0 --vlanid=20 --interfacename=vlan20 --bootproto=static"
        " --ip=10.9.0.11 --netmask=255.255.255.0 --nodefroute --onboot=on",
    ]


def test_a_bridge_on_a_vlan_on_a_bond_as_keyfiles(tmp_path: Path) -> None:
    site = {"network": "vms", "bond": BOND, "address": "10.9.0.11"}
    made = on_networks(tmp_path, "el9", SERVICE, site, vlan=20, mtu=9000)
    folder = made.root / "tmp/b2ct/target/etc/NetworkManager/system-connections"
    files = {file.stem: file.read_text() for file in folder.iterdir()}
    assert sorted(files) == ["bond0", "br0", "eno1", "eno2", "eno3", "vlan20"]
    assert files["eno1"] == (
        "[connection]\nid=eno1\ntype=ethernet\ninterface-name=eno1\n\n"
        "[ipv4]\nmethod=manual\naddress1=10.0.0.11/24\ngateway=10.0.0.1\n"
        "dns=10.0.0.1;10.0.0.2;9.9.9.9;\n\n[ipv6]\nmethod=auto\n"
    )
    assert "master=bond0\nslave-type=bond\n" in files["eno2"]
    assert "[ethernet]\nmtu=9000\n" in files["eno3"]
    assert "[bond]\nmode=802.3ad\nmiimon=100\n" in files["bond0"]
    assert "[ipv4]\nmethod=disabled\n" in files["bond0"]
    assert "master=br0\nslave-type=bridge\n" in files["vlan20"]
    assert "[vlan]\nid=20\nparent=bond0\n" in files["vlan20"]
    assert "[bridge]\nstp=false\n" in files["br0"]
    assert "address1=10.9.0.11/24\nnever-default=true\n" in files["br0"]
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in folder.iterdir())
    assert env_of(made)["B2CT_MANAGEMENT"] == "eno1"


@pytest.mark.parametrize("release", ["el6", "el8"])
def test_the_same_as_ifcfg_files(tmp_path: Path, release: str) -> None:
    site = {"network": "vms", "bond": BOND, "address": "10.9.0.11"}
    made = on_networks(tmp_path, release, SERVICE, site, vlan=20)
    folder = made.root / "tmp/b2ct/target/etc/sysconfig/network-scripts"
    files = {file.name: set(file.read_text().splitlines()) for file in folder.iterdir()}
    assert sorted(files) == [
        f"ifcfg-{name}" for name in ("bond0", "br0", "eno1", "eno2", "eno3", "vlan20")
    ]
    assert files["ifcfg-eno1"] >= {"IPADDR=10.0.0.11", "GATEWAY=10.0.0.1", "DEFROUTE=yes"}
    assert files["ifcfg-eno1"] >= {"NETMASK=255.255.255.0", "DNS1=10.0.0.1", "DNS3=9.9.9.9"}
    assert files["ifcfg-eno2"] >= {"MASTER=bond0", "SLAVE=yes", "BOOTPROTO=none"}
    assert files["ifcfg-bond0"] >= {'BONDING_OPTS="mode=802.3ad miimon=100"', "BOOTPROTO=none"}
    assert files["ifcfg-vlan20"] >= {"VLAN=yes", "PHYSDEV=bond0", "BRIDGE=br0", "BOOTPROTO=none"}
    assert files["ifcfg-br0"] >= {"TYPE=Bridge", "IPADDR=10.9.0.11", "DEFROUTE=no", "STP=off"}
    (line,) = made.written("network.ks").splitlines()
    assert line.startswith("network --device=eno1 --bootproto=static --ip=10.0.0.11")


def test_two_networks_on_one_card(tmp_path: Path) -> None:
    """The service network untagged with a bridge, another tagged on the same card: files."""
    made = on_networks(tmp_path, "el10", SERVICE, {**VMS, "mac": sites.HV_MAC}, vlan=7)
    folder = made.root / "tmp/b2ct/target/etc/NetworkManager/system-connections"
    files = {file.stem: file.read_text() for file in folder.iterdir()}
    assert sorted(files) == ["br0", "eno1", "eno2", "eno3", "vlan7"]
    assert "autoconnect=false" in files["eno2"]


def test_a_control_node_has_no_bridges(tmp_path: Path) -> None:
    node = {"name": "one", "role": "control", "interfaces": [VMS], "disk": {"serial": "DISK-1"}}
    made = hypervisor(tmp_path, sites.full(networks=NETWORKS, nodes=[node]), roles=[], node="one")
    run(made)
    assert "bridge" not in made.written("network.ks")
    assert env_of(made)["B2CT_MANAGEMENT"] == "eno2"


@pytest.mark.parametrize(
    ("address", "prefix", "reason"),
    [
        ("10.0.0.11", 24, ""),
        ("10.0.0.255", 16, ""),
        ("10.0.0.0", 24, "10.0.0.0 is the address of the network itself"),
        ("10.0.255.255", 16, "10.0.255.255 is the broadcast address of its network"),
        ("10.0.0.256", 24, "10.0.0.256 is not an IPv4 address such as 10.0.0.11"),
        ("10.0.0.011", 24, "10.0.0.011 is not an IPv4 address such as 10.0.0.11"),
        ("10.0.0", 24, "10.0.0 is not an IPv4 address such as 10.0.0.11"),
        ("10.0.0.1.", 24, "10.0.0.1. is not an IPv4 address such as 10.0.0.11"),
        ("1.2.3.4.5", 24, "1.2.3.4.5 is not an IPv4 address such as 10.0.0.11"),
        ("127.0.0.1", 8, "127.0.0.1 is no address of a machine"),
        ("224.0.0.1", 24, "224.0.0.1 is no address of a machine"),
        ("0.0.0.1", 24, "0.0.0.1 is no address of a machine"),
    ],
)
def test_addresses(tmp_path: Path, address: str, prefix: int, reason: str) -> None:
    assert machine(tmp_path).shell(f"bad_host {address} {prefix}") == reason


# ---------------------------------------------------------------- no reinstall loop


def test_a_finished_installation_is_noticed_even_if_the_disk_may_be_wiped(tmp_path: Path) -> None:
    made = hypervisor(tmp_path)
    made.disk("sda", 500, Part(1, 600, "vfat"), Part(2, 1024, "installed"), serial="DISK-1")
    told = 'derive || printf "%s: %s" "$NEXT" "${INSTALLED_ABOUT[0]}"'
    assert made.shell(told) == "reinstall: hv01.example.org (hypervisor) installed today"


def test_an_installation_that_did_not_finish_is_none(tmp_path: Path) -> None:
    made = hypervisor(tmp_path)
    made.disk("sda", 500, Part(1, 1024, "ext4", ""), serial="DISK-1")
    run(made)
    assert made.asked() == []


def test_a_boot_argument_reinstalls(tmp_path: Path) -> None:
    made = hypervisor(tmp_path)
    made.disk("sda", 500, Part(2, 1024, "installed"), serial="DISK-1")
    made.write("proc/cmdline", "quiet b2ct.reinstall inst.text")
    run(made)
    assert made.asked() == []


# ---------------------------------------------------------------- hostile values

LINES = st.text(
    st.characters(blacklist_categories=("Cc", "Cs"), blacklist_characters="\u2028\u2029"),
    max_size=40,
) | st.sampled_from(
    ["%end", "%pre", "$(reboot)", "`reboot`", "'; reboot #", '"', "\\", "{{ 7 * 7 }}", "{% raw %}"]
)


FIELDS = ("serial", "machine_serial", "wwn", "model", "path", "admin")


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(values=st.fixed_dictionaries(dict.fromkeys(FIELDS, LINES)))
def test_hostile_values_come_back_as_they_are(values: dict[str, str]) -> None:
    """No value breaks out, and the node table holds exactly what the site says."""
    calm = oracle.parse(_rendered(dict.fromkeys(FIELDS, "a")), "el9")
    text = _rendered(values)
    wild = oracle.parse(text, "el9")
    assert [script.type for script in wild.scripts] == [script.type for script in calm.scripts]
    assert wild.packages.packageList == calm.packages.packageList
    outside = [x for x in str(wild).splitlines() if x.startswith(("text", "part", "url", "repo"))]
    assert outside == [
        x for x in str(calm).splitlines() if x.startswith(("text", "part", "url", "repo"))
    ]
    oracle.bash_parses(text)
    code = pre_of(text)
    code = code[: code.index("\nrecognise\n")]
    shown = '"${NODE_SERIAL[0]}" "${MATCH_SERIAL[0]}" "${MATCH_WWN[0]}" "${MATCH_MODEL[0]}"'
    shown += ' "${MATCH_PATH[0]}"'
    done = subprocess.run(
        ["bash", "-c", f"{code}\nprintf '%s\\0' {shown}"],
        env={"PATH": "/usr/bin:/bin", "B2CT_ROOT": "/nonexistent"},
        capture_output=True,
        check=False,
    )
    told = done.stdout.decode().split("\0")[:-1]
    wanted = [values[name] for name in ("machine_serial", "serial", "wwn", "model")]
    assert told == [*wanted, f"/{values['path']}"]


def _rendered(values: dict[str, str]) -> str:
    disk = {name: values[name] for name in ("serial", "wwn", "model")}
    node = {
        "name": "n",
        "role": "hypervisor",
        "serial": values["machine_serial"],
        "disk": {**disk, "path": f"/{values['path']}"},
    }
    admins = [{"name": values["admin"], "ssh_keys": [sites.KEY]}]
    return render(sites.full(nodes=[node], admins=admins), roles=[Role.HYPERVISOR]).text
