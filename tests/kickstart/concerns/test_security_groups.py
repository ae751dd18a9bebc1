"""A real firewalld, as the first boot sets it up, beside the rules of OpenNebula's security groups.

Two VMs (network namespaces) hang on a bridge of a hypervisor (another one), whose kernel shows
bridged frames to iptables. A VM must reach what its security group allows, and nothing else.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from b2ct.site.catalogue import Role
from tests.kickstart.concerns.machine import machine, site

BRIDGED = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
NEEDED = ("firewalld", "dbus-daemon", "iptables", "ip", "unshare", "firewall-cmd")

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0
    or not BRIDGED.exists()
    or not all(shutil.which(n, path=PATH) for n in NEEDED),
    reason="needs root, br_netfilter, iptables and firewalld",
)

GROUND = r"""
set -eu
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/dbus /run/netns /run/b2ct
mount --bind "$M/etc/firewalld" /etc/firewalld
dbus-daemon --config-file="$M/bus.conf" --nofork --nopidfile & echo $! > "$M/bus.pid"
sysctl -q -w net.bridge.bridge-nf-call-iptables=1
ip link set lo up
ip link add br0 type bridge
ip link set br0 up
ip address add 10.0.0.1/24 dev br0
python3 -m http.server 79 --bind 10.0.0.1 > /dev/null 2>&1 & echo $! > "$M/79.pid"
for vm in a b; do
  ip netns add $vm
  ip link add v$vm type veth peer name eth0 netns $vm
  ip link set v$vm master br0
  ip link set v$vm up
  ip -n $vm link set eth0 up
  ip -n $vm link set lo up
done
ip -n a address add 10.0.0.128/24 dev eth0
ip -n b address add 10.0.0.129/24 dev eth0
ip netns exec b python3 -m http.server 80 --bind 10.0.0.129 > /dev/null 2>&1 & echo $! > "$M/80.pid"
ip netns exec b python3 -m http.server 81 --bind 10.0.0.129 > /dev/null 2>&1 & echo $! > "$M/81.pid"
trap 'for f in "$M"/*.pid; do kill "$(cat "$f")" 2> /dev/null || :; done; wait' EXIT

# What systemd does with firewalld, and our hooks in its unit; EL6 has our script alone.
start() {
  [ "$KIND" = firewalld ] || return 0
  python3 /usr/sbin/firewalld --nofork > "$M/firewalld.log" 2>&1 & echo $! > "$M/firewalld.pid"
  for _ in $(seq 100); do
    if firewall-cmd --state > /dev/null 2>&1; then break; fi
    sleep 0.2
  done
  "$M/usr/libexec/b2ct/guards" restore
}
stop() {
  [ "$KIND" = firewalld ] || return 0
  "$M/usr/libexec/b2ct/guards" save
  kill "$(cat "$M/firewalld.pid")"
  wait "$(cat "$M/firewalld.pid")" || :
}
reach() {
  if ip netns exec a python3 -c "
import socket, time
for _ in range($2):
    try: socket.create_connection(('${3:-10.0.0.129}', $1), 1).close(); break
    except OSError: time.sleep(0.2)
else: raise SystemExit(1)"; then echo "port $1 reached"; else echo "port $1 closed"; fi
}
reach 79 20 10.0.0.1
reach 80 20
reach 81 20
"$M/usr/libexec/b2ct/firewall"
start
iptables -S | grep -q '^-N opennebula$' || {
  iptables -N opennebula
  iptables -A FORWARD -m physdev --physdev-is-bridged -j opennebula
  iptables -A opennebula -j ACCEPT
}
echo "no group:"
reach 80 3
reach 81 3
# A group that lets port 80 in: what OpenNebula 5.12 to 7.4 writes for a NIC.
iptables -N one-3-0-i
iptables -I opennebula -m physdev --physdev-out vb --physdev-is-bridged -j one-3-0-i
iptables -A one-3-0-i -m state --state ESTABLISHED,RELATED -j RETURN
iptables -A one-3-0-i -p tcp -m multiport --dports 80 -j RETURN
iptables -A one-3-0-i -j DROP
echo "port 80 alone:"
reach 80 3
reach 81 2
stop
"$M/usr/libexec/b2ct/firewall"
start
echo "after a restart:"
reach 80 3
reach 81 2
reach 79 2 10.0.0.1
"""


@pytest.mark.parametrize(
    ("release", "backend", "role"),
    [
        ("el6", "", Role.HYPERVISOR),
        ("el7", "iptables", Role.HYPERVISOR),
        ("el8", "nftables", Role.HYPERVISOR),
        ("el10", "nftables", Role.SINGLE),
    ],
)
def test_a_vm_reaches_what_its_group_allows_and_nothing_else(
    release: str, backend: str, role: Role, tmp_path: Path
) -> None:
    made = machine(tmp_path, site(release={"version": release}), role)
    shutil.copytree("/etc/firewalld", tmp_path / "etc/firewalld")
    conf = tmp_path / "etc/firewalld/firewalld.conf"
    conf.write_text(re.sub("(?m)^(FirewallBackend=).*", rf"\g<1>{backend}", conf.read_text()))
    (tmp_path / "etc/sysconfig").mkdir()
    made.double("systemctl")
    made.double("chkconfig")
    made.double("service", 'iptables-restore < "$B2CT_ROOT/etc/sysconfig/iptables"')
    made.double("nmcli", "exit 1")
    (tmp_path / "sys/class/net/br0/bridge").mkdir(parents=True)
    (tmp_path / "bus.conf").write_text(BUS)
    kind = "firewalld" if backend else "iptables"
    done = subprocess.run(
        ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", GROUND],
        env={"PATH": f"{tmp_path}/doubles:{PATH}", "M": str(tmp_path), "B2CT_ROOT": str(tmp_path),
             "KIND": kind},
        capture_output=True, text=True, check=False, timeout=120, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    told = [line for line in done.stdout.splitlines() if re.match(r"port|no|after", line)]
    assert told == [
        "port 79 reached", "port 80 reached", "port 81 reached",
        "no group:", "port 80 reached", "port 81 reached",
        "port 80 alone:", "port 80 reached", "port 81 closed",
        "after a restart:", "port 80 reached", "port 81 closed", "port 79 closed",
    ], done.stderr  # fmt: skip


BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/><allow user="*"/>
  </policy>
</busconfig>
"""
