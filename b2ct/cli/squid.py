"""`b2ct squid`: do the site's squids serve what they should, and only that?"""

from __future__ import annotations

import time
from pathlib import Path

import click

from b2ct.cli import options
from b2ct.cli.lazy import LazyGroup, Verbs
from b2ct.cli.show import show_json
from b2ct.core import findings
from b2ct.core.console import note
from b2ct.core.findings import Finding, Verdict

VERBS: Verbs = {
    "check": ("squid", "check", "Ask the squids as VMs do, and say what is wrong with them."),
}


@click.group(cls=LazyGroup, verbs=VERBS)
def squid() -> None:
    """The HTTP caches through which VMs fetch their software.

    \b
    Example:
      b2ct squid check
    """


@click.command()
@options.site
@click.option(
    "--squid",
    "chosen",
    multiple=True,
    metavar="URL",
    help="Check this one instead of the site's; repeatable.",
)
@click.option(
    "--from",
    "outsider",
    default="",
    metavar="ADDRESS",
    help="An address of this machine that squid has to refuse: asks once from there, too.",
)
@options.as_json
def check(*, site_file: Path | None, chosen: tuple[str, ...], outsider: str, as_json: bool) -> None:
    """Ask each squid for each repository at each stratum-1, and for what it has to refuse.

    Looked at are: whether it answers, refuses CONNECT and servers that are no stratum-1s, gives the
    head of every repository (its revision and age), and has it in its cache the second time; and
    the share of hits of all clients. To be run where VMs are, or on squid's own machine, the only
    one that squid shows its counters to.

    \b
    Examples:
      b2ct squid check
      b2ct squid check --squid http://squid.example.org:3128

    Exit codes: 0 all is well; 1 something is not; 2 refused, nothing was asked.
    """
    from b2ct.squid import check as checks
    from b2ct.squid.ask import ask

    if chosen:
        site = options.load_site(site_file).site
    else:
        site = options.needed_site(
            site_file, "where the squids are", instead="--squid http://HOST:3128"
        ).site
    wanted = checks.targets(site)
    rows: list[Finding] = []
    for one in checks.squids(site, chosen):
        rows += checks.check(one, wanted, ask, int(time.time()), outsider=outsider)
    if as_json:
        show_json(findings.as_data(rows))
    else:
        click.echo(findings.table(rows))
    note(f"{sum(row.verdict is Verdict.OK for row in rows)} of {len(rows)} checks are well")
    findings.enforce(rows)
