"""The gateway: one user who is not OpenNebula's own, and a port that is free."""

from __future__ import annotations

from collections.abc import Iterator

from b2ct.document.finding import Finding
from b2ct.site import catalogue
from b2ct.site.cloud import OWN_USERS
from b2ct.site.model import Site

TAKEN = (2474, 2616, 2633, 4124, 5030, 9869, 29876)
"""Of OpenNebula on a control node."""


def findings(site: Site) -> Iterator[Finding]:
    """What cannot work in `gateway`."""
    gateway = site.gateway
    if gateway is None:
        return
    if site.gateway_user is None:
        yield Finding(
            ("gateway",),
            "nobody is named who may call: expected `user`, or `cloud.dirac`",
            "`cloud: {dirac: {}}` makes the user `dirac`",
            is_key=True,
        )
    elif site.gateway_user.lower() in OWN_USERS:
        yield Finding(
            ("gateway", "user") if gateway.user else ("gateway",),
            f"{site.gateway_user} is OpenNebula's own: expected a user for DIRAC alone",
        )
    if catalogue.release(site.release.version).init != "systemd":
        yield Finding(
            ("gateway",),
            f"it needs systemd, which {site.release.version} does not have",
            "run `b2ct gateway` on another machine of the site, or choose a newer release",
            is_key=True,
        )
    grpc = catalogue.opennebula(site.opennebula_version).grpc_port
    squid = site.squid.port
    if gateway.port in (*TAKEN, grpc, squid):
        yield Finding(("gateway", "port"), f"port {gateway.port} has another use on this node")
