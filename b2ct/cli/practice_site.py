"""`b2ct practice site`: a site of real nodes on this machine, to practise validation on."""

from __future__ import annotations

import re

import click

from b2ct.cli import options
from b2ct.cli.show import show_json
from b2ct.core.console import note


def _valid(_ctx: click.Context, _param: click.Parameter, name: str) -> str:
    """It becomes a folder, a control group and the site's name."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,29}", name):
        raise click.BadParameter("1 to 30 small letters, digits and hyphens")
    return name


@click.command()
@click.option(
    "--name",
    default="practice",
    show_default=True,
    metavar="NAME",
    callback=_valid,
    help="Of the site: several can stand side by side.",
)
@click.option(
    "--hypervisors",
    type=click.IntRange(1, 20),
    default=2,
    show_default=True,
    help="How many, besides the control node.",
)
@click.option(
    "--dirac",
    is_flag=True,
    help="With a user for DIRAC; gateway and reaper run on the control node.",
)
@click.option(
    "--start", metavar="NODE", help="Start a node of the site that was switched off, or died."
)
@click.option("--status", is_flag=True, help="Print which nodes run, a line for each.")
@click.option("--down", is_flag=True, help="Remove the site and all that belongs to it.")
@options.as_json
def site(  # noqa: PLR0917 - click passes them by name
    name: str,
    hypervisors: int,
    dirac: bool,
    start: str | None,
    status: bool,
    down: bool,
    as_json: bool,
) -> None:
    """Make a site of real nodes on this computer, and print the site.yaml that describes it.

    Each node is a Debian system of its own in namespaces, in the clothes of Enterprise Linux 9, and
    what dresses it are the scripts of its own kickstart: systemd, sshd, firewalld, chronyd, squid,
    MariaDB and libvirtd run; a bridge joins them. What is not real: SELinux and rpm are stand-ins,
    the kernel is this computer's, and what answers as OpenNebula on the control node is a
    double of it. No VM can run.

    It needs root, Linux, and some 700 MB in the cache. The nodes keep all they write in memory. The
    site stays until --down, the end of its processes, or a restart of the computer. A node may be
    switched off, restart or die: the others go on, and --start brings it back with what it had
    written.

    \b
    Examples:
      b2ct practice site > practice.yaml
      b2ct validate --site practice.yaml \\
          --identity /run/b2ct/practice/practice/admin --no-vms
      b2ct practice site --start hv1
      b2ct practice site --name grid --dirac --json
      b2ct practice site --down
    """
    from b2ct.rehearsal.site import lifecycle as practice

    if down:
        if not practice.down(name):
            note(f"there was no practice site {name}")
        return
    if status:
        _print_status(name)
        return
    if start is not None:
        practice.start(name, start, note)
        note(f"{start} runs")
        return
    made = practice.up(name, hypervisors=hypervisors, dirac=dirac, note=note)
    if as_json:
        nodes = {node.name: node.address for node in made.nodes}
        paths = {
            "site": made.site_yaml,
            "key": made.key,
            "known_hosts": made.known_hosts,
            **({"dirac_password": made.password, "gateway_ca": made.certificate} if dirac else {}),
        }
        answer = {what: str(path) for what, path in paths.items()}
        show_json({**answer, "nodes": nodes, "oned_double": True})
        return
    click.echo(made.site_yaml.read_text(), nl=False)
    note(f"its site.yaml: {made.site_yaml}; the key of its administrator: {made.key}")
    note("on the control node a double answers as OpenNebula, not OpenNebula itself")
    if dirac:
        from b2ct.site.gateway import PORT

        note(
            f"DIRAC's way in: https://{made.nodes[0].address}:{PORT}/RPC2, as `dirac`; its "
            f"password: {made.password}; the gateway's certificate: {made.certificate}"
        )
    note(f"remove it with: b2ct practice site{_named(name)} --down")


def _print_status(name: str) -> None:
    """NODE, and how it is. Exit code 1 where one does not run."""
    from b2ct.core.errors import B2ctError
    from b2ct.rehearsal.site import state

    if state.leader(name) is None:
        raise B2ctError(f"the practice site {name} does not run", hint="b2ct practice site")
    states = {node: state.ended(name, node) for node in state.nodes(name)}
    for node, how in states.items():
        click.echo(f"{node:8} {how or 'runs'}")
    if any(states.values()):
        raise SystemExit(1)


def _named(name: str) -> str:
    return "" if name == "practice" else f" --name {name}"
