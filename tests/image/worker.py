"""The Debian worker that this project's definition describes, built once in a test run."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.sharing import once


@dataclass(frozen=True)
class Built:
    """What the commands have made."""

    folder: Path
    """It holds practice/, worker.qcow2 with its papers, and cache/."""
    said: str
    """By the build, on stderr."""

    @property
    def image(self) -> Path:
        return self.folder / "worker.qcow2"

    @property
    def definition(self) -> Path:
        return self.folder / "practice" / "practice-debian-12.yaml"

    def run(self, *words: str | Path, timeout: float = 1800) -> subprocess.CompletedProcess[str]:
        """A command of ours in that folder, with the cache of the build."""
        return _run(self.folder, *words, timeout=timeout)


def _run(
    folder: Path, *words: str | Path, timeout: float = 1800
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "b2ct", *map(str, words)],
        cwd=folder,
        env={**os.environ, "XDG_CACHE_HOME": str(folder / "cache")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def built(factory: pytest.TempPathFactory) -> Built:
    """The worker, with CVMFS's client from practice packages: CERN's server is no test's to ask.

    Everything else comes from Debian's mirror. It is built twice from nothing, which must give the
    same bytes.
    """

    def make(folder: Path) -> str:
        folder.mkdir()
        for words in (
            ["practice", "packages", "--apt", "-o", "practice"],
            ["image", "build", "practice/practice-debian-12.yaml", "-o", "worker.qcow2",
             "--verify-reproducible"],
        ):  # fmt: skip
            done = _run(folder, *words)
            assert done.returncode == 0, done.stdout + done.stderr
        return done.stderr

    folder, said = once(factory, "debian-worker", make)
    return Built(folder, said)
