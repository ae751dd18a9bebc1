"""`b2ct self`: B2CT itself, where it runs for the site."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from b2ct.cli import offer, options
from b2ct.cli.lazy import LazyGroup, Verbs
from b2ct.cli.show import show_json

VERBS: Verbs = {"deploy": ("self", "deploy", "Bring this B2CT to the control node, over ssh.")}


@click.group("self", cls=LazyGroup, verbs=VERBS)
def itself() -> None:
    """B2CT itself, where it runs for the site.

    The control node's reaper and gateway are B2CT. Every medium carries it, so that they run from
    the first boot; this brings a newer one.

    \b
    Examples:
      b2ct self deploy
      b2ct self deploy --node one --dry-run
    """


@click.command()
@options.site
@click.option(
    "--node",
    "name",
    metavar="NAME",
    help="The control node, where there are several.",
    shell_complete=offer.nodes,
)
@options.of_ssh
@click.option("--offline", is_flag=True, help="Never use the network, but for the node.")
@options.through
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@options.as_json
def deploy(
    *,
    site_file: Path | None,
    name: str | None,
    offline: bool,
    dry_run: bool,
    as_json: bool,
    **said: Any,
) -> None:
    """Bring this B2CT to the control node, as its medium would.

    It goes into a folder of its own; /opt/b2ct points to it only when it is whole, and the gateway
    is started anew. The one before stays beside it. Nothing is done where it is there already.

    \b
    Examples:
      b2ct self deploy
      b2ct self deploy --node one --user admin --jump gate.example.org
      b2ct self deploy --dry-run

    Exit codes: 0 it is there; 1 the node did not install it; 2 refused, nothing was changed.
    """
    from b2ct.ssh.node import SshNode
    from b2ct.upgrade import program
    from b2ct.validate.access import Access, opener

    site = options.needed_site(site_file, "which machine is the control node").site
    control = program.control_node(site, name)
    with opener(site, Access(**said)) as opens:
        node = opens(control)
        assert isinstance(node, SshNode)  # noqa: S101 - Access.local is not set
        there = program.look(node)
        packed = program.pack(there, offline=offline)
        done = there.identity == packed.identity
        if not done and not dry_run:
            with_what = program.deploy(node, site, there, packed)
        else:
            with_what = "it is there already" if done else f"would install {packed.summary}"
    account = {
        "node": control.name,
        "before": {"version": there.version, "identity": there.identity} if there.version else None,
        "now": {"version": packed.version, "identity": packed.identity},
        "changed": not done and not dry_run,
    }
    if as_json:
        show_json(account)
    else:
        click.echo(f"{control.name}: {with_what}")
