"""A VM that is the site's squid. Pure.

Its address belongs into `squid.external` of site.yaml: then no node installs one, and workers ask
this VM.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2ct.context import render
from b2ct.context.model import Expanded, OwnFiles, VmContext
from b2ct.core.errors import B2ctError

if TYPE_CHECKING:
    from b2ct.site.model import Site

NAME = "squid"
MIB = 2**20


def for_squid(site: Site) -> VmContext:
    """What a VM is told that runs squid.

    Raises B2ctError where site.yaml names no network that may use it.
    """
    clients = [str(network.cidr) for network in site.networks.values() if network.cidr]
    clients += [str(cidr) for cidr in site.squid.clients]
    if not clients:
        raise B2ctError(
            "site.yaml names no network that may use the squid",
            hint="give a network its `cidr`, or list `squid: {clients: [10.0.0.0/24]}`",
        )
    values = {
        "site": site,
        "acl": f"acl clients src {' '.join(dict.fromkeys(clients))}",
        # The rest is squid's own index and swap state.
        "cache_mib": site.disk_layout.squid * 85 // 100 // MIB,
    }
    return VmContext(
        name=NAME,
        site=site.site.name,
        hostname=Expanded(f"{NAME}-$VMID"),
        files=render.files("squid", values),
        packages=("squid",),
        commands=(("/usr/libexec/b2ct/squid-start",),),
        ssh_keys=tuple(key for admin in site.admins for key in admin.ssh_keys),
        own=OwnFiles(),
        timezone=site.site.timezone,
        ntp=site.site.ntp,
        notes=("the VM installs the package squid: it needs a package mirror at its first start",),
    )
