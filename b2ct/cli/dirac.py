"""`b2ct dirac`: attach the site to a DIRAC server, and test that from its side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from b2ct.cli import offer, options, trust
from b2ct.cli.lazy import LazyGroup, Verbs
from b2ct.cli.show import show_json
from b2ct.core.console import note
from b2ct.core.errors import EXIT_VERDICT
from b2ct.core.findings import as_data

VERBS: Verbs = {
    "config": ("dirac", "config", "Write what a DIRAC server needs to use this site."),
    "check": ("dirac", "check", "Test from the DIRAC server what can be tested."),
}


@click.group(cls=LazyGroup, verbs=VERBS)
def dirac() -> None:
    """Attach this site to a DIRAC server.

    \b
    Example:
      b2ct dirac config -o for-dirac
    """


endpoint_option = click.option(
    "--endpoint", "url", metavar="URL", help="The cloud as DIRAC reaches it, such as a TLS proxy."
)
ca_option = click.option(
    "--ca-file",
    type=options.FILE,
    metavar="FILE",
    help="CA certificates (PEM) for the cloud's TLS.",
)


@click.command()
@options.site
@trust.in_clear_option
@endpoint_option
@ca_option
@click.option("--name", metavar="GRID.NAME.CC", help="DIRAC's name of the site: CLOUD.Torino.it.")
@click.option("--ce", metavar="HOST", help="Name of the CE. Left out: the cloud's host name.")
@click.option("--vo", default="belle", show_default=True, help="The VO whose pilots run here.")
@click.option(
    "--etc",
    default="/opt/dirac/etc",
    show_default=True,
    metavar="PATH",
    help="Where cloud.auth will be on the DIRAC server.",
)
@click.option("--max-vms", type=click.IntRange(1, 10**6), help="VMs of each worker at most.")
@click.option(
    "--auth",
    "auth_file",
    type=options.FILE,
    metavar="FILE",
    help="Credentials to ask the cloud with (`user:password`), not those for DIRAC.",
)
@click.option("--offline", is_flag=True, help="Do not ask the cloud how many VMs it has room for.")
@click.option(
    "--gateway/--no-gateway",
    default=None,
    help="DIRAC comes through the site's gateway, with TLS. Left out: where site.yaml has one.",
)
@click.option(
    "--stock",
    is_flag=True,
    help="For a DIRAC server without B2CT: DIRAC's own driver, through the gateway.",
)
@click.option("--legacy", is_flag=True, help="The form of VMDIRAC, for a DIRAC before 7.3.")
@click.option(
    "-o",
    "--output",
    type=options.FILE,
    metavar="DIR",
    help="Write everything into this folder, the password too (mode 600).",
)
@click.option("--force", is_flag=True, help="Replace files that are in the folder already.")
@click.option("--show-password", is_flag=True, help="Print the password, too.")
@options.as_json
def config(*, site_file: Path | None, as_json: bool, **said: Any) -> None:
    """Write the Resources section for this site, cloud.auth, and what to do with them.

    One queue for each worker of site.yaml. How many VMs there can be is asked from the cloud, where
    that is possible, and else taken from site.yaml; it is said which. Without -o the section is
    printed; the password is only printed with --show-password.

    \b
    Examples:
      b2ct dirac config -o for-dirac
      b2ct dirac config --stock -o for-dirac
      b2ct dirac config --endpoint https://one.example.org:2635 --gateway --name CLOUD.Torino.it
      b2ct dirac config --legacy --auth one_auth

    Exit codes: 0 written; 2 refused, nothing was written.
    """
    from b2ct.dirac.handover import Wishes, make

    chosen = options.needed_site(site_file, "what DIRAC shall use")
    made = make(chosen, Wishes(**said))
    if as_json:
        show_json(made.as_json())
        return
    for remark in made.notes:
        note(f"note: {remark}")
    click.echo(made.as_text(), nl=False)
    for step in made.numbered:
        note(step)


@click.command()
@options.site
@trust.in_clear_option
@endpoint_option
@ca_option
@click.option(
    "--cloud-auth",
    type=options.FILE,
    metavar="FILE",
    help="The cloud.auth of DIRAC. Left out: the user and password of site.yaml.",
)
@click.option(
    "--auth",
    type=options.FILE,
    metavar="FILE",
    help="A file with user:password instead. Left out: ONE_AUTH, if that is set.",
)
@click.option(
    "--ce", metavar="HOST", help="Section of cloud.auth. Left out: the cloud's host name."
)
@click.option(
    "--template",
    "templates",
    multiple=True,
    metavar="NAME",
    help="A VM template that DIRAC uses; repeatable. Left out: the workers of site.yaml.",
    shell_complete=offer.workers,
)
@options.as_json
def check(
    *, site_file: Path | None, templates: tuple[str, ...], as_json: bool, **said: Any
) -> None:
    """Test as DIRAC's user whether DIRAC can use the cloud. No VM is started.

    Reachability and encryption, credentials, the VM templates with their images, networks and
    contexts, quota, and VMs of DIRAC that failed. On a DIRAC server there is no site.yaml: name the
    cloud, cloud.auth and the templates. ONE_XMLRPC and ONE_AUTH count before site.yaml, too.

    \b
    Examples:
      b2ct dirac check
      b2ct dirac check --endpoint https://one.example.org:2635 \\
          --cloud-auth /opt/dirac/etc/cloud.auth --template b2ct-worker

    Exit codes: 0 all is well (there may be warnings); 1 something failed; 2 refused.
    """
    from b2ct.dirac import check as checks
    from b2ct.dirac.seat import Seat, client

    seat, chosen = Seat(**said), None
    if not (seat.complete and templates):
        others = "--endpoint, --cloud-auth and --template"
        chosen = options.needed_site(site_file, "what to test", instead=others)
    names = templates or tuple(chosen.site.described_workers if chosen else ())
    found = []
    for made in checks.run(client(seat, chosen, trust.consent()), names):
        found.append(made)
        if not as_json:
            for line in made.lines(checks.WIDE):
                click.echo(line)
    if as_json:
        show_json(as_data(found))
    if any(made.failed for made in found):
        raise SystemExit(EXIT_VERDICT)
