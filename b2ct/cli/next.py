"""`b2ct next`: where the site is on its way, and which command comes next."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from b2ct.cli import options
from b2ct.cli.show import show
from b2ct.core.errors import B2ctError

if TYPE_CHECKING:
    from b2ct.site.chosen import ChosenSite


@click.command("next")
@options.site
@click.option("--offline", is_flag=True, help="Look at this folder only, at no other machine.")
@options.as_json
def following(*, site_file: Path | None, offline: bool, as_json: bool) -> None:
    """Say what is done, what comes next, and with which command.

    Looks at site.yaml, at what lies in this folder, and for three seconds at the site's machines
    and its OpenNebula. It asks nothing, changes nothing, and looks up no secret. What cannot be
    seen is said. The way is that of the quick start.

    \b
    Examples:
      b2ct next
      b2ct next --offline
      b2ct next --json

    Exit codes: 0 said; 2 wrong options.
    """
    from b2ct.guide.look import look
    from b2ct.guide.path import way

    file = site_file or options.DEFAULT_FILE
    chosen: ChosenSite | B2ctError | None
    try:
        chosen = options.site_if_any(file, asking=False) if file.exists() else None
    except B2ctError as err:
        chosen = err
    show(way(look(file, chosen, named=site_file is not None, offline=offline)), as_json=as_json)
