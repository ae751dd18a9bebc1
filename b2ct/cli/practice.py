"""`b2ct practice`: what to practise with, offline: an installer ISO, repositories, a site."""

from __future__ import annotations

from pathlib import Path

import click

from b2ct.cli import options
from b2ct.cli.lazy import LazyGroup, Verbs
from b2ct.core.console import note

VERBS: Verbs = {
    "packages": (
        "practice_packages",
        "packages",
        "Make package repositories to rehearse image builds with.",
    ),
    "site": ("practice_site", "site", "Make a site of real nodes on this computer."),
    "oned": ("practice_oned", "oned", "Play an OpenNebula on this computer, without one."),
}


@click.group(
    cls=LazyGroup,
    verbs=VERBS,
    invoke_without_command=True,
    subcommand_metavar="[packages|site|oned ...]",
)
@click.option(
    "--layout",
    type=click.Choice(["el6", "el7", "el9", "el10"]),
    help="The release whose ISO layout is built.",
)
@click.option("-o", "--output", type=options.FILE, help="The ISO to write.")
@click.option(
    "--kernel",
    type=options.FILE,
    metavar="FILE",
    help="A vmlinuz; left out: the host's, else the distribution's package, downloaded.",
)
@click.option(
    "--modules",
    type=options.FILE,
    metavar="DIR",
    help="The modules of --kernel (its folder below /lib/modules).",
)
@click.option(
    "--serial/--no-serial",
    default=True,
    help="Boot entries with console=ttyS0, or without it as genuine media are (default: with).",
)
@click.pass_context
def practice(  # noqa: PLR0917 - click passes them by name
    ctx: click.Context,
    layout: str | None,
    output: Path | None,
    kernel: Path | None,
    modules: Path | None,
    serial: bool,
) -> None:
    """Build a small practice installer ISO from this host.

    It has the very structure of the release's ISO: volume ID, menus, boot loaders, partition
    tables, media check. Its kernel is this host's, its stage 2 is a placeholder, and its initrd
    installs nothing: it resolves the kickstart argument as the release does, reports on the serial
    console what it found, and switches off. Its boot loaders are unsigned: Secure Boot has to be
    off.

    \b
    Examples:
      b2ct practice --layout el9 -o el9.iso
      b2ct iso --source el9.iso --role hypervisor -o hv.iso && b2ct boot hv.iso --all
      b2ct practice packages -o practice
    """
    if ctx.invoked_subcommand is not None:
        if layout is not None or output is not None:
            raise click.UsageError(f"options stand behind '{ctx.invoked_subcommand}'", ctx)
        return
    if layout is None or output is None:
        wanted = "layout" if layout is None else "output"
        missing = next(one for one in ctx.command.params if one.name == wanted)
        raise click.MissingParameter(ctx=ctx, param=missing)
    from b2ct.rehearsal.installer import build

    build(layout, output, kernel=kernel, modules=modules, serial=serial)
    note("unsigned boot loaders: boots with Secure Boot off only")
    click.echo(f"{output}: practice installer, layout {layout}, {output.stat().st_size} bytes")
