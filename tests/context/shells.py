"""What shells and cloud-init read in the files that a context writes."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

CLOUD_INIT = shutil.which("cloud-init")
SYSTEM_PYTHON = "/usr/bin/python3"
needs_cloud_init = pytest.mark.skipif(not CLOUD_INIT, reason="cloud-init is not installed")


def sourced(text: str, *names: str, shell: str = "sh") -> dict[str, str]:
    """The values of variables after a shell has read the text, as CVMFS's client does it."""
    show = "".join(f'printf "%s\\0" "${{{name}}}"\n' for name in names)
    done = subprocess.run(
        [shell, "-c", f"set -eu\n. /dev/stdin > /dev/null\n{show}"],
        input=text.encode(),
        capture_output=True,
        check=True,
        env={"PATH": "/usr/bin:/bin"},
    )
    return dict(zip(names, done.stdout.decode().split("\0")[:-1], strict=True))


def schema(text: str, folder: Path) -> None:
    """cloud-init's own opinion on a cloud-config; raises CalledProcessError if it is bad."""
    path = folder / "user-data"
    path.write_text(text)
    subprocess.run(
        [str(CLOUD_INIT), "schema", "--config-file", path], check=True, capture_output=True
    )


def cloud_init(code: str, *words: str | Path) -> Any:
    """What a piece of Python says (as JSON) that runs beside cloud-init's modules."""
    done = subprocess.run(
        [SYSTEM_PYTHON, "-c", code, *map(str, words)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
