"""The commented site.yaml that `b2ct init` writes. Pure: answers in, text out.

In it a `#` with one blank begins a remark, any other a key that may be had by removing the `#`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from b2ct.site import catalogue
from b2ct.site.schema import FILE_NAME

MOST_HYPERVISORS = 200
_SAFE = re.compile(r"[A-Za-z][A-Za-z0-9_./@+-]*( [A-Za-z0-9_./@+=-]+)*")
# Words that YAML 1.1 or 1.2 take for something else than text.
_WORDS = frozenset(
    "y n yes no on off true false null nan inf".split()  # noqa: SIM905 - reads better
)


@dataclass(frozen=True)
class Answers:
    """What `b2ct init` knows; what is empty is left out of the file, and asked at the console."""

    name: str = "b2ct"
    domain: str = ""
    release: str = catalogue.DEFAULT_RELEASE
    cidr: str = ""
    control: str = "one"
    mac: str = ""
    address: str = ""
    hypervisors: int = 1
    admin: str = "admin"
    ssh_key: str = ""


def render(answers: Answers) -> str:
    """The text of the file. It is valid if every answer is; the caller checks it by loading it."""
    row = catalogue.release(answers.release)
    sections = (
        _head(),
        _site(answers),
        _software(row),
        _networks(answers),
        _STORAGE,
        _nodes(answers),
        _admins(answers, row),
        _REST,
    )
    return "\n".join(sections)


def scalar(value: str) -> str:
    """A text as YAML reads it back, quoted where it might be taken for something else."""
    if _SAFE.fullmatch(value) and value.lower() not in _WORDS:
        return value
    # YAML folds some characters that JSON leaves alone, U+0085 and U+2028 among them, as line ends.
    text = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() or ord(c) > 0xFFFF else f"\\u{ord(c):04x}" for c in text)


def _head() -> str:
    return f"""\
# yaml-language-server: $schema=./{FILE_NAME}
#
# One site. `b2ct check` finds every mistake in it. Anything may be left out: what a machine
# needs and this file does not say is asked at its console, when it installs. Keys behind a '#' are
# examples: remove the '#' to have them. Editors complete and check this file once its schema lies
# beside it: `b2ct schema -o {FILE_NAME}`.
"""


def _line(text: str, comment: str) -> str:
    return f"{text:<30} # {comment}"


def _site(answers: Answers) -> str:
    return f"""\
site:
{_line(f"  name: {scalar(answers.name)}", "labels media and images")}
{_key("  ", "domain", answers.domain, "b2ct.example.org")}
  timezone: UTC
#  language: en_US.UTF-8
{_line("#  keyboard: us", "left out: asked")}
{_line("#  ntp: [ntp.example.org]", "left out: the distribution's pool")}
"""


def _software(row: catalogue.Release) -> str:
    distributions = ", ".join(d.value for d in row.distributions)
    versions = ", ".join(row.opennebula)
    tree = catalogue.media(row.distributions[0], row.key).install_url
    return f"""\
release:
{_line(f"  version: {row.key}", ", ".join(catalogue.RELEASES))}
{_line(f"  distribution: {row.distributions[0].value}", distributions)}
#  mirror: {tree}

opennebula:
{_line(f'  version: "{row.opennebula[0]}"', f"on {row.key}: {versions}")}
"""


def _networks(answers: Answers) -> str:
    gateway, first, last = _examples(answers)
    return f"""\
networks:
{_line("  service:", "by which the nodes reach each other")}
{_key("    ", "cidr", answers.cidr, "10.0.0.0/24")}
#    gateway: {gateway}
#    dns: [{gateway}]
{_line("    bridge: br0", "to which VMs are attached")}
#    vm_range: {{first: {first}, last: {last}}}
#  public:
#    cidr: 192.0.2.0/24
#    vlan: 100
#    bridge: br100
"""


def _examples(answers: Answers) -> tuple[IPv4Address, IPv4Address, IPv4Address]:
    """A gateway and a range for VMs in the network, away from the control node's address."""
    try:
        cidr = IPv4Network(answers.cidr or "10.0.0.0/24")
    except ValueError:
        cidr = IPv4Network("10.0.0.0/24")
    top = cidr.num_addresses - 1

    def host(index: int) -> IPv4Address:
        return cidr.network_address + max(0, min(index, top))

    gateway = host(1) if answers.address != str(host(1)) else host(2)
    half = (top + 1) // 2
    upper = [host(index) for index in range(half, min(top, half + 100))] or [host(top)]
    if answers.address in map(str, upper):
        return gateway, host(3), host(max(3, min(half - 1, 103)))
    return gateway, upper[0], upper[-1]


