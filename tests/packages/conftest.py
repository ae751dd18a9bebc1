"""The packages, built once for all tests, and a machine to install them on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from b2ct.rehearsal.site import root
from tests.sharing import once

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Kind -> package; treat them as read-only."""

    def make(folder: Path) -> list[str]:
        words = ["-m", "packages", "--output", str(folder)]
        done = subprocess.run(
            [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        paths: list[str] = done.stdout.split()
        return paths

    _, made = once(tmp_path_factory, "packages", make)
    return {path.suffix[1:]: path for path in map(Path, made)}


@dataclass(frozen=True)
class Machine:
    """A root that forgets all changes, and the changes."""

    root: Path
    upper: Path
    lower: Path

    def changes(self) -> set[str]:
        """What is new below it, and what was there and is gone."""
        found = set()
        for path in self.upper.rglob("*"):
            inside = path.relative_to(self.upper)
            if (self.lower / inside).is_dir() != path.is_dir() or not (
                path.is_dir() or (self.lower / inside).is_file()
            ):
                found.add(str(inside))
        return found


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A Debian 12: minbase, and what practice nodes have more."""
    if os.geteuid() != 0:
        pytest.skip("installing in a chroot needs root")
    top = tmp_path / "machine"
    top.mkdir()
    mounted: list[Path] = []

    def mount(target: Path, *words: str) -> None:
        subprocess.run(["mount", *words, target], check=True, timeout=60)
        mounted.append(target)

    with root.used(lambda _: None) as lower:
        try:
            mount(top, "-t", "tmpfs", "-o", "size=1g", "b2ct-test")
            for name in ("upper", "work", "root"):
                (top / name).mkdir()
            layers = f"lowerdir={lower},upperdir={top / 'upper'},workdir={top / 'work'}"
            mount(top / "root", "-t", "overlay", "-o", layers, "b2ct-test")
            yield Machine(top / "root", top / "upper", lower)
        finally:
            for target in reversed(mounted):
                subprocess.run(["umount", "--lazy", target], check=True, timeout=60)
