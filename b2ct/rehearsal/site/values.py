"""What a practice site is made of, as values: addresses, names, keys, and its site.yaml. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

DOMAIN = "practice.example.org"
STRATUM1_PORT, SECOND_PORT = 8000, 8001
SECOND = f"stratum1.{DOMAIN}"
"""The name of the other server with the files of a stratum 1."""
DIRAC_FILE = "dirac-password"
"""Beside site.yaml: the password of the user for DIRAC."""
MIB = 2**20


@dataclass(frozen=True)
class Cable:
    """A network card of a node."""

    device: str
    """Its name in the node, `eth0`."""
    network: str
    """`service` or `private`."""
    mac: str


@dataclass(frozen=True)
class Machine:
    """A node to be."""

    name: str
    role: str
    """`control` or `hypervisor`."""
    address: str
    cables: tuple[Cable, ...]

    @property
    def full_name(self) -> str:
        """With the domain."""
        return f"{self.name}.{DOMAIN}"

    @property
    def device(self) -> str:
        """What has the address: a hypervisor's is a bridge, to which its VMs are attached."""
        return "eth0" if self.role == "control" else "br-service"

    @property
    def volumes(self) -> tuple[tuple[str, str], ...]:
        """Path and size of what has a file system of its own."""
        places = [("/var/lib/one/datastores", "1G")]
        return (*places, ("/var/spool/squid", "512M")) if self.role == "control" else (*places,)


@dataclass(frozen=True)
class Plan:
    """A practice site."""

    name: str
    number: int
    """0 to 255; it is in all addresses, so that sites can stand side by side."""
    machines: tuple[Machine, ...]
    dirac: bool = False
    """It has a user for DIRAC, the gateway and the reaper."""

    @property
    def network(self) -> str:
        """The first three bytes of all addresses that nodes have."""
        return f"10.77.{self.number}"

    @property
    def gateway(self) -> str:
        """The world: name server, time server and stratum 1."""
        return f"{self.network}.1"

    @property
    def host(self) -> str:
        """This computer, as the nodes see it."""
        return f"{self.network}.254"

    @property
    def host_device(self) -> str:
        """This computer's end of the cable."""
        return f"b2ct{self.number}"

    @property
    def stratum1(self) -> str:
        """Where the world serves what CVMFS would fetch: by its address, and by a name."""
        return f"http://{self.gateway}:{STRATUM1_PORT}, http://{SECOND}:{SECOND_PORT}"


def plan(name: str, number: int, hypervisors: int, *, dirac: bool = False) -> Plan:
    """A control node `one`, and hypervisors `hv1`, `hv2`, ..."""
    control = Machine(
        "one", "control", f"10.77.{number}.10", (Cable("eth0", "service", _mac(number, 10, 0)),)
    )
    others = tuple(
        Machine(
            f"hv{index}",
            "hypervisor",
            f"10.77.{number}.{10 + index}",
            (
                Cable("eth0", "service", _mac(number, 10 + index, 0)),
                Cable("eth1", "private", _mac(number, 10 + index, 1)),
            ),
        )
        for index in range(1, hypervisors + 1)
    )
    return Plan(name, number, (control, *others), dirac)


def _mac(number: int, host: int, card: int) -> str:
    """Of the range that everybody may give out."""
    return f"52:54:77:{number:02x}:{host:02x}:{card:02x}"


def world_mac(site: Plan) -> str:
    """Of the cable to this computer."""
    return _mac(site.number, 1, 0)


def site_yaml(site: Plan, host_keys: Mapping[str, str], admin_key: str, other_key: str) -> str:
    """The description of the site. `host_keys` has each node's public host key.

    The other key is that of a second administrator.
    """
    nodes = "".join(_node(machine, host_keys[machine.name]) for machine in site.machines)
    return f"""# A practice site on this computer, made by `b2ct practice site`. Its nodes are
# namespaces that run systemd, sshd, firewalld, chronyd, squid and libvirtd of Debian in the
# clothes of EL9. What answers as OpenNebula on the control node is a test double. No VM can run.

site:
  name: {site.name}
  domain: {DOMAIN}
  timezone: UTC
  keyboard: us
  ntp: [{site.gateway}]

release:
  version: el9
  distribution: almalinux

opennebula:
  version: "6.10"

networks:
  service:
    cidr: {site.network}.0/24
    gateway: {site.gateway}
    dns: [{site.gateway}]
    mtu: 1500
    bridge: br-service
  private:
    cidr: 10.78.{site.number}.0/24
    bridge: br-private
    vm_range: {{first: 10.78.{site.number}.100, last: 10.78.{site.number}.199}}

storage:
  type: ssh

nodes:
{nodes}
squid:
  node: {site.machines[0].name}

cvmfs:
  stratum1: [{site.stratum1}]

workers:
  b2ct-worker:
    networks: [private]

admins:
  - name: Practice
    ssh_keys: [{admin_key}]
  - name: Colleague
    ssh_keys: [{other_key}]
{_dirac(site) if site.dirac else ""}"""


