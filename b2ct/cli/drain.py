"""`b2ct drain`: a hypervisor out of service, without losing what runs on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from b2ct.cli import offer, one, options
from b2ct.cli.show import show_json
from b2ct.core.console import note
from b2ct.core.errors import VerdictError

if TYPE_CHECKING:
    from b2ct.one.client import Client
    from b2ct.one.objects.host import Host
    from b2ct.one.objects.vm import Vm


@click.command()
@click.argument("host", shell_complete=offer.nodes)
@one.access
@click.option("--wait", is_flag=True, help="Until its VMs have ended.")
@click.option("--migrate", is_flag=True, help="Move its VMs to other hosts, and wait for that.")
@click.option(
    "--timeout",
    default=4 * 86400,
    type=click.IntRange(1),
    metavar="SECONDS",
    help="Of waiting (four days: workers end by their lifetime).",
)
@click.option("--undo", is_flag=True, help="Put it into service again.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@options.as_json
def drain(
    *,
    host: str,
    wait: bool,
    migrate: bool,
    timeout: int,
    undo: bool,
    dry_run: bool,
    as_json: bool,
    **access: Any,
) -> None:
    """Take a hypervisor out of service, by its name or ID.

    OpenNebula starts no more VMs there. Those that it has go on, and end by themselves; --wait
    waits for it. --migrate moves them, live, to hosts of the same cluster that have room. Says
    which VMs remain.

    \b
    Examples:
      b2ct drain hv01 --wait
      b2ct drain hv01 --migrate
      b2ct drain hv01 --undo

    Exit codes: 0 done; 1 VMs remain although they were waited for; 2 refused, nothing was changed.
    """
    if undo and (wait or migrate):
        raise click.UsageError("--undo goes with neither --wait nor --migrate")
    from b2ct.cloud.care import drain as draining

    client = one.connect(**access)
    hosts = client.hosts.all()
    found = draining.host_named(hosts, host)
    if undo:
        _undo(client, found, dry_run=dry_run)
        left: tuple[Vm, ...] = ()
    elif dry_run:
        left = _dry_run(client, found, hosts, migrate=migrate)
    else:
        left = _drain(client, found, hosts, migrate=migrate, timeout=timeout if wait else 0)
    if as_json:
        show_json(_for_programs(found, left, undo=undo))
    else:
        for vm in left:
            click.echo(f"VM {vm.id}  {vm.name}  {vm.status}  of {vm.owner}")
    if left and (wait or migrate) and not dry_run:
        raise VerdictError(
            f"{len(left)} VM(s) remain on {found.name}",
            hint="wait longer (--timeout), or end them: `onevm terminate ID`",
        )


def _undo(client: Client, host: Host, *, dry_run: bool) -> None:
    from b2ct.cloud.care import drain as draining

    if dry_run:
        note(f"{host.name} {'would be put' if host.disabled else 'is'} into service again")
    elif draining.enable(client, host):
        note(f"{host.name} takes VMs again")
    else:
        note(f"{host.name} was not out of service ({host.state.name})")


def _dry_run(
    client: Client, host: Host, hosts: tuple[Host, ...], *, migrate: bool
) -> tuple[Vm, ...]:
    from b2ct.cloud.care import drain as draining

    left = draining.on(client, host.id, extended=migrate)
    is_so = "takes no VMs already" if host.disabled else "would take no more VMs"
    note(f"{host.name} {is_so}; {len(left)} VM(s) are on it")
    if migrate:
        for one_ in draining.places(host, left, hosts):
            note(f"would move {one_}" if isinstance(one_, draining.Move) else str(one_))
    return left


def _drain(
    client: Client, host: Host, hosts: tuple[Host, ...], *, migrate: bool, timeout: int
) -> tuple[Vm, ...]:
    from b2ct.cloud.care import drain as draining

    changed = draining.disable(client, host)
    note(f"{host.name} takes {'no more VMs' if changed else 'no VMs already'}")
    if migrate:
        placed = draining.places(host, draining.on(client, host.id, extended=True), hosts)
        moves = [move for move in placed if isinstance(move, draining.Move)]
        stays = [stay for stay in placed if isinstance(stay, draining.Stay)]
        for move in moves:
            note(f"moves {move}")
        for stay in (*stays, *draining.migrate(client, moves)):
            note(str(stay))
        # Those that cannot move are not waited for, unless that was asked for, too.
        timeout = timeout or (MOVING if moves else 0)

    def progress(left: tuple[Vm, ...]) -> None:
        if timeout:
            note(f"{len(left)} VM(s) on {host.name}")

    return draining.wait_empty(client, host.id, deadline=timeout, progress=progress)


MOVING = 600
"""Seconds for VMs to move."""


def _for_programs(host: Host, left: tuple[Vm, ...], *, undo: bool) -> dict[str, Any]:
    from b2ct.cloud.care import drain as draining

    return {
        "host": host.name, "in_service": undo, "vms": [draining.as_json(vm) for vm in left],
    }  # fmt: skip
