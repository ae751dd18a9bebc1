"""`b2ct reap`: unused VMs of DIRAC are terminated, and nothing else is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from b2ct.cli import one, options, trust
from b2ct.cli.show import show_json
from b2ct.core.console import note
from b2ct.core.errors import VerdictError

if TYPE_CHECKING:
    from b2ct.cloud.reaper.reap import Outcome, Reaper, Survey


@click.command()
@options.site
@trust.in_clear_option
@click.option("--endpoint", metavar="URL", help="OpenNebula's XML-RPC, if not the site's.")
@click.option("--auth", type=options.FILE, metavar="FILE", help="A file of `user:password`.")
@click.option("--user", metavar="NAME", help="Whose VMs, if not site.yaml's.")
@click.option(
    "--prefix",
    "prefixes",
    multiple=True,
    metavar="TEXT",
    help="How their names begin, if not as site.yaml says; repeatable.",
)
@click.option("--dry-run", is_flag=True, help="Explain the verdict on each VM, and change nothing.")
@options.as_json
@click.option(
    "--journal",
    type=options.FILE,
    metavar="FILE",
    help="Append there what was terminated and why, as lines of JSON.",
)
@click.option(
    "--confirm",
    type=click.FloatRange(0, 3600),
    metavar="SECONDS",
    help="Time between the two looks at silent VMs (default 90).",
)
def reap(
    *,
    site_file: Path | None,
    endpoint: str | None,
    auth: Path | None,
    user: str | None,
    prefixes: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
    journal: Path | None,
    confirm: float | None,
) -> None:
    """Terminate the unused VMs of DIRAC's user.

    Looked at are the VMs of one user (`reaper.user` or `cloud.dirac.user` of site.yaml) whose names
    begin as DIRAC's do (`reaper.prefixes`); no other VM is touched, ever. Unused are those that are
    powered off, failed, silent, idle, too old or stuck in booting, by the limits of `reaper`.
    Locked VMs (onevm lock) are left alone. Each is looked at again before it is terminated.

    \b
    Examples:
      b2ct reap --dry-run
      b2ct reap --journal reaper.jsonl
      b2ct reap --endpoint http://one:2633/RPC2 --auth one_auth --user dirac --dry-run

    Exit codes: 0 done, or nothing to do; 1 a VM that should be gone is not; 2 refused, or
    OpenNebula does not answer, or the journal cannot be written: nothing further was terminated.
    """
    reaper = _reaper(site_file, endpoint, auth, user, prefixes)
    if journal is not None and not dry_run:
        from b2ct.cloud.reaper.journal import Journal

        reaper.journal = Journal(journal)
    if confirm is not None:
        reaper.confirm = confirm
    survey = reaper.look()
    outcomes = [] if dry_run else reaper.reap(survey.verdicts)
    if as_json:
        show_json(_for_programs(reaper, survey, outcomes, dry_run=dry_run))
    else:
        _print(reaper, survey, outcomes, dry_run=dry_run)
    bad = [one for one in outcomes if one.bad]
    if bad:
        raise VerdictError(
            f"{len(bad)} of {len(outcomes)} VMs could not be terminated: {_ids(bad)}",
            hint="run it again; if they stay, as oneadmin: onevm recover --delete ID",
        )


def _reaper(
    site_file: Path | None,
    url: str | None,
    auth: Path | None,
    user: str | None,
    prefixes: Sequence[str],
) -> Reaper:
    from b2ct.cloud.reaper import reap as run
    from b2ct.cloud.reaper import rules
    from b2ct.one.client import Client
    from b2ct.site.model import Site

    chosen = options.site_if_any(site_file)
    site = chosen.site if chosen else Site()
    name = rules.checked_user(site, user)
    begin = rules.checked_prefixes(site, prefixes)
    client = Client(one.endpoint_of(url, auth, None, chosen))
    return run.Reaper(client, run.find_scope(client, name, begin), rules.of_site(site))


def _print(reaper: Reaper, survey: Survey, outcomes: Sequence[Outcome], *, dry_run: bool) -> None:
    from b2ct.cloud.reaper.verdict import one_line

    results = {one.verdict.vm.id: one for one in outcomes}
    wide = max((len(one_line(v.vm.name, 60)) for v in survey.verdicts), default=0)
    for seen in survey.verdicts:
        outcome = results.get(seen.vm.id)
        word = outcome.result if outcome else "terminate" if seen.reap else "keep"
        shown = outcome.verdict if outcome else seen
        detail = f" ({outcome.detail})" if outcome and outcome.bad else ""
        rule = f"{shown.reason}: " if shown.reason else ""
        name = one_line(seen.vm.name, 60)
        click.echo(f"{word:10}  {seen.vm.id:>6}  {name:{wide}}  {rule}{shown.why}{detail}")
    scope = reaper.scope
    unused = sum(v.reap for v in survey.verdicts)
    would = "would be terminated" if dry_run else "unused"
    others = f"; {survey.others} of other names not looked at" if survey.others else ""
    note(
        f"{len(survey.verdicts)} VMs of {scope.user} named {' or '.join(scope.prefixes)}*,"
        f" {unused} {would}{others}"
    )


def _for_programs(
    reaper: Reaper, survey: Survey, outcomes: Sequence[Outcome], *, dry_run: bool
) -> dict[str, Any]:
    from b2ct.cloud.reaper.reap import described

    return {
        "endpoint": reaper.one.endpoint.host,
        "user": reaper.scope.user,
        "prefixes": list(reaper.scope.prefixes),
        "dry_run": dry_run,
        "others": survey.others,
        "verdicts": [described(one) for one in survey.verdicts],
        "outcomes": [
            {"vm": o.verdict.vm.id, "result": o.result, "detail": o.detail} for o in outcomes
        ],
    }


def _ids(outcomes: Sequence[Outcome]) -> str:
    return ", ".join(str(one.verdict.vm.id) for one in outcomes[:10])
