"""`b2ct kickstart`: the kickstart of a role or a node, on stdout or in a file."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from b2ct.cli import offer, options
from b2ct.cli.show import show_json
from b2ct.core import files
from b2ct.core.console import note
from b2ct.core.errors import B2ctError, VerdictError
from b2ct.site.catalogue import Role

if TYPE_CHECKING:
    from b2ct.site.chosen import ChosenSite


@click.command()
@options.site
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice([r.value for r in Role]),
    help="Serve this role; repeatable: then the machine finds out which is its own.",
)
@click.option(
    "--node", metavar="NAME", help="Serve this node of site.yaml only.", shell_complete=offer.nodes
)
@click.option(
    "--release",
    metavar="elN",
    help="Another release than site.yaml says.",
    shell_complete=offer.releases,
)
@click.option("-o", "--output", type=options.FILE, metavar="FILE", help="Write here.")
@click.option("--lint", "with_lint", is_flag=True, help="Check it with pykickstart and bash.")
@options.as_json
def kickstart(
    *,
    site_file: Path | None,
    roles: tuple[str, ...],
    node: str | None,
    release: str | None,
    output: Path | None,
    with_lint: bool,
    as_json: bool,
) -> None:
    """Render the kickstart of a role or a node.

    What site.yaml does not say is asked at the machine's console, before anything is erased.
    Packages come from the network; `b2ct iso` decides anew, by what is on the medium. What is
    printed has no secrets in it, and root's password is locked; what -o writes has them.

    \b
    Examples:
      b2ct kickstart --role hypervisor
      b2ct kickstart --node hv01 -o hv01.ks --lint
      b2ct kickstart --role control --role hypervisor --release el7

    Exit codes: 0 rendered; 1 --lint found something; 2 refused, nothing was written.
    """
    from b2ct.kickstart import lint, render

    chosen = options.load_site(site_file)
    wanted = [Role(role) for role in roles]
    _agree(chosen, wanted, node)
    made_with = partial(render.render, chosen.site, roles=wanted, node=node, release=release)
    carried = chosen.carried()
    made = made_with(secrets=carried.stand_ins)
    key = release or chosen.site.release.version
    findings = lint.lint(made.text, key) if with_lint else []
    if findings:
        for finding in findings:
            note(f"{made.name}: {finding}")
        raise VerdictError(f"--lint found {len(findings)} faults in {made.name}")
    if output is not None:
        # Last, after all that can be refused. It may carry the hash of root's password.
        with files.atomic(output, mode=0o600) as out:
            out.write(made_with(secrets=carried.look_up()).text.encode())
        note(f"{output} written: {made.title}, {key}")
    if carried:
        made = made_with(secrets={})
        if output is None:
            note("note: secrets are left out of what is printed: -o FILE writes them")
    if as_json:
        result = {"name": made.name, "title": made.title, "release": key, "text": made.text}
        show_json(result)
    elif output is None:
        click.echo(made.text, nl=False)


def _agree(chosen: ChosenSite, roles: list[Role], node: str | None) -> None:
    """Refuse a node together with a role that it does not have."""
    found = chosen.site.node(node) if node else None
    if found and roles and roles != [found.role]:
        raise B2ctError(
            f"the role of {found.name} is {found.role.value}",
            hint="leave --role out: a node has its role from site.yaml",
        )
