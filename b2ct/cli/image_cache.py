"""`b2ct image cache`: the layers that builds have left for the next ones."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import click

from b2ct.cli import options
from b2ct.cli.show import show_json

_DAY = 86400


@click.group()
def cache() -> None:
    """Show or empty the cache of layers.

    \b
    Examples:
      b2ct image cache list                       what is there, the latest used first
      b2ct image cache prune --older-than 30      forget what nobody used for a month
      b2ct image cache prune                      forget all; the next build starts from nothing
    """


@cache.command("list")
@options.as_json
def list_layers(*, as_json: bool) -> None:
    """Show the layers, the latest used first."""
    from dataclasses import asdict

    from b2ct.core.data import cache_folder
    from b2ct.image.rootfs.cache import LayerCache

    found = LayerCache(cache_folder() / "layers").layers()
    if as_json:
        rows = [{**asdict(layer), "used": int(used)} for layer, used in found]
        show_json(rows)
        return
    for layer, used in found:
        when = datetime.fromtimestamp(used, UTC).strftime("%Y-%m-%d %H:%M")
        size = f"{layer.size / 2**20:6.0f} MiB"
        click.echo(f"{layer.key[:12]}  {layer.kind:13}  {size}  {when}  {layer.name}")
    total = sum(layer.size for layer, _ in found)
    click.echo(f"{len(found)} layers, {total / 2**20:.0f} MiB in {cache_folder() / 'layers'}")


@cache.command()
@click.option(
    "--older-than",
    type=click.IntRange(min=0),
    metavar="DAYS",
    help="Keep what was used within so many days. Left out: keep nothing.",
)
def prune(*, older_than: int | None) -> None:
    """Remove layers. Those that a build is using right now stay."""
    from b2ct.core.data import cache_folder
    from b2ct.image.rootfs.cache import Layer, LayerCache

    oldest = None if older_than is None else time.time() - older_than * _DAY

    def keep(_layer: Layer, used: float) -> bool:
        return oldest is not None and used >= oldest

    freed = LayerCache(cache_folder() / "layers").prune(keep)
    click.echo(f"freed {freed / 2**20:.0f} MiB")
