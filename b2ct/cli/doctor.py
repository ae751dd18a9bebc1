"""`b2ct doctor`: which host tools are there, which are missing, and the line that installs them."""

from __future__ import annotations

import sys

import click

from b2ct.cli import options
from b2ct.cli.show import show
from b2ct.core import hosttools
from b2ct.core.errors import EXIT_VERDICT


@click.command()
@click.argument("verbs", nargs=-1, type=click.Choice(hosttools.uses()), metavar="[VERB]...")
@options.as_json
def doctor(verbs: tuple[str, ...], as_json: bool) -> None:
    """Say which host tools are missing and how to install them.

    Without VERB everything is looked for, and the tools of `iso` and `boot` must be there; with
    VERBs (iso, boot, practice, test) exactly theirs must be. Changes nothing.

    Exit codes: 0 what must be there is there; 1 something of it is missing.
    """
    from b2ct.firmware.doctor import diagnose

    found = diagnose(verbs)
    show(found, as_json=as_json)
    if found.sick:
        sys.exit(EXIT_VERDICT)
