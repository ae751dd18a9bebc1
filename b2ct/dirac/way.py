"""How DIRAC comes to a site's cloud: as whom, and to which address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2ct.cloud.access import of_site
from b2ct.core.errors import B2ctError
from b2ct.dirac import resources
from b2ct.one import endpoint

if TYPE_CHECKING:
    from b2ct.site.chosen import ChosenSite
    from b2ct.site.gateway import Gateway


def diracs_user(chosen: ChosenSite) -> str:
    """The name of DIRAC's user, whose password is known. Raises B2ctError."""
    user, wanted = chosen.site.cloud.dirac, chosen.site.secrets.dirac_password
    if user is None or wanted is None:
        raise B2ctError(
            "site.yaml names no user for DIRAC",
            hint="add `cloud: {dirac: {user: dirac}}` and `secrets: {dirac_password: {file: "
            "dirac-password.txt}}`; `b2ct apply` makes the user",
        )
    if wanted.generate:
        raise B2ctError(
            "the password of DIRAC's user is known to nobody",
            hint="name where it is in secrets.dirac_password: a file, env or command",
        )
    return user.user


def address(chosen: ChosenSite, url: str | None) -> str:
    """The address of OpenNebula itself. Raises B2ctError where nothing says it."""
    if url:
        return endpoint.checked_url(url, "--endpoint")
    access = of_site(chosen)
    if access is None:
        raise nowhere()
    return access.url


def nowhere() -> B2ctError:
    """The refusal where nothing says where the cloud is."""
    return B2ctError(
        "site.yaml has no control node: where is the cloud?",
        hint="name it with --endpoint https://HOST:PORT/RPC2",
    )


def gateway(chosen: ChosenSite, url: str | None) -> str:
    """The address of the site's gateway. Raises B2ctError where nothing says it."""
    if url:
        return endpoint.checked_url(url, "--endpoint")
    if chosen.site.gateway is None:
        raise B2ctError(
            "site.yaml has no gateway for DIRAC",
            hint="add `gateway: {clients: [NETWORK-OF-THE-DIRAC-SERVER]}` (docs/gateway.md), or "
            "give its address with --endpoint https://HOST:PORT/RPC2",
        )
    user = chosen.site.cloud.dirac.user if chosen.site.cloud.dirac else None
    if chosen.site.gateway_user != user:
        raise B2ctError(
            f"the gateway of site.yaml lets {chosen.site.gateway_user} in, and not {user}",
            hint="leave out `gateway.user`, or give DIRAC's user that name",
        )
    return gateway_url(chosen, chosen.site.gateway)


def gateway_url(chosen: ChosenSite, described: Gateway) -> str:
    """Where the site's gateway is, whoever may call it."""
    host = resources.ce_name(chosen.site, address(chosen, None))
    shown = f"[{host}]" if ":" in host else host
    return f"https://{shown}:{described.port}/RPC2"
