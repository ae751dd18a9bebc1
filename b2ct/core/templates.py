"""The Jinja environment of every template here: strict, and guarded by b2ct.core.quoting."""

from __future__ import annotations

import os
from functools import cache
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


@cache
def _compiled() -> jinja2.BytecodeCache | None:
    """Compiled templates from former runs (they know their source's checksum): a tenth of a second.

    They are code. So they are read from a folder that is this user's and that nobody else may
    write to, and the folder is held open: what its path leads to later does not matter. None where
    there is no such folder.
    """
    folder = cache_folder() / f"templates-{__version__}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    held, status = f"/proc/self/fd/{handle}", os.fstat(handle)
    ours = status.st_uid == os.geteuid() and not status.st_mode & 0o022
    if ours and os.access(held, os.W_OK):
        return jinja2.FileSystemBytecodeCache(held)
    os.close(handle)
    return None
