"""What the shell offers where somebody presses Tab: names that a site or this machine has.

Each function is a `shell_complete` of click. It is asked in the middle of a line, so it is fast and
says nothing. Of a file that is wrong nothing is offered: `b2ct check` says what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from b2ct.core.data import data_folder

if TYPE_CHECKING:
    from b2ct.document.tree import Node

Items = list[CompletionItem[str]]
_LARGEST = 256 * 2**10
"""Bytes of a site.yaml, some thousand nodes: who waits at a prompt does not wait for more."""
_NAME = re.compile(r"[A-Za-z0-9._-]{1,255}")
"""What a shell takes as one word that means nothing else."""
_SITE = Path("site.yaml")
_BLOCKS = Path("/sys/block")


def files(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """Files, by the shell itself, where a word may be one."""
    return [CompletionItem(incomplete, type="file")]


def nodes(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """The nodes of the site."""
    node = _of_site(ctx, "nodes")
    listed = node.value if node is not None and isinstance(node.value, tuple) else ()
    names = (one.value.get("name") for one in listed if isinstance(one.value, Mapping))
    return _offered((name.value.value for name in names if name), incomplete)


def workers(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """The workers of the site."""
    return _offered(_keys(_of_site(ctx, "workers")), incomplete)


def machines(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> Items:
    """What a context is for: a worker of the site, or a squid."""
    return [*_offered(("squid",), incomplete), *workers(ctx, parameter, incomplete)]


def images(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> Items:
    """The definitions of worker images, in ./images and those that are shipped; or a file."""
    found = {path.stem for path in (*Path("images").glob("*.yaml"), *_shipped())}
    # The shell's own files come first: where names fit as well, it shows these.
    return [*files(ctx, parameter, incomplete), *_offered(sorted(found), incomplete)]


def devices(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> Items:
    """Sticks that are plugged in; or a file."""
    found = [f"/dev/{path.name}" for path in sorted(_BLOCKS.glob("*")) if _removable(path)]
    fit = [CompletionItem(path) for path in found if path.startswith(incomplete)]
    return [*files(ctx, parameter, incomplete), *fit]


def releases(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """The releases that the catalogue has."""
    from b2ct.site.catalogue import RELEASES

    return _offered(RELEASES, incomplete)


def _offered(names: Iterable[Any], incomplete: str) -> Items:
    """Those that begin so, and that no shell misunderstands."""
    fit = (name for name in names if isinstance(name, str) and name.startswith(incomplete))
    return [CompletionItem(name) for name in fit if _NAME.fullmatch(name)]


def _of_site(ctx: click.Context, key: str) -> Node | None:
    """A part of the site that the line names, else of site.yaml here: its syntax alone is read."""
    from b2ct.document import tree

    path = Path(ctx.params.get("site_file") or _SITE)
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return None
        root, _ = tree.parse(path.read_text())
    except (OSError, ValueError):
        return None
    held = root.value if root else None
    return held[key].value if isinstance(held, Mapping) and key in held else None


def _keys(node: Node | None) -> Iterator[str]:
    if node is not None and isinstance(node.value, Mapping):
        yield from node.value


def _shipped() -> Iterator[Path]:
    return data_folder("images").glob("*.yaml")


def _removable(block: Path) -> bool:
    """It can be pulled out, and there is something in it: an empty card reader has no size."""
    try:
        removable, size = ((block / name).read_text().strip() for name in ("removable", "size"))
        return removable == "1" and size != "0"
    except OSError:
        return False
