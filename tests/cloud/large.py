"""A large site and the double that serves it: for a test of the number of calls, and benchmarks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from b2ct.one import ownership
from b2ct.rehearsal.oned import OnedDouble, bulk

SITE = "large"


@contextmanager
def large_cloud(
    hosts: int, templates: int, vms: int
) -> Iterator[tuple[OnedDouble, dict[str, Any]]]:
    """A double with hosts, VM templates with an image each, and VMs, and the site as plain data.

    The hosts are nobody's yet, and the templates lack what B2CT puts into them: `apply --adopt`
    makes all of it as the site says.
    """
    with OnedDouble() as double:
        bulk.fill(double, hosts=hosts, templates=templates, vms=vms)
        for template in double.cloud.templates:
            for name, value in ownership.marks(SITE).items():
                template.template.set(name, value)
            template.template.set("B2CT_WORKER", template.name)
        yield double, site(hosts, templates)


def site(hosts: int, templates: int) -> dict[str, Any]:
    """The site, whose hosts and workers have the names of `bulk.fill`."""
    vms = {
        "cidr": "10.64.0.0/14", "gateway": "10.64.0.1", "bridge": "br0",
        "vm_range": {"first": "10.66.0.1", "last": "10.67.255.254"},
    }  # fmt: skip
    nodes = [{"name": f"node{n + 1:04}", "role": "hypervisor"} for n in range(hosts)]
    return {
        "site": {"name": SITE},
        "networks": {"vms": vms},
        "nodes": [
            {"name": "one", "role": "control",
             "interfaces": [{"network": "vms", "address": "10.64.0.10"}]},
            *nodes,
        ],
        "workers": {f"worker{n + 1}": {"image": f"worker{n + 1}"} for n in range(templates)},
    }  # fmt: skip
