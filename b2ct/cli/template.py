"""`b2ct template`: image and VM templates as files, for those who register by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from b2ct.cli import offer, options
from b2ct.cli.lazy import LazyGroup, Verbs
from b2ct.core import files
from b2ct.core.console import byte_progress, note
from b2ct.core.errors import B2ctError

if TYPE_CHECKING:
    from b2ct.cloud.register.content import Content
    from b2ct.cloud.vmtemplates import ImageAbout, WorkerAbout
    from b2ct.site.chosen import ChosenSite

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
def render(
    *,
    worker: str | None,
    site_file: Path | None,
    output: Path | None,
    image_file: Path | None,
    image_name: str | None,
    path: str | None,
    owner: str,
    force: bool,
    unverified: bool,
) -> None:
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
    from b2ct.cloud import vmtemplates
    from b2ct.cloud.register import images
    from b2ct.one import text

    chosen = options.needed_site(site_file, "what the VMs are like")
    about = about_worker(chosen, worker, name=None, family="", definition="", owner=owner)
    content = _content(image_file, unverified=unverified) if image_file else None
    name = images.check_base(image_name or (content.plain_name if content else about.worker.image))
    text.check_name(owner, what="the owner's name", user=True)
    about = _with_image(about, name)
    image = _image(name, path, content, chosen.site.site.name)
    made = {
        f"{name}.one": vmtemplates.image_text(image, by_hand=True),
        f"{about.worker_name}.txt": vmtemplates.vm_text(about, by_hand=True),
    }
    if output is None:
        click.echo("\n".join(made.values()), nl=False)
        return
    _write(output, made, force=force)


def about_worker(
    chosen: ChosenSite,
    wanted: str | None,
    *,
    name: str | None,
    family: str,
    definition: str,
    owner: str = OWNER,
) -> WorkerAbout:
    """What a VM template is made from. Without a name: the worker whose image is `definition`.

    Raises B2ctError where there is no such worker, or several to choose from.
    """
    from b2ct.cloud.vmtemplates import WorkerAbout
    from b2ct.context import own, worker

    described = chosen.site.described_workers
    made_from = [key for key, one in described.items() if one.image == definition]
    if wanted is None and len(described) > 1 and len(made_from) == 1:
        wanted = made_from[0]
    key, found = worker.choose(chosen.site, wanted)
    if definition and found.image != definition:
        note(
            f"note: the worker {key} of site.yaml is made from {found.image!r}, this image from "
            f"{definition!r}"
        )
    context = worker.for_worker(chosen.site, key, own=own.read(chosen.site, found, chosen.folder))
    for remark in context.notes:
        note(f"note: {remark}")
    return WorkerAbout(
        chosen.site, key, context, image=family, family=family, owner=owner, name=name or ""
    )


def _with_image(about: WorkerAbout, name: str) -> WorkerAbout:
    from dataclasses import replace

    return replace(about, image=name, family=name)


def _content(image: Path, *, unverified: bool) -> Content:
    from b2ct.cloud.register import content
    from b2ct.papers.verify import NOBODY

    with byte_progress(f"checking {image.name}", content.size(image)) as advance:
        return content.read(image, NOBODY, unverified=unverified, advance=advance)


def _image(name: str, path: str | None, content: Content | None, site: str) -> ImageAbout:
    from b2ct.cloud.register import content as contents
    from b2ct.cloud.register.delivery import FOLDER
    from b2ct.cloud.vmtemplates import ImageAbout

    where = path or f"{FOLDER}/{content.path.name if content else name + '.qcow2'}"
    if content is None:
        note(f"note: {name}.one has no checksum of the image: name the file with --image")
        return ImageAbout(name, where, site=site)
    return ImageAbout(
        name, where, content.sha256, contents.sha1(content), content.title, content.name,
        content.built, site,
    )  # fmt: skip


def _write(folder: Path, made: dict[str, str], *, force: bool) -> None:
    if not folder.is_dir():
        raise B2ctError(f"there is no folder {folder}", hint="make it first, or correct -o")
    if not force:
        for name in made:
            files.refuse_existing(folder / name)
    for name, content in made.items():
        files.write(folder / name, content)
        note(f"{folder / name} written")
