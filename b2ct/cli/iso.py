"""`b2ct iso`: a netinstall or DVD image in, an installer that needs no one beside it out."""

from __future__ import annotations

from pathlib import Path

import click

from b2ct.cli import offer, options
from b2ct.cli.show import show
from b2ct.site.catalogue import Role


@click.command()
@options.site
@options.roles
@options.nodes
@click.option(
    "--source",
    metavar="ISO|URL",
    help="Installer image. Left out: the release's netinstall image from the catalogue.",
    shell_complete=offer.files,
)
@options.output
@options.of_an_image
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
    without_program: bool,
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
    from b2ct.media.make import IsoRequest, make_iso
    from b2ct.supply import obtain

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
        program=not without_program,
        offline=offline,
    )
    request.check()
    image = obtain.find(source, chosen.site, obtain.Wishes(offline, unverified))
    done = make_iso(request, image)
    options.warn(chosen)
    show(done, as_json=as_json)
