"""`b2ct practice packages`: signed repositories of synthetic packages, to rehearse image builds."""

from __future__ import annotations

from pathlib import Path

import click

from b2ct.cli import offer, options
from b2ct.cli.show import show_json
from b2ct.core.console import note


@click.command()
@click.option(
    "-o",
    "--output",
    required=True,
    type=options.FILE,
    metavar="DIR",
    help="The folder to make.",
)
@click.option(
    "--apt", is_flag=True, help="Only the APT repository (with --rpm: both, the default)."
)
@click.option("--rpm", is_flag=True, help="Only the dnf repositories.")
@click.option(
    "--for",
    "wanted",
    multiple=True,
    metavar="NAME",
    help="The EL base also has the packages of this definition; repeatable. Default: el9-worker.",
    shell_complete=offer.images,
)
@options.as_json
def packages(output: Path, apt: bool, rpm: bool, wanted: tuple[str, ...], as_json: bool) -> None:
    """Make local package repositories to rehearse `b2ct image build` with, offline.

    An APT and a dnf repository with a CVMFS client that mounts nothing, and an EL base system made
    of this host's shell under the names of EL's packages. They are signed with a key that is made
    on the spot. Beside them are definitions that extend ours and use them. An image from the EL
    base cannot boot; it shows that definition, repositories, keys and scripts work.

    \b
    Examples:
      b2ct practice packages -o practice
      b2ct image build practice/practice-el9.yaml -o practice.qcow2
    """
    from b2ct.rehearsal.packages import build
    from b2ct.rehearsal.packages.names import packages_of

    both = apt == rpm
    made = build(
        output,
        apt=apt or both,
        rpm=rpm or both,
        names=packages_of(wanted or ("el9-worker",)) if rpm or both else (),
        note=note,
    )
    if as_json:
        paths = {"apt": made.apt, "rpm": made.rpm}
        report = {
            "folder": str(made.folder),
            "fingerprint": made.fingerprint,
            **{name: str(path) if path else None for name, path in paths.items()},
            "definitions": [str(path) for path in made.definitions],
        }
        show_json(report)
        return
    click.echo(f"{output}: practice packages, signed by {made.fingerprint}")
    for path in made.definitions:
        click.echo(f"b2ct image build {path} -o practice.qcow2")
