"""`b2ct context`: what the VMs of a site are told."""

from __future__ import annotations

from pathlib import Path

import click

from b2ct.cli import offer, options
from b2ct.cli.lazy import LazyGroup, Verbs
from b2ct.cli.show import show_json
from b2ct.core.console import note
from b2ct.core.errors import B2ctError

VERBS: Verbs = {
    "render": ("context", "render", "Show what the VMs of a worker, or the squid, are told."),
}
FORMATS = ("user-data", "opennebula", "files", "cdrom", "seed")


@click.group(cls=LazyGroup, verbs=VERBS)
def context() -> None:
    """What VMs are told when they start: CVMFS, squid, keys, idle rule.

    \b
    Example:
      b2ct context render --for worker
    """


@click.command()
@options.site
@click.option(
    "--for",
    "kind",
    default="worker",
    metavar="worker|squid|NAME",
    help="A worker of site.yaml by name, its only `worker` (the default), or the `squid`.",
    shell_complete=offer.machines,
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="user-data",
    help="In which form (default user-data).",
)
@click.option(
    "-o",
    "--output",
    type=options.FILE,
    metavar="OUT",
    help="Write here: a file; for `files` a new folder.",
)
@click.option("--force", is_flag=True, help="Replace an existing output file.")
@options.as_json
def render(
    *,
    site_file: Path | None,
    kind: str,
    form: str,
    output: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Render what the VMs of a worker are told, or the VM that runs squid.

    \b
    user-data   cloud-init user data, for any cloud
    opennebula  the CONTEXT section of a VM template
    files       the files that the VM writes, as they will be there
    cdrom       the CONTEXT CD that OpenNebula makes of it, to try an image with
    seed        a NoCloud seed (label cidata), to try an image without OpenNebula

    The forms for CDs need -o. The same site gives the same bytes (SOURCE_DATE_EPOCH is the time
    in an image, else 1970). Nothing secret is ever in a context: whoever can list VMs can read it.

    \b
    Examples:
      b2ct context render
      b2ct context render --for squid --format files
      b2ct context render --for b2ct-worker --format cdrom -o context.iso

    Exit codes: 0 rendered; 2 refused, nothing was written.
    """
    if output is None and form in ("cdrom", "seed") and not as_json:
        raise B2ctError(f"a {form} is an image", hint="name a file for it with -o")
    from b2ct.context import forms

    made = forms.context_of(options.needed_site(site_file, "which squid VMs use"), kind)
    for remark in made.notes:
        note(f"note: {remark}")
    if output is not None:
        forms.write(made, form, output, force=force)
        note(f"{output} written: {form} of {made.name}")
    if as_json:
        show_json(forms.as_json(made))
    elif output is None:
        click.echo(forms.text(made, form), nl=False)
