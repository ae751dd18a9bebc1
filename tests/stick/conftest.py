"""Loop devices that go away again, and the guard that lets tests write to nothing else."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.stick import safety


@pytest.fixture(autouse=True)
def _no_other_device() -> None:
    safety.install()


def _run(*argv: str | Path, check: bool = True) -> str:
    return subprocess.run(
        [str(word) for word in argv], check=check, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def attach(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """`attach(file)` -> a loop device over it. Skips where loop devices cannot be made."""
    made: list[Path] = []

    def make(file: Path, *options: str) -> Path:
        if os.geteuid() != 0:
            pytest.skip("loop devices need root")
        done = subprocess.run(
            ["losetup", "--find", "--show", *options, str(file)],
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            pytest.skip(f"no loop devices here: {done.stderr.strip()}")
        device = Path(done.stdout.strip())
        made.append(device)
        if not options:
            safety.ALLOWED.add(device.stat().st_rdev)
        return device

    yield make
    for device in reversed(made):
        safety.ALLOWED.discard(device.stat().st_rdev)
        _run("losetup", "--detach", device, check=False)


@pytest.fixture
def loop(attach: Callable[..., Path], tmp_path: Path) -> Callable[[int], Path]:
    """`loop(size)` -> a loop device of that many bytes, full of old bytes at start and end."""

    def make(size: int) -> Path:
        file = tmp_path / "stick.img"
        with file.open("wb") as out:
            out.write(b"old bytes " * (min(size, 3 << 20) // 10))
            out.truncate(size)
            out.seek(max(size - (1 << 20), 0))
            out.write(b"\xee" * min(size, 1 << 20))
        return attach(file)

    return make


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """`mounted(*mount arguments)` -> the mount point. Skips where mounting is not allowed."""
    points: list[Path] = []

    def make(*arguments: str | Path) -> Path:
        if os.geteuid() != 0:
            pytest.skip("mounting needs root")
        point = tmp_path / f"mount{len(points)}"
        point.mkdir()
        argv = ["mount", *(str(word) for word in arguments), str(point)]
        done = subprocess.run(argv, check=False, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"cannot mount here: {done.stderr.strip()}")
        points.append(point)
        return point

    yield make
    for point in reversed(points):
        _run("umount", "--lazy", point, check=False)


@pytest.fixture
def image(tmp_path: Path) -> Callable[..., Path]:
    """`image(size)` -> a raw image with a boot sector, data, holes and runs of zeros."""

    def make(size: int = (9 << 20) + 512, *, name: str = "key.img") -> Path:
        file = tmp_path / name
        with file.open("wb") as out:
            out.truncate(size)
            for start, length in ((0, 700_000), (2 << 20, 1 << 20), (size - 5000, 5000)):
                out.seek(max(start, 0))
                out.write(os.urandom(min(length, size - max(start, 0))))
            if size > 6 << 20:
                out.seek(5 << 20)
                out.write(bytes(1 << 20))  # zeros that are no hole
            out.seek(510)
            out.write(b"\x55\xaa")
        return file

    return make
