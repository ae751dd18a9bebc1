"""The Jinja environment of every template here: strict, and guarded by b2ct.core.quoting."""

from __future__ import annotations

import os
from pathlib import Path

import jinja2

from b2ct import __version__
from b2ct.core import quoting
from b2ct.core.data import cache_folder

FILTERS = ("sh", "ks", "word", "regex", "comment", "literal")
"""What may quote a value; docstrings in b2ct.core.quoting say for which place."""


def environment(*folders: Path) -> jinja2.Environment:
    """Templates of these folders; the first that has one of a name wins.

    An undefined value raises jinja2.UndefinedError, a value that no filter has quoted TypeError.
    """
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        bytecode_cache=_compiled(),
        undefined=jinja2.StrictUndefined,
        finalize=quoting.only_safe,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - no markup here; `finalize` is stricter than escaping
    )
    for name in FILTERS:
        made.filters[name] = getattr(quoting, name)
    return made


def _compiled() -> jinja2.BytecodeCache | None:
    """Compiled templates from former runs (they know their source's checksum): a tenth of a second.

    None where nothing can be kept.
    """
    folder = cache_folder() / f"templates-{__version__}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return None
    return jinja2.FileSystemBytecodeCache(str(folder)) if os.access(folder, os.W_OK) else None
