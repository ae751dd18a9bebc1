"""Sites of the tests: one with every kind of worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from b2ct.context import own
from b2ct.context.model import VmContext
from b2ct.context.worker import choose, for_worker
from b2ct.site.model import Site

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me"
PUBLIC_KEY = (
    "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----\n"
)
SCRIPT = '#!/bin/bash\necho "it\'s $HOME" > /tmp/said\n'
CLOUD_CONFIG = "#cloud-config\nwrite_files:\n- {path: /etc/motd, content: hi}\ndisable_root: true\n"


def described(**changes: Any) -> dict[str, Any]:
    """The plain data of a site."""
    return {
        "site": {"name": "desy", "domain": "b2ct.example.org", "timezone": "Europe/Berlin"},
        "networks": {
            "service": {"cidr": "10.0.0.0/24", "gateway": "10.0.0.1", "bridge": "br0"},
            "vms": {
                "cidr": "10.1.0.0/16",
                "vlan": 20,
                "bridge": "br20",
                "vm_range": {"first": "10.1.0.100", "last": "10.1.9.200"},
            },
        },
        "nodes": [
            {
                "name": "one",
                "role": "single",
                "interfaces": [
                    {"network": "service", "address": "10.0.0.10"},
                    {"network": "vms", "address": "10.1.0.10"},
                ],
            }
        ],
        "admins": [{"name": "me", "ssh_keys": [KEY]}],
        **changes,
    }


def site(**changes: Any) -> Site:
    return Site.model_validate(described(**changes))


def whole(folder: Path) -> VmContext:
    """The context of a worker that has everything, with its files in `folder`."""
    (folder / "tune.sh").write_text(SCRIPT)
    (folder / "more.yaml").write_text(CLOUD_CONFIG)
    (folder / "kek.pub").write_text(PUBLIC_KEY)
    made = site(
        squid={"external": ["http://p1.example.org:3128", "http://p2.example.org:3128"]},
        cvmfs={"keys": {"kek.jp": "kek.pub"}},
        workers={
            "big": {
                "vcpu": 8,
                "hs06": 12.5,
                "mounts": "systemd",
                "lifetime": "12 h",
                "idle": {"mode": "dry-run", "load": 0.5},
                "scripts": ["tune.sh"],
                "user_data": "more.yaml",
                "environment": {"SITE_TMP": "/var/tmp/a b", "QUOTED": 'it\'s "$HOME" \\ `x`'},
            }
        },
    )
    name, worker = choose(made, "big")
    return for_worker(made, name, own=own.read(made, worker, folder))
