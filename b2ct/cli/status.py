"""`b2ct status`: the cloud at a glance."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from b2ct.cli import one, options
from b2ct.cli.show import json_text
from b2ct.core.console import plain, redrawn, undisguised
from b2ct.core.errors import EXIT_VERDICT, B2ctError

if TYPE_CHECKING:
    from b2ct.cloud.care.status import Status


@click.command()
@one.access
@click.option("--watch", is_flag=True, help="Look again and again, until Ctrl-C.")
@click.option(
    "--interval",
    default=10.0,
    type=click.FloatRange(0.1),
    metavar="SECONDS",
    help="Between looks of --watch (10).",
)
@options.as_json
def status(
    *,
    watch: bool,
    interval: float,
    as_json: bool,
    site_file: Path | None,
    **access: Any,
) -> None:
    """Show hosts, VMs, images and datastores, and what is wrong with them.

    Each problem comes with its remedy: hosts in error or silent, VMs that failed or wait, images
    in ERROR or LOCKED for long, datastores and networks that are nearly full.

    \b
    Examples:
      b2ct status
      b2ct status --watch

    Exit codes: 0 no problems; 1 there are some; 2 OpenNebula could not be asked. --watch ends with
    what it saw last.
    """
    chosen = options.site_if_any(site_file)
    client = one.client_of(chosen, **access)

    def look() -> Status:
        from b2ct.cloud.care.status import read

        return read(client, chosen.site.opennebula_version if chosen else "")

    if watch:
        code = _watch(look, interval, as_json=as_json)
    else:
        seen = look()
        click.echo(_text(seen, as_json=as_json))
        code = EXIT_VERDICT if seen.problems else 0
    sys.exit(code)


def _text(seen: Status, *, as_json: bool, one_line: bool = False) -> str:
    if as_json:
        return json_text(seen.as_json(), one_line=one_line)
    return "\n".join(seen.lines())


def _watch(look: Callable[[], Status], interval: float, *, as_json: bool) -> int:
    """Until Ctrl-C. A front-end that is away for a while is told, and asked again."""
    code = 0
    with _screen(as_json=as_json) as show:
        try:
            while True:
                try:
                    seen = look()
                    code = EXIT_VERDICT if seen.problems else 0
                    show(_text(seen, as_json=as_json, one_line=True))
                except B2ctError as err:
                    code = EXIT_VERDICT
                    error = {"error": err.message, "hint": err.hint}
                    show(json_text(error, one_line=True) if as_json else "\n".join(err.lines()))
                time.sleep(interval)
        except KeyboardInterrupt:
            return code


@contextmanager
def _screen(*, as_json: bool) -> Iterator[Callable[[str], None]]:
    """Something that shows a text in place of the one before; where nobody watches, after it."""
    if as_json or not redrawn(sys.stdout):
        yield lambda text: click.echo(text if as_json else f"{text}\n")
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    with Live(
        console=Console(file=undisguised(sys.stdout)),
        auto_refresh=False,
        vertical_overflow="visible",
    ) as drawn:

        def show(text: str) -> None:
            when = time.strftime("%H:%M:%S")
            drawn.update(Text(f"{plain(text)}\n\n{when}; Ctrl-C ends"), refresh=True)

        yield show