_STORAGE = f"""\
storage:
{_line("  type: ssh", "each machine's own disk")}
# Or on an NFS server that exports it for uid and gid 9869:
# storage: {{type: nfs, server: nas.example.org, export: /srv/one}}
"""


def _nodes(answers: Answers) -> str:
    role = "control" if answers.hypervisors else "single"
    text = f"""\
# A machine is known by the MAC address or serial number that stands here; else it asks who it is.
nodes:
  - name: {scalar(answers.control)}
{_line(f"    role: {role}", "control, hypervisor, or single: both on one machine")}
#    serial: CZJ1234ABC
    interfaces:
      - network: service
{_key("        ", "mac", answers.mac, "52:54:00:00:00:01")}
{_key("        ", "address", answers.address, "dhcp")}
#    disk: {{serial: S3YZNB0K000001}}   # `lsblk -o NAME,SERIAL,SIZE,MODEL`
"""
    for index, name in enumerate(_names(answers), start=2):
        text += f"""
  - name: {name}
    role: hypervisor
    interfaces:
      - network: service
#        mac: 52:54:00:00:{index // 256:02x}:{index % 256:02x}
#        address: dhcp
#    disk: {{min_size: 100 GiB}}
"""
    return text


def _names(answers: Answers) -> list[str]:
    """hv01, hv02, ... without the control node's own name."""
    names = (f"hv{i:02}" for i in range(1, answers.hypervisors + 2))
    return [name for name in names if name != answers.control.lower()][: answers.hypervisors]


def _admins(answers: Answers, row: catalogue.Release) -> str:
    if answers.ssh_key:
        return f"""\
admins:
  - name: {scalar(answers.admin)}
    ssh_keys:
      - {scalar(answers.ssh_key)}
"""
    old = (
        " (ssh-rsa: this release knows no newer type)"
        if "ssh-ed25519" in row.unknown_ssh_keys
        else ""
    )
    return f"""\
# Nobody can log in by SSH until a public key stands here{old}.
# admins: [{{name: Ada, ssh_keys: [the one line of a .pub file]}}]
"""


def _key(indent: str, name: str, value: str, example: str) -> str:
    """A key with its value, or an example of it that is commented out."""
    if value:
        return f"{indent}{name}: {scalar(value)}"
    return _line(f"#{indent}{name}: {example}", "left out: asked")


_REST = """\
#secrets:
#  root_password: {file: root-password.txt}   # its first line; only a hash is carried
#  dirac_password: {file: dirac-password.txt} # of the user in `cloud`; on no medium

# How the outside is reached, if not directly (docs/proxy.md).
#proxy: {url: "http://proxy.example.org:3128", exceptions: [mirror.example.org]}

#disk_layout:
#  root: 40 GiB
#  swap: 4 GiB
#  squid: 60 GiB

#squid:
#  destinations: [cvmfs.example.org]   # besides the stratum-1s of `cvmfs`

# Kinds of VMs. Left out: one, b2ct-worker, with these values (docs/site-yaml.md has all keys).
#workers:
#  b2ct-worker:
#    image: el9-worker
#    cpu: 1
#    vcpu: 1
#    memory: 2 GiB
#    disk: 40 GiB
#    lifetime: 3 d
#    idle: {mode: poweroff, load: 0.01, period: 600 s, grace: 30 min}

# What `b2ct plan` and `b2ct apply` tell OpenNebula, besides nodes and networks.
#cloud:
#  dirac:   # the user as whom DIRAC starts VMs; needs `secrets.dirac_password`
#    quota: {vms: 40, cpu: 40, memory: 80 GiB}
#  security_groups:
#    workers: {rules: [{direction: outbound}, {protocol: tcp, ports: "22"}]}

#packages:
#  all: [tmux, vim-enhanced]

#installer:
#  source: network
#  serial_console: ttyS0,115200
"""
