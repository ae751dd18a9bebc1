"""`b2ct image versions` and `b2ct image rollback`: the versions of an image in OpenNebula."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from b2ct.cli import offer, one, options
from b2ct.cli.show import show_json
from b2ct.core.console import note
from b2ct.core.errors import B2ctError

if TYPE_CHECKING:
    from b2ct.cloud.register.images import Family, Version
    from b2ct.one.client import Client


@click.command()
@click.argument("name", shell_complete=offer.images)
@one.access
@options.as_json
def versions(
    *,
    name: str,
    as_json: bool,
    **access: Any,
) -> None:
    """List the versions of an image in OpenNebula; a star marks the one that VMs start from.

    The first is NAME, the next are NAME.v2, NAME.v3 and so on.

    \b
    Examples:
      b2ct image versions debian-12-worker

    Exit codes: 0 listed; 2 refused, or there is no such image.
    """
    client = one.connect(**access)
    found = _family(client, name)
    if not found.versions and not found.fresh:
        raise B2ctError(
            f"you have no image {name!r} in OpenNebula",
            hint="`oneimage list` shows the names; `b2ct register-image` registers one",
        )
    if as_json:
        rows = [version.as_json() for version in (*found.versions, *found.fresh)]
        show_json(rows)
        return
    for version in (*found.versions, *found.fresh):
        click.echo(_line(version))


@click.command()
@click.argument("name", shell_complete=offer.images)
@click.option("--to", metavar="VERSION", help="Left out: the one before the current one.")
@one.access
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
def rollback(
    *,
    name: str,
    to: str | None,
    dry_run: bool,
    **access: Any,
) -> None:
    """Let new VMs start from another version of an image: change the VM templates of B2CT.

    Images and running VMs stay as they are; --to goes forward as well as back.

    \b
    Examples:
      b2ct image rollback debian-12-worker
      b2ct image rollback debian-12-worker --to v3

    Exit codes: 0 done, or it was so already; 2 refused, nothing was changed.
    """
    from b2ct.cloud.register import rollback as rollbacks

    client = one.connect(**access)
    made = rollbacks.plan(_family(client, name), to)
    new = made.to.image.name
    for move in made.left:
        note(
            f"note: VM template {move.template.id} ({move.template.name}) was made by hand and "
            f"still starts from {move.old.image.name}"
        )
    if not dry_run:
        rollbacks.apply(client, made)
    for move in made.moves:
        what = "would start" if dry_run else "starts"
        click.echo(
            f"VM template {move.template.id} ({move.template.name}) {what} from {new}, no longer "
            f"from {move.old.image.name}"
        )
    if not made.moves:
        click.echo(f"VMs start from {new} already: nothing to do")


def _family(client: Client, name: str) -> Family:
    from b2ct.cloud.register import images

    base, _ = images.split(name)
    me = client.me.id
    return images.family(base, client.images.all(me), client.owners.held(client.templates.all()))


def _line(version: Version) -> str:
    image = version.image
    when = datetime.fromtimestamp(image.registered, UTC).strftime("%Y-%m-%d %H:%M")
    who = ", ".join(template.name for template in version.templates)
    mark = "*" if version.current else " "
    content = version.sha256[:12] or "(by hand)"
    users = f"  VM template {who}" if who else ""
    return (
        f"{mark} {image.name}  id {image.id}  {image.state.name}  {content:<12}  registered {when} "
        f"UTC  {len(image.vms)} VMs{users}"
    )
