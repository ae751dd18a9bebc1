"""A Python environment of its own with unmodified DIRAC, made once and kept between runs.

Its place is below B2CT_TEST_CACHE, else the user's cache folder; its name is made of the lock and
the Python, so that a change of either makes a new one.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).parent / "requirements.lock"


def cache() -> Path:
    """Where environments are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("B2CT_TEST_CACHE") or Path(base) / "b2ct-tests")


def python() -> Path:
    """The interpreter of the environment, which is made if it is not there.

    Needs a C compiler, swig and OpenSSL's headers for M2Crypto, which has no wheels. Raises
    AssertionError with what pip says when that fails.
    """
    seed = LOCK.read_bytes() + sys.version.encode()
    folder = cache() / f"dirac-{hashlib.sha256(seed).hexdigest()[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    found = folder / "venv" / "bin" / "python"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # workers of pytest-xdist come at once
        if not (folder / "whole").exists():
            shutil.rmtree(folder / "venv", ignore_errors=True)
            _step(sys.executable, "-m", "venv", folder / "venv")
            _step(
                *(found, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"),
                *("--disable-pip-version-check", "-r", LOCK),
            )
            (folder / "whole").touch()
    return found


def _step(*words: str | Path) -> None:
    done = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, f"{words}:\n{done.stdout}\n{done.stderr}"


if __name__ == "__main__":
    print(python())
