"""`b2ct init`, `check`, `schema`: a site.yaml to start from, all that is wrong in it, its keys."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from b2ct.cli import offer, options, trust
from b2ct.cli.show import show_json
from b2ct.core import files, proxy
from b2ct.core.errors import InvalidFileError, VerdictError

if TYPE_CHECKING:
    from b2ct.site.model import Site


@click.command()
@click.argument("file", type=options.FILE, default=options.DEFAULT_FILE)
@options.as_json
@click.option(
    "--packages", is_flag=True, help="Also look every package up in the repositories (network)."
)
@options.through
@trust.site_option
def check(file: Path, as_json: bool, packages: bool) -> None:
    """Say all that is wrong with FILE (site.yaml), or what it comes to.

    Every problem is one line: file:line:column, the value, what was expected, and a hint. A valid
    file is summed up, with what each machine will ask at its console. Nothing is written.

    \b
    Examples:
      b2ct check
      b2ct check --json sites/desy.yaml
      b2ct check --packages
      b2ct check --packages --proxy none      not through the proxy that site.yaml names

    Exit codes: 0 valid; 1 a package is in no repository; 2 problems.
    """
    from b2ct.site import advice, load, summary
    from b2ct.site.chosen import ChosenSite
    from b2ct.site.trust import Origin

    try:
        site, text = load.load_read(file)
    except InvalidFileError as err:
        if as_json:
            show_json({"file": str(file), "valid": False, "problems": _problems(err)})
        raise
    told = summary.of(site)
    warnings = advice.every(site, file.absolute().parent)
    unknown: list[str] = []
    if packages:
        origin = Origin(file, text)
        options.go_out(ChosenSite(site, file.absolute().parent, origin, trust.consent()))
        unknown, unread = _look_up_packages(site)
        warnings += unread
    if as_json:
        result = {"file": str(file), "valid": True, "problems": [], "warnings": warnings}
        result |= {"unknown_packages": unknown} if packages else {}
        show_json({**result, "site": asdict(told)})
    else:
        click.echo("\n".join([f"{file} is valid.", "", *summary.lines(told)]))
        for warning in warnings:
            click.echo(f"warning: {warning}")
    if unknown:
        raise VerdictError(
            "; ".join(unknown), hint="correct `packages`, or name the repository that has them"
        )


def _look_up_packages(site: Site) -> tuple[list[str], list[str]]:
    """What no repository has, and what could not be read, in lines."""
    from b2ct.site.catalogue import Role
    from b2ct.supply import packages

    roles = {node.role for node in site.nodes} or set(Role)
    names = {name: None for role in sorted(roles) for name in packages.wanted(site, role)}
    repositories = packages.repositories(site)
    proxy.make_ready(repositories)
    verdict = packages.check(list(names), repositories)
    unread = [f"{url} could not be read: {why}" for url, why in verdict.unread]
    return [str(one) for one in verdict.unknown], unread


def _problems(err: InvalidFileError) -> list[dict[str, str | int]]:
    return [{**asdict(problem), "file": str(problem.file)} for problem in err.problems]


@click.command()
@click.option("-o", "--output", type=options.FILE, metavar="FILE", help="Write here.")
def schema(output: Path | None) -> None:
    """Print the JSON Schema of site.yaml (draft 2020-12), with which editors check the file.

    A starter's first line names it: once it lies beside the site.yaml under the name
    site.schema.json, editors with a YAML language server complete keys and mark mistakes.

    \b
    Example:
      b2ct schema -o site.schema.json
    """
    from b2ct.site import schema as site_schema

    if output is None:
        click.echo(site_schema.text(), nl=False)
        return
    files.write(output, site_schema.text())
    click.echo(f"{output} written", err=True)


@click.command()
@click.option(
    "-o",
    "--output",
    type=options.FILE,
    default=options.DEFAULT_FILE,
    metavar="FILE",
    help="Write here (default site.yaml).",
)
@click.option("--yes", is_flag=True, help="Ask nothing, take the defaults.")
@click.option(
    "--release",
    metavar="elN",
    help="The Enterprise Linux to install (default el9).",
    shell_complete=offer.releases,
)
@click.option("--schema", "with_schema", is_flag=True, help="Write site.schema.json beside it.")
@click.option("--force", is_flag=True, help="Overwrite files that exist.")
def init(output: Path, yes: bool, release: str | None, with_schema: bool, force: bool) -> None:
    """Write a commented site.yaml to start from.

    Asks a few questions on a terminal; an empty answer leaves the key out, and the machine asks
    for it at its console. The file passes `b2ct check`.

    \b
    Examples:
      b2ct init
      b2ct init --yes --release el7 -o sites/desy.yaml

    Exit codes: 0 written; 2 refused, nothing was written.
    """
    from b2ct.cli import interview
    from b2ct.site import schema as site_schema
    from b2ct.site import starter

    beside = output.absolute().parent / site_schema.FILE_NAME
    interview.guard([output, *([beside] if with_schema else [])], force=force)
    answers = interview.defaults(release) if yes else interview.ask(release)
    if with_schema:
        files.write(beside, site_schema.text())
    files.write(output, starter.render(answers))
    login = "" if answers.ssh_key else "; add an SSH key to it, else nobody can log in"
    click.echo(f"{output} written{login}. Next: b2ct check {output}", err=True)
