"""Sites of several kinds, for tests of what they lead to."""

from __future__ import annotations

from typing import Any

from b2ct.site.model import Node, Site

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZ0J0mVXPzGhyBP4hhoMNyTQFHOkAWqAGhjX/W9aXdF me@laptop"


def site(**parts: Any) -> Site:
    """A control node and two hypervisors, one with a bond and VLANs; with parts replaced."""
    return Site.model_validate(
        {
            "site": {"name": "b2ct", "domain": "b2ct.example.org", "ntp": ["ntp.example.org"]},
            "networks": {
                "service": {
                    "cidr": "10.0.0.0/24", "gateway": "10.0.0.1", "dns": ["10.0.0.1"],
                    "bridge": "br-service",
                },
                "private": {
                    "cidr": "10.1.0.0/16", "bridge": "br-private", "vlan": 5, "mtu": 9000,
                    "vm_range": {"first": "10.1.1.1", "last": "10.1.1.99"},
                },
            },
            "nodes": [
                {
                    "name": "one", "role": "control",
                    "interfaces": [
                        {"network": "service", "mac": "52:54:00:00:00:01", "address": "10.0.0.2"}
                    ],
                },
                {
                    "name": "hv1", "role": "hypervisor",
                    "interfaces": [
                        {"network": "service", "mac": "52:54:00:00:01:01", "address": "10.0.0.11"},
                        {"network": "private", "mac": "52:54:00:00:01:02", "address": "10.1.0.11"},
                    ],
                },
                {
                    "name": "hv2", "role": "hypervisor",
                    "interfaces": [
                        {"network": network, "address": address, "bond": {"members": BOND}}
                        for network, address in (("service", "10.0.0.12"), ("private", "none"))
                    ],
                },
            ],
            "admins": [{"name": "Ada", "ssh_keys": [KEY]}],
            "cloud": {"dirac": {"user": "dirac"}},
            **parts,
        }
    )  # fmt: skip


BOND = ["52:54:00:00:02:01", "52:54:00:00:02:02"]


def node(name: str, of: Site | None = None) -> Node:
    """A node by its name."""
    found = (of or site()).node(name)
    assert found is not None
    return found
