"""What the firewall lets through now: firewalld's active zones."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from b2ct.validate.expect import Opening

if TYPE_CHECKING:
    from testinfra.host import Host

SERVICES = {
    "ssh": ("22", "tcp"), "http": ("80", "tcp"), "https": ("443", "tcp"), "squid": ("3128", "tcp"),
    "cockpit": ("9090", "tcp"), "nfs": ("2049", "tcp"), "mysql": ("3306", "tcp"),
}  # fmt: skip
"""Ports of firewalld's own services, as far as one meets them on such machines."""
HARMLESS = frozenset({"dhcpv6-client", "mdns"})
_RULE = re.compile(
    r'source address="(?P<source>[^"]+)".{0,200}'
    r'port port="(?P<port>[0-9-]+)" protocol="(?P<protocol>\w+)".{0,200}accept'
)


@dataclass(frozen=True)
class Zone:
    """An active zone."""

    name: str
    target: str
    interfaces: tuple[str, ...]
    openings: frozenset[Opening]
    others: tuple[str, ...] = field(default=())
    """What else it lets through: services and rules without a port."""


def of(host: Host) -> tuple[Zone, ...] | None:
    """The active zones but that of libvirt's own network; None where firewalld does not answer."""
    done = host.run(
        "sed -n 's/^DefaultZone=/default /p' /etc/firewalld/firewalld.conf;"
        " firewall-cmd --list-all-zones"
    )
    if done.rc != 0:
        return None
    return tuple(zone for zone in parse(done.stdout) if not zone.name.startswith("libvirt"))


def parse(text: str) -> tuple[Zone, ...]:
    """The active ones of `firewall-cmd --list-all-zones`, and the one of the line `default NAME`.

    That one holds for every device that nobody gave to another zone, be it listed as active or not.
    """
    blocks = re.split(r"\n(?=\S)", text.strip())
    default = next((b.split()[1] for b in blocks if re.match(r"default \S", b)), "")
    return tuple(
        _zone(block)
        for block in blocks
        if re.match(r"\S+ \(.*active", block) or block.split()[:1] == [default]
    )


def _zone(block: str) -> Zone:
    head, *lines = block.splitlines()
    values: dict[str, str] = {}
    rules: list[str] = []
    for line in lines:
        name, colon, value = line.strip().partition(":")
        if line.strip().startswith("rule "):
            rules.append(line.strip())
        elif colon:
            values[name] = value.strip()
    openings, others = set(), []
    for port in values.get("ports", "").split():
        number, _, protocol = port.partition("/")
        openings.add(Opening(number, protocol))
    for service in values.get("services", "").split():
        if service in SERVICES:
            openings.add(Opening(*SERVICES[service]))
        elif service not in HARMLESS:
            others.append(f"the service {service}")
    for rule in rules:
        if found := _RULE.search(rule):
            openings.add(Opening(found["port"], found["protocol"], found["source"]))
        elif "accept" in rule:
            others.append(rule)
    return Zone(
        head.split()[0], values.get("target", "default"),
        tuple(values.get("interfaces", "").split()), frozenset(openings), tuple(others),
    )  # fmt: skip
