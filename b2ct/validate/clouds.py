"""OpenNebula's client for checks of the site: they say nothing where another check has said it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from b2ct.core.errors import B2ctError
from b2ct.site import places
from b2ct.validate.check import not_applicable
from b2ct.validate.facts import frontend, paths

if TYPE_CHECKING:
    from b2ct.one.client import Client
    from b2ct.site.model import Site
    from b2ct.validate.given import Hosts

ToCloud = Callable[[], "Client"]


def opened(to_cloud: ToCloud, hosts: Hosts, site: Site) -> Client:
    """The client, logged in. Ends the check where oned does not answer or refuses us."""
    try:
        one = reached(to_cloud, hosts, site)
        _ = one.version, one.me
    except B2ctError:
        not_applicable("OpenNebula does not let us in: see opennebula-lets-us-in")
    return one


def reached(to_cloud: ToCloud, hosts: Hosts, site: Site) -> Client:
    """The client. Ends the check where the control node's own checks have found the reason."""
    control = places.control_of(site)
    if control is None:
        not_applicable("site.yaml names no control node")
    if control.name not in hosts:
        not_applicable(f"the control node {control.name} does not answer: see answers-ssh")
    if not frontend.of(hosts[control.name], site).oned_answers:
        not_applicable("oned does not answer: see oned-runs and oned-answers")
    if paths.ONE_AUTH not in paths.of(hosts[control.name]):
        not_applicable("there is no one_auth: see one-auth-is-closed")
    return to_cloud()
