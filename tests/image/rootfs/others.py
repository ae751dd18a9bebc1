"""Another, ordinary user of this host, made for a test and removed after it."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Other:
    """A user, and a Python with our package that this user may run."""

    name: str
    home: Path
    interpreter: str

    def python(
        self, *words: str | Path, env: Mapping[str, str] | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run Python as this user."""
        values = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "PYTHONPATH": os.pathsep.join(path for path in [str(PROJECT), *sys.path] if path),
            "PYTHONDONTWRITEBYTECODE": "1",
            **(env or {}),
        }
        return subprocess.run(
            [
                *("setpriv", "--reuid", self.name, "--regid", self.name, "--init-groups"),
                *("env", "-i", *(f"{key}={value}" for key, value in values.items())),
                self.interpreter,
                *map(str, words),
            ],
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=check,
        )


@contextmanager
def another(*, ids: bool) -> Iterator[Other]:
    """A new user, with or without subordinate IDs. Skips the test where none can be made."""
    if os.geteuid() != 0:
        pytest.skip("only root can make another user")
    name = f"b2ct{secrets.token_hex(4)}"
    # Not below pytest's folder, which only its own user may enter.
    home = Path(tempfile.mkdtemp(prefix="b2ct-home-", dir="/tmp"))
    options = [] if ids else ["--key", "SUB_UID_COUNT=0", "--key", "SUB_GID_COUNT=0"]
    try:
        _locked("useradd", "--home-dir", home, *options, name)
        try:
            home.chmod(0o755)
            shutil.chown(home, name, name)
            yield Other(name, home, _interpreter(name, home))
        finally:
            _locked("userdel", name)
    finally:
        shutil.rmtree(home)


def _locked(*argv: str | Path) -> None:
    """One at a time: useradd(8) gives up when another one holds /etc/passwd."""
    with (Path(tempfile.gettempdir()) / "b2ct-useradd.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(argv, check=True, capture_output=True)


def _interpreter(name: str, home: Path) -> str:
    """A Python of our version that the user may run, with our libraries."""
    for candidate in (
        sys.executable,
        f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}",
    ):
        if not Path(candidate).exists():
            continue
        found = Other(name, home, candidate)
        try:
            if found.python("-c", "import b2ct.image.build", check=False).returncode == 0:
                return candidate
        except OSError:
            continue
    pytest.skip("no Python here that another user may run with our package")
