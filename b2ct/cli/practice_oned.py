"""`b2ct practice oned`: an OpenNebula to practise on, without one."""

from __future__ import annotations

import shlex
import threading

import click

from b2ct.cli import options
from b2ct.cli.show import show_json
from b2ct.core.console import note


@click.command()
@click.option(
    "--release",
    type=click.Choice(["5.12", "6.10", "7.0", "7.2", "7.4"]),
    default="6.10",
    help="The OpenNebula that it plays (6.10).",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=2633, help="Of 127.0.0.1 (2633); 0: any."
)
@click.option(
    "--hosts", type=click.IntRange(0, 500), default=0, help="Hypervisors that it has already (0)."
)
@options.as_json
def oned(*, release: str, port: int, hosts: int, as_json: bool) -> None:
    """Play an OpenNebula on this computer, until Ctrl-C: a double of oned that runs no VM.

    It answers as recorded servers did. `b2ct plan`, `apply`, `status`, `register-image`,
    `instantiate` and `reap` can be tried on it before there is a cloud; so can oned's own tools and
    DIRAC. It listens on 127.0.0.1 alone, keeps all in memory, and its VMs only pretend to run. What
    takes a server ten seconds takes it one.

    \b
    Example, the first line in one terminal, the others in a second one:
      b2ct practice oned > practice-oned.env
      . ./practice-oned.env
      b2ct plan
      b2ct apply --yes

    Exit codes: 0 it was ended by Ctrl-C; 2 the port is taken.
    """
    from b2ct.rehearsal.front_end import front_end

    with front_end(release=release, port=port, hosts=hosts) as made:
        if as_json:
            show_json({"endpoint": made.url, "auth": str(made.auth), "release": release})
        else:
            click.echo(f"export ONE_XMLRPC={shlex.quote(made.url)}")
            click.echo(f"export ONE_AUTH={shlex.quote(str(made.auth))}")
        note(f"OpenNebula {release} is played at {made.url}; Ctrl-C ends it, and all that it holds")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            note("ended")
