"""The gateway on the control node: TLS for DIRAC, also for servers without B2CT's driver."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from b2ct.document.model import Model
from b2ct.document.types import AbsolutePath, Matching
from b2ct.site.cloud import UserName
from b2ct.site.types import Cidr

PORT = 2635
"""2633 is oned's, 2634 its gRPC from OpenNebula 7.2 on."""

PemPath = Annotated[
    AbsolutePath,
    Matching(
        r"/[A-Za-z0-9@%+=:,./_-]+", "an absolute path without spaces", ("/etc/pki/tls/host.pem",)
    ),
]
"""A path that stands unquoted in systemd units."""


class Gateway(Model):
    """A filter in front of OpenNebula, through which DIRAC's own driver can start and end VMs.

    It runs on the control node once B2CT is installed there; docs/gateway.md says what it lets
    through. A DIRAC server with B2CT's driver needs none.
    """

    clients: tuple[Cidr, ...] = Field(
        min_length=1, description="Networks of the DIRAC servers: nobody else may connect."
    )
    user: UserName | None = Field(
        None,
        description="The one user of OpenNebula who may call. Left out: that of `cloud.dirac`.",
    )
    port: int = Field(PORT, ge=1024, le=65535, description="TCP port.")
    certificate: PemPath = Field(
        "/etc/grid-security/hostcert.pem",
        description="Certificate of the control node, with its chain, in PEM.",
    )
    key: PemPath = Field(
        "/etc/grid-security/hostkey.pem",
        description="Its private key, in PEM; it stays readable for root alone.",
    )
