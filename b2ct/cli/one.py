"""What the verbs about OpenNebula share: where it is, as whom, and how waiting is shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from b2ct.cli import options, trust
from b2ct.core.console import note
from b2ct.core.errors import EXIT_INTERRUPTED, B2ctError

if TYPE_CHECKING:
    from b2ct.one.client import Client
    from b2ct.one.endpoint import Endpoint
    from b2ct.site.chosen import ChosenSite

Verb = TypeVar("Verb", bound=Callable[..., Any])
EVERY = 15.0
"""Seconds after which a state that does not change is told again."""

_ACCESS = (
    click.option(
        "--endpoint",
        "url",
        metavar="URL",
        help="XML-RPC of the front-end. Left out: ONE_XMLRPC, ~/.one/one_endpoint, the site's "
        "control node.",
    ),
    click.option(
        "--auth",
        "auth_file",
        type=options.FILE,
        metavar="FILE",
        help="A file with user:password. Left out: ONE_AUTH, ~/.one/one_auth, the site's secret.",
    ),
    click.option(
        "--ca-file",
        type=options.FILE,
        metavar="FILE",
        help="CA certificates (PEM) for an https endpoint, instead of the usual ones.",
    ),
)


def access(command: Verb) -> Verb:
    """The options of every verb that speaks to OpenNebula."""
    for option in (trust.in_clear_option, *reversed(_ACCESS)):
        command = option(command)
    return options.site(command)


def endpoint_of(
    url: str | None, auth_file: Path | None, ca_file: Path | None, chosen: ChosenSite | None
) -> Endpoint:
    """Where OpenNebula is, and as whom to speak to it. Raises B2ctError with the remedy."""
    from b2ct.cloud.access import endpoint_for

    return endpoint_for(chosen, trust.consent(), url, auth_file, ca_file)


def connect(*, site_file: Path | None, **where: Any) -> Client:
    """A client for what the options of `access` say."""
    return client_of(options.site_if_any(site_file), **where)


def client_of(
    chosen: ChosenSite | None, *, url: str | None, auth_file: Path | None, ca_file: Path | None
) -> Client:
    """The same, for a site that is read already."""
    where = endpoint_of(url, auth_file, ca_file, chosen)
    from b2ct.one.client import Client

    return Client(where)


class StoppedError(B2ctError):
    """Ctrl-C where something stays that the user should know of."""

    exit_code = EXIT_INTERRUPTED


class States:
    """Tells states as they change, and again when nothing changes for long."""

    def __init__(self, tell: Callable[[str], object] = note) -> None:
        self._tell = tell
        self._told: dict[str, tuple[str, float]] = {}

    def __call__(self, what: str, state: str, seconds: float) -> None:
        """One look."""
        last, when = self._told.get(what, ("", 0.0))
        if state != last or seconds - when >= EVERY:
            self._tell(f"{what}: {state}, {seconds:.0f} s")
            self._told[what] = (state, seconds)
