"""The cloud as DIRAC's user sees it: with the credentials of a file, else those of site.yaml."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from b2ct.cloud.access import endpoint_for, of_site
from b2ct.core.console import note
from b2ct.dirac import cloudauth, way
from b2ct.one import bound, endpoint
from b2ct.one.client import Client
from b2ct.one.endpoint import Endpoint

if TYPE_CHECKING:
    from b2ct.core.consent import Consent
    from b2ct.site.chosen import ChosenSite

DEADLINE = 20
"""Seconds for each call."""


@dataclass(frozen=True)
class Seat:
    """How the cloud was named on the command line."""

    url: str | None = None
    ca_file: Path | None = None
    cloud_auth: Path | None = None
    """A cloud.auth of DIRAC."""
    auth: Path | None = None
    """A file with user:password. Left out: what ONE_AUTH names."""
    ce: str | None = None
    """Section of cloud.auth."""

    @property
    def credentials(self) -> Path | None:
        """The file with user:password."""
        named = os.environ.get("ONE_AUTH")
        return self.auth or (Path(named) if named else None)

    @property
    def complete(self) -> bool:
        """No site has to say where the cloud is, and as whom to ask it."""
        known = self.cloud_auth or self.credentials
        return bool(known and (self.url or os.environ.get("ONE_XMLRPC")))


def client(seat: Seat, chosen: ChosenSite | None, consent: Consent) -> Client:
    """A client with DIRAC's credentials. Raises B2ctError."""
    if chosen and chosen.site.gateway and not seat.url and not os.environ.get("ONE_XMLRPC"):
        through = way.gateway_url(chosen, chosen.site.gateway)
        note(
            "note: this asks OpenNebula itself. DIRAC comes through the gateway: from a "
            f"machine that it lets in, --endpoint {through} asks that"
        )
    if seat.credentials and not seat.cloud_auth:
        where = endpoint_for(chosen, consent, seat.url, seat.credentials, seat.ca_file)
    else:
        where = _endpoint(seat, chosen, consent)
    return Client(where, deadline=DEADLINE)


def _endpoint(seat: Seat, chosen: ChosenSite | None, consent: Consent) -> Endpoint:
    """The cloud with the credentials of a cloud.auth, else with those of site.yaml."""
    site = of_site(chosen) if chosen else None
    address, url_from = endpoint.where(seat.url, site)
    if url_from == endpoint.BY_DEFAULT:
        raise way.nowhere()
    if seat.cloud_auth is not None:
        user, password = cloudauth.read(
            seat.cloud_auth, seat.ce or urlsplit(address).hostname or ""
        )
        auth_from = str(seat.cloud_auth)
    else:
        assert chosen  # noqa: S101 - without it there is a file
        user, password, auth_from = way.diracs_user(chosen), "", endpoint.DIRAC_SECRET
    where = endpoint.Endpoint(
        address, f"{user}:{password}", ca_file=str(seat.ca_file or ""), auth_from=auth_from,
        url_from=url_from,
    )  # fmt: skip
    bound.check(where, site, consent)
    if chosen and seat.cloud_auth is None:  # last, after all that can be refused
        password = chosen.needed_secret("dirac_password", leaving=bound.leaves(where))
        where = replace(where, auth=f"{user}:{password}")
    return where
