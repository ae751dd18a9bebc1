"""Where data lives: what is shipped (top-level folders, b2ct/_data in a wheel), and the cache."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def data_folder(name: str) -> Path:
    """The folder of that name: `kickstart`, `images`, `packer` or `templates`."""
    shipped = _PACKAGE / "_data" / name
    return shipped if shipped.is_dir() else _PACKAGE.parent / name


def cache_folder() -> Path:
    """Where what can be had again is kept: $XDG_CACHE_HOME/b2ct, or ~/.cache/b2ct.

    A relative XDG_CACHE_HOME is ignored, as the XDG Base Directory specification asks. Root never
    takes another user's home, which some sudo leaves in HOME: what is in a cache is trusted.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.startswith("/") else _home() / ".cache") / "b2ct"


def _home() -> Path:
    home = Path.home()
    if os.geteuid() == 0 and home.exists() and home.stat().st_uid != 0:
        import pwd

        return Path(pwd.getpwuid(0).pw_dir)
    return home
