"""Where the contents of a worker stand in the repository, and how the tests run them."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from b2ct.core.data import data_folder

IMAGES = data_folder("images")
WORKER = IMAGES / "files" / "worker"
SYSTEMD = IMAGES / "files" / "systemd"
LIBEXEC = WORKER / "usr/libexec/b2ct"
SCRIPTS = IMAGES / "scripts"


def scripts() -> list[Path]:
    """Every shell script that goes into an image or makes one."""
    return sorted(
        path
        for folder in (IMAGES / "files", SCRIPTS)
        for path in folder.rglob("*")
        if path.is_file() and path.read_bytes().startswith((b"#!/bin/sh", b"#!/bin/bash"))
    )


def sh(
    script: Path, *words: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a script with this environment and no other."""
    return subprocess.run(
        ["/bin/sh", str(script), *words],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
