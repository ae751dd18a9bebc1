"""`b2ct plan` and `b2ct apply`: the site against the cloud, and the cloud as the site says."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from b2ct.cli import one, options
from b2ct.cli.show import show_json
from b2ct.core.console import note
from b2ct.core.errors import EXIT_VERDICT, B2ctError, VerdictError

if TYPE_CHECKING:
    from b2ct.cloud.desired import Desired
    from b2ct.cloud.steps import Plan, Step
    from b2ct.cloud.view import Options
    from b2ct.one.client import Client
    from b2ct.site.chosen import ChosenSite

EXIT_CHANGES = 2
"""Of `b2ct plan`: there is something to do. As `terraform plan -detailed-exitcode`."""

_prune = click.option(
    "--prune", is_flag=True, help="Also delete what B2CT made and site.yaml has no more."
)
_adopt = click.option(
    "--adopt",
    is_flag=True,
    help="Also change what was made by hand and has a name of site.yaml. It is never deleted.",
)


class _PlanCommand(click.Command):
    """A wrong option exits with 1, too: 2 means changes."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        try:
            return super().make_context(*args, **kwargs)
        except click.UsageError as err:
            err.show()
            raise click.exceptions.Exit(EXIT_VERDICT) from err


@dataclass(frozen=True)
class _Planned:
    """A plan, and what is needed to carry it out."""

    chosen: ChosenSite
    client: Client
    desired: Desired
    plan: Plan


@click.command(cls=_PlanCommand)
@one.access
@_prune
@_adopt
@options.as_json
def plan(*, prune: bool, adopt: bool, as_json: bool, **access: Any) -> None:
    """Say what `b2ct apply` would do to the cloud. Nothing is changed.

    Compares hosts, cluster, virtual networks, datastores, volumes, groups, security groups, the
    DIRAC user with its quota and rules, and the workers' images and VM templates of site.yaml with
    those that are there. What was made by hand is left alone, and told.

    \b
    + is created   ~ is changed   - is deleted   ! is left as it is, and why
    * is an image that `b2ct register-image` has to register

    \b
    Examples:
      b2ct plan
      b2ct plan --prune --json

    Exit codes, as those of `terraform plan -detailed-exitcode` and unlike other verbs' (also for
    scripts): 0 there is nothing to do; 2 there are changes; 1 it could not be found out.
    """
    from b2ct.cloud.view import Options

    try:
        planned = _plan(access, Options(prune=prune, adopt=adopt))
    except B2ctError as err:
        err.exit_code = EXIT_VERDICT
        raise
    _show(planned, as_json=as_json)
    if planned.plan.pending:
        sys.exit(EXIT_CHANGES)


@click.command()
@one.access
@_prune
@_adopt
@click.option(
    "--set-password",
    is_flag=True,
    help="Also set the DIRAC user's password again: OpenNebula does not tell whether it differs.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@options.as_json
def apply(
    *,
    prune: bool,
    adopt: bool,
    set_password: bool,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    **access: Any,
) -> None:
    """Make the cloud what site.yaml says. Twice is once.

    Shows the plan (see `b2ct plan`), asks, and carries it out in the order in which things depend
    on each other. If it ends half-way, the next run does the rest. What was made by hand is left
    alone; deleted is only what B2CT made, with --prune, and never what is in use. Images are
    registered by `b2ct register-image`.

    \b
    Examples:
      b2ct apply
      b2ct apply --yes --prune

    Exit codes: 0 done, or there was nothing to do; 1 a step failed or something in use could not
    be deleted (run it again); 2 refused, nothing was changed.
    """
    from b2ct.cloud import apply as carrying
    from b2ct.cloud.kinds.kind import Need
    from b2ct.cloud.view import Options
    from b2ct.one import bound

    planned = _plan(access, Options(prune=prune, adopt=adopt, password=set_password))
    pending = planned.plan.pending
    if not pending or dry_run:
        _show(planned, as_json=as_json)
        return
    if not as_json:
        _show(planned, as_json=False)
    needs, leaving = carrying.needs(planned.plan), bound.leaves(planned.client.endpoint)
    if Need.PASSWORD in needs:
        planned.chosen.allow("dirac_password", leaving=leaving)
    if Need.FILES in needs:
        planned.chosen.allow_files()
    _confirm(len(pending), yes=yes)
    # Before anything is done: a reference that leads nowhere is told first.
    password = ""
    if Need.PASSWORD in needs:
        password = planned.chosen.needed_secret("dirac_password", leaving=leaving)

    def told(step: Step) -> None:
        (note if as_json else click.echo)(f"done: {step}")

    done = carrying.apply(
        planned.client, planned.desired, planned.plan, password=lambda: password, told=told
    )
    if as_json:
        result = {"done": [step.as_json() for step in done.steps], **planned.plan.as_json()}
        show_json(result)
    else:
        click.echo(f"{len(done.steps)} of {len(pending)} steps are done")
    if done.in_use:
        step, why = done.in_use[0]
        raise VerdictError(
            f"{len(done.in_use)} not deleted: {step.kind} {step.name}: {why}",
            hint="run it again when it is not in use any more",
        )


def _plan(access: dict[str, Any], wished: Options) -> _Planned:
    chosen = options.needed_site(access.pop("site_file"), "what the cloud shall be")
    from b2ct.cloud import desired, live
    from b2ct.cloud import plan as planning

    client = one.client_of(chosen, **access)
    wanted = desired.desired(chosen.site, client.dialect, chosen.folder)
    # Only who deletes something has to know what VMs use.
    there = live.read(client, vms=wished.prune)
    return _Planned(chosen, client, wanted, planning.plan(wanted, there, wished))


def _show(planned: _Planned, *, as_json: bool) -> None:
    if as_json:
        show_json(planned.plan.as_json())
        return
    where, client = planned.client.endpoint, planned.client
    click.echo(f"{planned.desired.label} on {where.url} (OpenNebula {client.version})\n")
    for line in planned.plan.lines():
        click.echo(line)


def _confirm(count: int, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise B2ctError(
            "there is no terminal to ask at; nothing was changed", hint="--yes answers beforehand"
        )
    if not click.confirm(f"\nCarry out {count} step(s)?", err=True):
        raise B2ctError("nothing was changed", hint="`b2ct plan` shows the steps again")
