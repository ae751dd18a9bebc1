"""`b2ct instantiate`: VMs from a VM template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from b2ct.cli import offer, one, options
from b2ct.cli.show import show_json
from b2ct.core.console import note
from b2ct.core.errors import VerdictError

if TYPE_CHECKING:
    from b2ct.cloud.care.instantiate import Started, Wish
    from b2ct.one.client import Client


@click.command()
@click.argument("template", shell_complete=offer.workers)
@click.option("--count", default=1, metavar="N", help="How many VMs (default 1).")
@click.option("--name", default="", metavar="NAME", help="Of the VM; several are NAME-1, NAME-2.")
@one.access
@click.option("--wait", is_flag=True, help="Until all of them run.")
@click.option(
    "--timeout", default=600, type=click.IntRange(1), metavar="SECONDS", help="Of --wait (600)."
)
@options.as_json
def instantiate(
    *,
    template: str,
    count: int,
    name: str,
    wait: bool,
    timeout: int,
    as_json: bool,
    **access: Any,
) -> None:
    """Start VMs from a VM template, by its name or ID.

    With --wait it follows them until they run, and says why one does not: what the scheduler
    misses, or what failed on the hypervisor.

    \b
    Examples:
      b2ct instantiate b2ct-worker --wait
      b2ct instantiate b2ct-worker --count 10 --name test --wait --timeout 900

    Exit codes: 0 started (with --wait: all run); 1 some were not started or do not run; 2 refused,
    nothing was started.
    """
    from b2ct.cloud.care import instantiate as starting

    wish = starting.Wish(template, count, name, wait, timeout)
    starting.names(wish)
    client = one.connect(**access)
    made = _run(client, wish)
    if as_json:
        show_json([vm.as_json() for vm in made])
    else:
        for vm in made:
            click.echo(_line(vm))
    _enforce(made, count)


def _run(client: Client, wish: Wish) -> tuple[Started, ...]:
    from b2ct.cloud.care import instantiate as starting

    submitted: list[str] = []

    def tell(text: str) -> None:
        submitted.append(text)
        note(text)

    try:
        return starting.run(client, wish, tell, one.States())
    except KeyboardInterrupt:
        if not submitted:
            raise
        raise one.StoppedError(
            f"interrupted; {len(submitted)} of {wish.count} VMs are submitted, and go on",
            hint="`onevm list` shows them, `onevm terminate ID` ends one",
        ) from None


def _line(started: Started) -> str:
    if started.id < 0:
        return f"not started: {started.name}"
    vm = started.vm
    if vm is None:
        return f"{started.id}  {started.name}"
    more = f"  on {vm.host}" if vm.host else ""
    addresses = f"  {', '.join(vm.addresses)}" if vm.addresses else ""
    return f"{started.id}  {started.name}  {vm.status}{more}{addresses}"


def _enforce(made: tuple[Started, ...], count: int) -> None:
    wrong = [vm for vm in made if vm.error is not None]
    if not wrong:
        return
    first = wrong[0].error
    assert first is not None  # noqa: S101 - only those are in the list
    for vm in wrong[1:]:
        if vm.error is not None:
            note(f"b2ct: {vm.error.message}")
    good = len(made) - len(wrong)
    raise VerdictError(f"{good} of {count} VMs are as wanted: {first.message}", hint=first.hint)