def _dirac(site: Plan) -> str:
    """Its server is this computer."""
    return f"""
cloud:
  dirac: {{}}

secrets:
  dirac_password: {{file: {DIRAC_FILE}}}

gateway:
  clients: [{site.host}/32]
"""


def _node(machine: Machine, host_key: str) -> str:
    interfaces = "".join(
        f"      - network: {cable.network}\n"
        f"        mac: {cable.mac}\n"
        f"        address: {machine.address if cable.network == 'service' else 'none'}\n"
        for cable in machine.cables
    )
    return (
        f"  - name: {machine.name}\n"
        f"    role: {machine.role}\n"
        f"    interfaces:\n{interfaces}"
        f"    host_key: {host_key}\n"
    )


def node_env(machine: Machine, site: Plan) -> dict[str, str]:
    """What a kickstart's %pre finds out on a real machine: /etc/b2ct/node.env."""
    control = site.machines[0]
    return {
        "B2CT_NODE": machine.name,
        "B2CT_DOMAIN": DOMAIN,
        "B2CT_FQDN": machine.full_name,
        "B2CT_ROLE": machine.role,
        "B2CT_ADDRESS": machine.address,
        "B2CT_CONTROL": control.name,
        "B2CT_CONTROL_ADDRESS": control.address,
        "B2CT_DISK": "/dev/sda",
        "B2CT_MANAGEMENT": machine.device,
        "B2CT_SQUID": "1" if machine is control else "0",
        "B2CT_RELEASE": "el9",
        "B2CT_INTERFACES": " ".join(f"{cable.mac}={cable.device}" for cable in machine.cables),
    }


def dnsmasq(site: Plan) -> str:
    """The name server's configuration: the nodes forward and backward, and nothing else."""
    records = "".join(
        f"host-record={machine.full_name},{machine.address}\n" for machine in site.machines
    )
    records += f"host-record={SECOND},{site.gateway}\n"
    return (
        "no-resolv\nno-hosts\nuser=root\npid-file=\nbind-interfaces\n"
        f"listen-address={site.gateway}\nlocal=/{DOMAIN}/\n{records}"
    )


def chrony(site: Plan) -> str:
    """The time server's configuration: it tells this computer's clock."""
    return (
        f"local stratum 8\nallow {site.network}.0/24\nbindaddress {site.gateway}\n"
        "cmdport 0\npidfile /run/world/chronyd.pid\nbindcmdaddress /\n"
    )


def network_script(machine: Machine, site: Plan) -> str:
    """What NetworkManager does on a real machine."""
    lines = ["set -e", "ip link set lo up"]
    for cable in machine.cables:
        lines.append(f"ip link set {cable.device} up")
        if machine.role == "hypervisor":
            bridge = f"br-{cable.network}"
            lines += [
                f"ip link add {bridge} address {cable.mac} type bridge",
                f"ip link set {cable.device} master {bridge}",
                f"ip link set {bridge} up",
            ]
    lines += [
        f"ip address add {machine.address}/24 dev {machine.device}",
        f"ip route add default via {site.gateway}",
    ]
    return "\n".join([*lines, ""])


def manifest(repository: str, now: int) -> bytes:
    """`.cvmfspublished` of a repository whose content is one byte old: what a stratum 1 serves."""
    letters = (
        ("C", "1" * 40), ("B", "1000"), ("R", "d41d8cd98f00b204e9800998ecf8427e"), ("D", "240"),
        ("S", "1"), ("G", "no"), ("A", "no"), ("N", repository), ("T", str(now)),
    )  # fmt: skip
    head = "".join(f"{letter}{value}\n" for letter, value in letters)
    return f"{head}--\n{'2' * 40}\n".encode()
