from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.media.imagewriter import Copy, Data
from b2ct.media.key import image
from b2ct.media.key.fat32 import Piece
from b2ct.media.source import Image

MIB = 2**20
NOISE = os.urandom(3 * MIB)
PIECES = (
    Piece(0, Data(b"head")),
    Piece(MIB, Copy(5, 2 * MIB)),
    Piece(4 * MIB, Data(b"middle")),
    Piece(5 * MIB, Copy(MIB, MIB)),
)
EXPECTED = (
    b"head".ljust(MIB, b"\0") + NOISE[5 : 5 + 2 * MIB] + bytes(MIB) + b"middle".ljust(MIB, b"\0")
    + NOISE[MIB : 2 * MIB] + bytes(10 * MIB)
)  # fmt: skip


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(NOISE)
    return path


def refuse(*_: object) -> int:
    raise OSError(errno.EXDEV, "Invalid cross-device link")


def nothing(*_: object) -> int:
    return 0


@pytest.mark.parametrize("kernel", [None, refuse, nothing])
def test_the_bytes_and_the_holes(
    tmp_path: Path, source: Path, kernel: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kernel is not None:
        monkeypatch.setattr(os, "copy_file_range", kernel)
    told: list[int] = []
    out = tmp_path / "out"
    with Image(source) as iso:
        done = image.write(iso, PIECES, 16 * MIB, out, progress=told.append, sha256=True)
    assert out.read_bytes() == EXPECTED
    assert done.sha256 == hashlib.sha256(EXPECTED).hexdigest()
    assert done.size == 16 * MIB
    assert sum(told) == done.stored == 3 * MIB + 10
    assert out.stat().st_blocks * 512 < 8 * MIB


def test_a_kernel_that_gives_up_half_way(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = os.copy_file_range, []

    def some(*arguments: int) -> int:
        calls.append(arguments)
        if len(calls) > 1:
            raise OSError(errno.EIO, "Input/output error")
        return real(arguments[0], arguments[1], 1000, *arguments[3:])

    monkeypatch.setattr(os, "copy_file_range", some)
    out = tmp_path / "out"
    with Image(source) as iso:
        image.write(iso, PIECES, 16 * MIB, out)
    assert out.read_bytes() == EXPECTED
    assert len(calls) == 2


def test_a_source_that_shrinks(tmp_path: Path, source: Path) -> None:
    out = tmp_path / "out"
    with Image(source) as iso:
        os.truncate(source, MIB)
        with pytest.raises(B2ctError, match="became shorter"):
            image.write(iso, PIECES, 16 * MIB, out)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_a_full_disk_keeps_what_was_there(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    out = tmp_path / "out"
    out.write_text("precious")
    monkeypatch.setattr(os, "copy_file_range", full)
    with Image(source) as iso, pytest.raises(B2ctError, match="no space left") as caught:
        image.write(iso, PIECES, 16 * MIB, out)
    assert "free some space" in caught.value.hint
    assert out.read_text() == "precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "source"]


def test_too_little_room_is_seen_before_the_work(tmp_path: Path, source: Path) -> None:
    huge = (*PIECES, Piece(6 * MIB, Copy(0, 2**60)))
    with Image(source) as iso, pytest.raises(B2ctError, match="MiB are free"):
        image.write(iso, huge, 2**61, tmp_path / "out")
