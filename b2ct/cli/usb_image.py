"""`b2ct usb image`: an installer ISO in, the image of a key out that boots everywhere."""

from __future__ import annotations

from pathlib import Path

import click

from b2ct.cli import offer, options
from b2ct.cli.show import show
from b2ct.core.errors import B2ctError
from b2ct.site.catalogue import Role


def _size(text: str | None) -> int | None:
    """Bytes of `1900M` or `4 GiB`. Raises B2ctError for anything else."""
    if text is None:
        return None
    from pydantic import TypeAdapter, ValidationError

    from b2ct.document.types import Size

    try:
        return TypeAdapter(Size).validate_python(text) // 2**20 * 2**20
    except ValidationError:
        raise B2ctError(
            f"'{text}' is not a size for a key",
            hint="a number with its unit, such as 4GiB, or 1900M, which fits a stick of 2 GB",
        ) from None


@click.command()
@click.argument("iso", required=False, metavar="[ISO|URL]", shell_complete=offer.files)
@options.site
@options.roles
@options.nodes
@options.output
@click.option("--label", help="The key's label. Left out: the site's name in capitals.")
@click.option(
    "--size", metavar="SIZE", help="Of the whole key, such as 1900M. Left out: what it needs."
)
@options.of_an_image
def image(
    *,
    iso: str | None,
    site_file: Path | None,
    roles: tuple[str, ...],
    nodes: tuple[str, ...],
    output: Path | None,
    label: str | None,
    size: str | None,
    force: bool,
    serial: str | None,
    offline: bool,
    without_program: bool,
    unverified: bool,
    sha256: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make the image of a USB key: one FAT32 partition that boots under BIOS and UEFI.

    ISO is the installer; left out, the release's netinstall image of the catalogue. The
    kickstarts are ordinary files on the key, which any laptop can edit. Without --role and --node
    the key serves the whole site: every role and every node of site.yaml.
    An ISO that `b2ct iso` made needs neither: its kickstarts are taken over.

    \b
    Examples:
      b2ct usb image                                        the whole site
      b2ct usb image AlmaLinux-9-boot.iso --role hypervisor -o key.img
      b2ct usb image AlmaLinux-9-dvd.iso --size 15G --json

    Exit codes: 0 written; 2 refused, nothing was written.
    """
    from b2ct.media.key.build import make_key
    from b2ct.media.key.request import KeyRequest
    from b2ct.supply import obtain

    chosen = options.load_site(site_file)
    request = KeyRequest(
        site=chosen.site,
        roles=tuple(Role(role) for role in roles),
        nodes=nodes,
        secrets=chosen.carried(),
        output=output,
        wanted_label=label,
        size=_size(size),
        force=force,
        serial=serial,
        sha256=sha256 or as_json,
        dry_run=dry_run,
        program=not without_program,
        offline=offline,
    )
    request.check(has_iso=iso is not None)
    source = obtain.find(iso, chosen.site, obtain.Wishes(offline, unverified))
    done = make_key(request, source)
    options.warn(chosen)
    show(done, as_json=as_json)
