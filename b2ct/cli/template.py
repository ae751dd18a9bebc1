"""`b2ct template`: image and VM templates as files, for those who register by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from b2ct.cli import offer, options
from b2ct.cli.lazy import LazyGroup, Verbs

VERBS: Verbs = {
    "render": ("template", "render", "Write templates for oneimage and onetemplate."),
}
OWNER = "oneadmin"


@click.group(cls=LazyGroup, verbs=VERBS)
def template() -> None:
    """Image and VM templates of OpenNebula, made from a worker of site.yaml.

    \b
    Example:
      b2ct template render -o .
    """


@click.command()
@click.argument("worker", required=False, shell_complete=offer.workers)
@options.site
@click.option(
    "-o",
    "--output",
    type=options.FILE,
    metavar="DIR",
    help="Write the two files into this folder. Left out: print them.",
)
@click.option(
    "--image",
    "image_file",
    type=options.FILE,
    metavar="FILE",
    help="The image itself, so that its checksums are in its template.",
)
@click.option("--image-name", metavar="NAME", help="Left out: that of the worker's definition.")
@click.option("--path", metavar="PATH|URL", help="Where the front-end finds the image.")
@click.option("--owner", default=OWNER, help=f"Who has the image (default {OWNER}).")
@click.option("--force", is_flag=True, help="Replace existing files.")
@click.option("--unverified", is_flag=True, help="Take an --image that has no manifest.")
def render(*, site_file: Path | None, output: Path | None, force: bool, **said: Any) -> None:
    """Write the templates of a worker for `oneimage create` and `onetemplate create`.

    IMAGE.one is the image's and WORKER.txt the VMs': the same that `b2ct register-image` sends.

    \b
    Examples:
      b2ct template render
      b2ct template render -o . --image debian-12-worker.qcow2
      oneimage create -d default debian-12-worker.one && onetemplate create b2ct-worker.txt

    Exit codes: 0 rendered; 1 the image is not what its manifest says; 2 refused, nothing was
    written.
    """
    from b2ct.cloud.render import Wishes, templates, write

    made = templates(options.needed_site(site_file, "what the VMs are like"), Wishes(**said))
    if output is None:
        click.echo("\n".join(made.values()), nl=False)
    else:
        write(output, made, force=force)
