"""`b2ct context`: what the VMs of a site are told."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from b2ct.cli import offer, options
from b2ct.cli.lazy import LazyGroup, Verbs
from b2ct.cli.show import show_json
from b2ct.core import files
from b2ct.core.console import note
from b2ct.core.errors import B2ctError

if TYPE_CHECKING:
    from b2ct.context.model import VmContext

VERBS: Verbs = {
    "render": ("context", "render", "Show what the VMs of a worker, or the squid, are told."),
}
FORMATS = ("user-data", "opennebula", "files", "cdrom", "seed")
SQUID = "squid"


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
    made = _context(site_file, kind)
    for remark in made.notes:
        note(f"note: {remark}")
    if output is not None:
        _write(made, form, output, force=force)
        note(f"{output} written: {form} of {made.name}")
    if as_json:
        show_json(_for_programs(made))
    elif output is None:
        click.echo(_text(made, form), nl=False)


def _context(site_file: Path | None, kind: str) -> VmContext:
    from b2ct.context import own, squid, worker

    chosen = options.needed_site(site_file, "which squid VMs use")
    if kind == SQUID:
        return squid.for_squid(chosen.site)
    name, described = worker.choose(chosen.site, kind)
    texts = own.read(chosen.site, described, chosen.folder)
    return worker.for_worker(chosen.site, name, own=texts)


def _text(made: VmContext, form: str) -> str:
    from b2ct.context import attributes, userdata

    if form == "user-data":
        return userdata.user_data(made)
    if form == "opennebula":
        return attributes.template_text(made)
    return "\n".join(f"### {file.path} ({file.mode:04o})\n{file.text}" for file in made.files)


def _write(made: VmContext, form: str, output: Path, *, force: bool) -> None:
    from b2ct.context import attributes, cdrom, userdata

    if form == "files":
        _write_tree(made, output)
        return
    if not force:
        files.refuse_existing(output)
    if form == "cdrom":
        # As oned expands them for a first VM; a user without a key has an empty one.
        cdrom.write_context(attributes.expanded(made, {"NAME": made.name, "VMID": "0"}), output)
    elif form == "seed":
        cdrom.write_seed(made.name, userdata.user_data(made), output)
    else:
        files.write(output, _text(made, form))


def _write_tree(made: VmContext, folder: Path) -> None:
    """The files below a new folder, which is there only when all of them are."""
    if folder.exists():
        raise B2ctError(f"{folder} exists already", hint="name a new folder with -o")
    part = folder.parent / f".{folder.name[:50]}.{secrets.token_hex(8)}.part"
    try:
        for file in made.files:
            target = part / file.path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            files.write(target, file.text, mode=file.mode)
        part.rename(folder)
    except OSError as err:
        raise files.explain(err, f"make the folder {folder}") from err
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _for_programs(made: VmContext) -> dict[str, Any]:
    from b2ct.context import attributes, userdata

    return {
        "name": made.name,
        "site": made.site,
        "notes": list(made.notes),
        "files": [
            {"path": file.path, "mode": f"{file.mode:04o}", "text": file.text}
            for file in made.files
        ],
        "user_data": userdata.user_data(made),
        "context": attributes.opennebula(made),
    }
