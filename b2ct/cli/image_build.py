"""`b2ct image build`: a definition in, a bootable QCOW2 with its papers out."""

from __future__ import annotations

from pathlib import Path

import click

from b2ct.cli import offer, options
from b2ct.cli.show import show, show_json
from b2ct.core.errors import B2ctError


@click.command()
@click.argument("name", metavar="NAME|FILE", shell_complete=offer.images)
@click.option(
    "-o",
    "--output",
    type=options.FILE,
    help="The image to write. Left out: NAME.qcow2 in this folder.",
)
@click.option(
    "--definitions",
    "folders",
    multiple=True,
    type=options.FILE,
    metavar="DIR",
    help="Look for definitions here first; repeatable.",
)
@click.option(
    "--scratch",
    type=options.FILE,
    metavar="DIR",
    help="Work in this folder. Left out: in memory, where there is enough of it.",
)
@click.option(
    "--engine",
    type=click.Choice(["default", "packer"]),
    default="default",
    help="`packer` installs into a VM that Packer starts, from --base.",
)
@click.option(
    "--base",
    metavar="FILE|URL",
    help="What Packer starts from: a cloud image, or an installer ISO (Enterprise Linux).",
    shell_complete=offer.files,
)
@click.option(
    "--sign-key",
    type=options.FILE,
    metavar="FILE",
    help="Sign the manifest with this SSH key (or .pub of a key of the agent).",
)
@click.option("--offline", is_flag=True, help="Never use the network: work from cached layers.")
@options.site
@options.through
@click.option("--force", is_flag=True, help="Replace existing output files.")
@click.option(
    "--verify-reproducible", is_flag=True, help="Build twice, once without cache, and compare."
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@options.as_json
def build(
    *,
    name: str,
    output: Path | None,
    folders: tuple[Path, ...],
    scratch: Path | None,
    engine: str,
    base: str | None,
    sign_key: Path | None,
    offline: bool,
    site_file: Path | None,
    force: bool,
    verify_reproducible: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Build a QCOW2 image from a definition, with manifest, SBOM and checksum beside it.

    It needs no VM and no loop device, and no root where the host allows user namespaces. Layers
    (base, packages, configuration) are kept in the cache, so that a change of the configuration
    takes seconds. The same definition, mirrors and SOURCE_DATE_EPOCH (left out: the date of the
    mirrors' newest index) give the same image, bit for bit.

    \b
    Examples:
      b2ct image build debian-12-worker
      b2ct image build ./our-worker.yaml -o worker.qcow2 --sign-key ~/.ssh/id_ed25519
      b2ct image build debian-12-worker --dry-run          what it would do, and what is cached
      b2ct image build debian-12-worker --offline          without any network, from the cache
      b2ct image build el9-worker --proxy http://proxy.example.org:3128

    Exit codes: 0 written; 1 two builds differ (--verify-reproducible); 2 refused or failed, nothing
    was written; 130 interrupted.
    """
    from b2ct.image import definitions, engines

    if not offline:
        options.go_out_of(site_file)
    loaded = definitions.load(name, folders=folders)
    wishes = engines.Wishes(
        output=output or Path(f"{loaded.name}.qcow2"),
        scratch=scratch,
        base=base,
        sign_key=sign_key,
        offline=offline,
        force=force,
        verify_reproducible=verify_reproducible,
    )
    if engine == "default" and base is not None:
        raise B2ctError("--base is for the Packer engine", hint="add --engine packer")
    if dry_run:
        plan = engines.plan(engine, loaded, wishes)
        if as_json:
            show_json(plan.as_json())
        else:
            click.echo("\n".join(plan.steps()))
        return
    done = engines.build(engine, loaded, wishes)
    show(done, as_json=as_json)
