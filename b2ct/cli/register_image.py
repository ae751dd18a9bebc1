"""`b2ct register-image`: an image file becomes something that VMs start from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from b2ct.cli import offer, one, options
from b2ct.cli.show import show
from b2ct.core.console import byte_progress, note

if TYPE_CHECKING:
    from b2ct.cloud.register.outcome import Outcome
    from b2ct.cloud.register.request import Request
    from b2ct.one.client import Client


@click.command("register-image")
@click.argument("image", type=options.FILE)
@click.option("--name", metavar="NAME", help="In OpenNebula. Left out: the definition's name.")
@click.option("--datastore", metavar="NAME|ID", help="Left out: the only one, or `default`.")
@one.access
@click.option(
    "--worker",
    metavar="NAME",
    help="The worker of site.yaml that starts from it.",
    shell_complete=offer.workers,
)
@click.option(
    "--template", metavar="NAME", help="Name of the VM template. Left out: that of the worker."
)
@click.option("--no-template", is_flag=True, help="Register the image alone.")
@click.option("--new-version", is_flag=True, help="Other content under this name: a new version.")
@click.option(
    "--replace", is_flag=True, help="Other content: take the place of an image nobody uses."
)
@click.option(
    "--thin", is_flag=True, help="The file must fit in the datastore, the whole disk need not."
)
@click.option(
    "--ssh",
    metavar="[USER@]HOST[:PORT]",
    help="Front-end, or its name in ~/.ssh/config. Left out: the endpoint's.",
)
@click.option("--identity", type=options.FILE, metavar="FILE", help="Private key for --ssh.")
@click.option("--known-hosts", type=options.FILE, metavar="FILE", help="Instead of the usual ones.")
@click.option("--ssh-config", type=options.FILE, metavar="FILE", help="Instead of ~/.ssh/config.")
@click.option("--jump", metavar="[USER@]HOST[:PORT]", help="Go there through this machine.")
@click.option("--folder", metavar="DIR", help="On the front-end. Left out: SAFE_DIRS' first.")
@click.option("--path", metavar="PATH", help="The file is on the front-end already, here.")
@click.option("--url", "source_url", metavar="URL", help="The front-end fetches the file itself.")
@click.option("--keep-upload", is_flag=True, help="Leave the copied file on the front-end.")
@click.option(
    "--allowed-signers", type=options.FILE, metavar="FILE", help="Whose signature it must have."
)
@click.option("--pgp-keys", type=options.FILE, metavar="FILE", help="Or these OpenPGP keys'.")
@click.option("--require-signature", is_flag=True, help="Refuse an image without a signature.")
@click.option("--unverified", is_flag=True, help="Take an image that has no manifest.")
@click.option("--wait/--no-wait", default=True, help="Until VMs can start from it (the default).")
@click.option(
    "--timeout", default=1800, type=click.IntRange(1), metavar="SECONDS", help="For that (1800)."
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@options.as_json
def register_image(
    *,
    site_file: Path | None,
    url: str | None,
    auth_file: Path | None,
    ca_file: Path | None,
    dry_run: bool,
    as_json: bool,
    **said: Any,
) -> None:
    """Register an image in OpenNebula, and the VM template that starts from it.

    The image is checked against its manifest and signature, copied to the front-end over SFTP
    (an interrupted copy goes on where it was cut), registered, and waited for. Running it again
    changes nothing: what is there with the same content is used. Other content under the same name
    is refused, unless --new-version or --replace says what is meant.

    The VM template comes from a worker of site.yaml; without one only the image is registered.

    \b
    Examples:
      b2ct register-image debian-12-worker.qcow2
      b2ct register-image debian-12-worker.qcow2 --dry-run
      b2ct register-image debian-12-worker.qcow2 --new-version
      b2ct register-image w.qcow2 --name w --url http://images.example.org/w.qcow2
      b2ct register-image debian-12-worker.qcow2 --ssh front-end --jump gate.example.org

    Exit codes: 0 it is registered, or was already; 1 the image is not what its manifest says, or
    the server could not take it; 2 refused: what was done before, if anything, the next run uses.
    """
    from b2ct.cloud.register.asked import Asked

    asked = Asked(**said)
    asked.check()
    chosen = options.site_if_any(site_file)
    request = asked.request(chosen)
    if chosen and request.worker and not dry_run:
        chosen.allow_files()
    client = one.client_of(chosen, url=url, auth_file=auth_file, ca_file=ca_file)
    if dry_run:
        _plan(client, request, as_json=as_json)
        return
    done = _carried_out(client, request)
    show(done, as_json=as_json)
    if done.uploaded:
        note(f"note: {done.uploaded} stays on the front-end")


def _plan(client: Client, request: Request, *, as_json: bool) -> None:
    from b2ct.cloud.register.decide import plan
    from b2ct.cloud.register.survey import survey

    made = plan(request, survey(client), client.endpoint)
    for remark in made.notes:
        note(f"note: {remark}")
    show(made, as_json=as_json)


def _carried_out(client: Client, request: Request) -> Outcome:
    from b2ct.cloud.register.carry_out import run
    from b2ct.cloud.register.progress import Listener

    try:
        return run(client, request, Listener(note, byte_progress, one.States()))
    except KeyboardInterrupt:
        raise one.StoppedError(
            "interrupted; what was done until then stays",
            hint="run the same command again: it goes on where this one was stopped",
        ) from None
