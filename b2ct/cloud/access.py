"""Where a site's OpenNebula is, with which password: what `one.endpoint` asks of a site."""

from __future__ import annotations

from pathlib import Path

from b2ct.core.consent import Consent
from b2ct.core.console import note
from b2ct.one import bound, endpoint
from b2ct.one.endpoint import PORT, Endpoint, SiteAccess
from b2ct.site import places
from b2ct.site.chosen import ChosenSite


def of_site(chosen: ChosenSite) -> SiteAccess | None:
    """The control node of a site; None when the file names none."""
    site = chosen.site
    control = places.control_of(site)
    if control is None:
        return None
    host = places.reached(control, site)

    def password() -> str | None:
        value = chosen.secret("oneadmin_password")
        return value.get_secret_value() if value else None

    shown = f"[{host}]" if ":" in host else host
    own = tuple(network.cidr for network in site.networks.values() if network.cidr)
    made_there = bool(site.secrets.oneadmin_password.generate)

    def allow() -> None:
        chosen.allow("oneadmin_password", leaving=True)

    return SiteAccess(f"http://{shown}:{PORT}/RPC2", password, host, own, made_there, allow)


def endpoint_for(
    chosen: ChosenSite | None,
    consent: Consent,
    url: str | None = None,
    auth_file: Path | None = None,
    ca_file: Path | None = None,
) -> Endpoint:
    """Where OpenNebula is, and as whom to speak to it. Raises B2ctError with the remedy."""
    site = of_site(chosen) if chosen else None
    found = endpoint.find(
        url=url, auth_file=auth_file, ca_file=ca_file, site=site,
        approve=lambda where: bound.check(where, site, consent),
    )  # fmt: skip
    if found.in_clear:
        note(f"warning: the password goes to {found.host} unencrypted (http)")
    return found
