"""What single values cannot tell: findings on the site as a whole. Pure; only what cannot work.

What works but is probably not meant is advice (b2ct.site.advice), not a finding.
"""

from __future__ import annotations

from b2ct.document.finding import Finding
from b2ct.document.redact import Path
from b2ct.site.crosscheck import (
    cloud,
    gateway,
    known,
    networks,
    nodes,
    proxy,
    reaper,
    servers,
    software,
    workers,
)
from b2ct.site.model import Site


def problems(site: Site) -> list[Finding]:
    """Everything that cannot work, each with its path in the file."""
    return [
        *networks.findings(site),
        *known.findings(site),
        *nodes.findings(site),
        *software.findings(site),
        *servers.findings(site),
        *workers.findings(site),
        *cloud.findings(site),
        *reaper.findings(site),
        *gateway.findings(site),
        *proxy.findings(site),
    ]


def bears_without(path: Path) -> bool:
    """Whether leaving the value at `path` out can only take findings away, never add one.

    The loader cross-checks a site with wrong values only if all of them are of this kind, so
    that one mistake is not reported as two.
    """
    match path:
        case ("site" | "cvmfs" | "admins" | "packages" | "installer", str() | int(), *_):
            # A worker's disk needs room for the one; by the other repositories are inside.
            return path[:2] not in (("cvmfs", "quota"), ("site", "domain"))
        case ("networks", _, "gateway" | "dns" | "mtu"):
            return True
        case ("nodes", int(), "serial" | "host_key" | "disk"):
            return True
        case ("nodes", int(), "interfaces", int(), "address" | "mac"):
            return True
        case ("squid", "port" | "clients" | "destinations"):
            return True
    return False
