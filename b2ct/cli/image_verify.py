"""`b2ct image verify` and `b2ct image sign`: what vouches for an image."""

from __future__ import annotations

from pathlib import Path

import click

from b2ct.cli import options
from b2ct.cli.show import show
from b2ct.core.console import byte_progress, note


@click.command()
@click.argument("image", type=options.FILE)
@click.option(
    "--allowed-signers",
    type=options.FILE,
    metavar="FILE",
    help="Whose signatures count (ssh-keygen's list), and one is required. Left out: "
    "~/.config/b2ct/allowed_signers where it exists.",
)
@click.option(
    "--pgp-keys",
    type=options.FILE,
    metavar="FILE",
    help="OpenPGP keys whose signatures (IMAGE.manifest.json.asc) count; one is required.",
)
@click.option("--require-signature", is_flag=True, help="Say no to an image without a signature.")
@options.as_json
def verify(
    *,
    image: Path,
    allowed_signers: Path | None,
    pgp_keys: Path | None,
    require_signature: bool,
    as_json: bool,
) -> None:
    """Check an image against its manifest, and its manifest's signature.

    Compares the sums of the image, the list of packages and the definition beside it, and says
    who signed them. Without a list of signers it says by which key.

    \b
    Examples:
      b2ct image verify debian-12-worker.qcow2
      b2ct image verify debian-12-worker.qcow2 --allowed-signers signers

    Exit codes: 0 all is good; 1 something is wrong, and named; 2 refused.
    """
    from b2ct.papers.verify import size, trusted
    from b2ct.papers.verify import verify as check

    trust = trusted(allowed_signers, pgp_keys, required=require_signature)
    with byte_progress(f"checking {image.name}", size(image)) as advance:
        verdict = check(image, trust, advance)
    show(verdict, as_json=as_json)
    verdict.enforce()


@click.command()
@click.argument("image", type=options.FILE)
@click.option(
    "--key",
    required=True,
    type=options.FILE,
    metavar="FILE",
    help="OpenSSH private key; or a public one whose private half ssh-agent holds.",
)
def sign(*, image: Path, key: Path) -> None:
    """Sign an image's manifest, after checking that the image is what it says.

    Writes IMAGE.manifest.json.sig (ssh-keygen -Y sign, namespace b2ct-image). A passphrase is asked
    for by ssh-keygen.

    \b
    Examples:
      b2ct image sign debian-12-worker.qcow2 --key ~/.ssh/id_ed25519

    Exit codes: 0 signed; 1 the image is not what its manifest says; 2 refused.
    """
    from b2ct.papers import signature
    from b2ct.papers.beside import Beside
    from b2ct.papers.verify import size
    from b2ct.papers.verify import verify as check

    with byte_progress(f"checking {image.name}", size(image)) as advance:
        verdict = check(image, advance=advance, signatures=False)
    verdict.enforce()
    click.echo(signature.sign(image, key))
    note(f"note: {Beside(image).manifest.name} names all the other files by their sums")
