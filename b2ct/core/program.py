"""How this program is called, in a line that somebody pastes."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

SECURE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where sudo looks (`secure_path` of sudoers(5), as distributions set it)."""


def as_root() -> str:
    """`sudo b2ct`, with the whole path where sudo would not find it: in a virtual environment."""
    if shutil.which("b2ct", path=SECURE_PATH):
        return "sudo b2ct"
    beside = Path(sys.executable).with_name("b2ct")
    if beside.is_file():
        return f"sudo {shlex.quote(str(beside))}"
    return f"sudo {shlex.quote(sys.executable)} -m b2ct"
