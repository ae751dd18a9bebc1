"""Sites of the tests: one that says nothing, one that says all, one with every kind of network."""

from __future__ import annotations

from typing import Any

from b2ct.site.model import Site

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me"
RELEASES = ("el6", "el7", "el8", "el9", "el10")
CONTROL_MAC = "52:54:00:00:00:01"
HV_MAC = "52:54:00:00:00:11"
HV_MAC2 = "52:54:00:00:00:12"


def full(version: str = "el9", **changes: Any) -> Site:
    """A site whose machines ask nothing."""
    return Site.model_validate(
        {
            "site": {
                "name": "desy",
                "domain": "b2ct.example.org",
                "timezone": "Europe/Berlin",
                "keyboard": "de",
                "ntp": ["ntp1.example.org", "10.0.0.1"],
            },
            "release": {"version": version},
            "networks": {
                "service": {"cidr": "10.0.0.0/24", "gateway": "10.0.0.1", "dns": ["10.0.0.1"]},
                "private": {"cidr": "10.1.0.0/16", "vlan": 20, "bridge": "br-priv", "mtu": 9000},
            },
            "nodes": [
                {
                    "name": "one",
                    "role": "control",
                    "serial": "SN-CONTROL",
                    "interfaces": [
                        {"network": "service", "mac": CONTROL_MAC, "address": "10.0.0.10"}
                    ],
                    "disk": {"serial": "DISK-0"},
                },
                {
                    "name": "hv01",
                    "role": "hypervisor",
                    "interfaces": [
                        {"network": "service", "mac": HV_MAC, "address": "10.0.0.11"},
                        {"network": "private", "mac": HV_MAC2, "address": "none"},
                    ],
                    "disk": {"serial": "DISK-1", "wipe": True},
                },
                {
                    "name": "hv02",
                    "role": "hypervisor",
                    "interfaces": [{"network": "service", "address": "10.0.0.12"}],
                },
            ],
            "admins": [{"name": "me", "ssh_keys": [KEY]}],
            **changes,
        }
    )


def empty(release: str = "el9") -> Site:
    """A site that leaves everything open."""
    return Site.model_validate({"release": {"version": release}})
