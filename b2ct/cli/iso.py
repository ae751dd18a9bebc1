"""`b2ct iso`: a netinstall or DVD image in, an installer that needs no one beside it out."""

from __future__ import annotations

import json
from pathlib import Path

import click

from b2ct.cli import options
from b2ct.site.catalogue import Role


@click.command()
@options.site
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice([role.value for role in Role]),
    help="Serve this role; repeatable.",
)
@click.option(
    "--node",
    "nodes",
    multiple=True,
    metavar="NAME",
    help="Give this node of site.yaml an entry of its own; repeatable.",
)
@click.option(
    "--source",
    metavar="ISO|URL",
    help="Installer image. Left out: the release's netinstall image from the catalogue.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The image to write.")
@click.option("--force", is_flag=True, help="Replace an existing output file.")
@click.option("--serial", metavar="ttyS0[,115200]", help="Also use this serial console.")
@click.option("--offline", is_flag=True, help="Never use the network.")
@click.option("--unverified", is_flag=True, help="Take an image that nothing vouches for.")
@click.option("--sha256", is_flag=True, help="Also print the image's SHA-256 (--json does).")
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def iso(
    *,
    site_file: Path | None,
    roles: tuple[str, ...],
    nodes: tuple[str, ...],
    source: str | None,
    output: Path | None,
    force: bool,
    serial: str | None,
    offline: bool,
    unverified: bool,
    sha256: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make an installer ISO that installs by itself.

    Puts the kickstarts of the roles and nodes into the image and adds a boot entry for each.
    Everything else stays: the original entries, the boot loaders with their Secure Boot
    signatures, a media check that passes. Without a site.yaml the machine asks at its console.

    \b
    Examples:
      b2ct iso --role hypervisor
      b2ct iso --role control --role hypervisor --source AlmaLinux-9-boot.iso -o site.iso
      b2ct iso --node hv01 --serial ttyS0,115200 --json

    Exit codes: 0 written; 2 refused, nothing was written.
    """
    from b2ct.media import obtain
    from b2ct.media.make import IsoRequest, make_iso

    chosen = options.load_site(site_file)
    request = IsoRequest(
        site=chosen.site,
        roles=tuple(Role(role) for role in roles),
        nodes=nodes,
        secrets=chosen.carried(),
        output=output,
        force=force,
        serial=serial,
        sha256=sha256 or as_json,
        dry_run=dry_run,
    )
    request.check()
    image = obtain.find(source, chosen.site, obtain.Wishes(offline, unverified))
    done = make_iso(request, image)
    click.echo(json.dumps(done.as_json(), indent=2) if as_json else done.as_text())
