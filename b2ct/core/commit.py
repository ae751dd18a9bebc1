"""Which commit this B2CT was made from: written in when it is packed, asked of git in a checkout.

`b2ct/commit.txt` holds it in what is packed; git itself writes it there for `git archive`
(.gitattributes). In a checkout the file holds no commit.
"""

from __future__ import annotations

import re
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.core.run import run

NAME = "commit.txt"
"""The file, in the folder of the package."""
_PACKAGE = Path(__file__).resolve().parent.parent
_SHIPPED = ("b2ct", "kickstart", "images", "packer", "templates", "pyproject.toml")
"""What a package is made from: other changes of a checkout do not make another B2CT."""
_WRITTEN = re.compile(r"[0-9a-f]{40}\+?")
_HEAD = re.compile(r"# branch\.oid ([0-9a-f]{40})")


def commit(package: Path = _PACKAGE) -> str:
    """The commit in hexadecimal, with `+` where files differ from it; empty: nobody knows."""
    try:
        written = (package / NAME).read_text().strip()
    except OSError:
        written = ""
    if _WRITTEN.fullmatch(written):
        return written
    checkout = package.parent
    return _asked(checkout) if (checkout / ".git").exists() else ""


def told() -> str:
    """The commit for a person."""
    known = commit()
    if not known:
        return "commit not known"
    return f"commit {known[:12]}" + (", changed since" if known.endswith("+") else "")


def _asked(checkout: Path) -> str:
    """What git says of a checkout; empty where it cannot."""
    words = ["git", f"--git-dir={checkout / '.git'}", f"--work-tree={checkout}"]
    words += ["--no-optional-locks", "status", "--porcelain=v2", "--branch", "--"]
    try:
        # From there, so that git takes the names for those of the checkout.
        done = run([*words, *_SHIPPED], timeout=20, cwd=checkout)
    except B2ctError:  # no git here, or a damaged checkout: no reason to stop
        return ""
    head = _HEAD.search(done.stdout)
    changed = any(not line.startswith("#") for line in done.stdout.splitlines())
    return head[1] + "+" * changed if head else ""
