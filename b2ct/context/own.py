"""Reads the site's own files for a VM."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from b2ct.context.model import OwnFiles, OwnText
from b2ct.core.errors import B2ctError
from b2ct.site import ownfiles

if TYPE_CHECKING:
    from b2ct.site.model import Site
    from b2ct.site.workers import Worker


def read(site: Site, worker: Worker, folder: Path) -> OwnFiles:
    """The files that a worker brings; `folder` is that of site.yaml.

    Raises B2ctError for one that is missing or cannot be what it is meant for.
    """
    data = worker.user_data
    return OwnFiles(
        scripts=tuple(_one(ownfiles.script, folder, script) for script in worker.scripts),
        user_data=_one(ownfiles.user_data, folder, data) if data else None,
        keys={
            domain: _one(ownfiles.public_key, folder, key).text
            for domain, key in site.cvmfs.keys.items()
        },
    )


def _one(reader: Callable[[Path], str], folder: Path, path: Path) -> OwnText:
    try:
        return OwnText(path.name, reader(folder / path.expanduser()))
    except ValueError as err:
        why = str(err)
        raise B2ctError(
            why if str(path) in why else f"{path} {why}",
            hint="the path is relative to the folder of site.yaml",
        ) from None
