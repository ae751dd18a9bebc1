"""What may be written, and where it has data."""

from __future__ import annotations

import os
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2ct.core.errors import B2ctError
from b2ct.stick.image import GRAIN, boots_from_stick, is_zero, open_image, spans


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"\xfd7zXZ\x00", "unxz"),
        (b"\x1f\x8b\x08", "gunzip"),
        (b"\x28\xb5\x2f\xfd", "unzstd"),
        (b"BZh9", "bunzip2"),
        (b"PK\x03\x04", "unzip"),
        (b"QFI\xfb", "qemu-img convert -f qcow2"),
        (b'# Disk DescriptorFile\nRW 2048 FLAT "/etc/shadow" 0\n', "qemu-img convert -f vmdk"),
    ],
)
def test_not_raw(tmp_path: Path, start: bytes, words: str) -> None:
    file = tmp_path / "image.bin"
    file.write_bytes(start + bytes(5000))
    with pytest.raises(B2ctError, match="raw") as caught, open_image(file):
        pass
    assert words in caught.value.hint


@pytest.mark.parametrize("kind", ["qcow2", "vmdk", "vdi", "vpc", "vhdx", "qed", "parallels"])
def test_what_qemu_img_makes_is_not_raw(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "image.bin"
    subprocess.run(["qemu-img", "create", "-q", "-f", kind, file, "1M"], check=True)
    with pytest.raises(B2ctError, match=f"{kind} image, not a raw one"), open_image(file):
        pass


def test_no_image(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    for name, words in (("none", "no such file"), ("empty", "empty"), ("pipe", "not a file")):
        with pytest.raises(B2ctError, match=words), open_image(tmp_path / name):
            pass
    with pytest.raises(B2ctError, match="not a file"), open_image(tmp_path):
        pass


def test_holes(tmp_path: Path) -> None:
    file = tmp_path / "image"
    with file.open("wb") as out:
        out.truncate(64 << 20)
        out.seek(32 << 20)
        out.write(b"data")
    with open_image(file) as image:
        assert not image.hole(32 << 20, 33 << 20)
        assert image.hole(0, 1 << 20) or image.data == ((0, 64 << 20),)
        assert image.hole(0, 1 << 20) == image.hole(60 << 20, 64 << 20)
        assert not boots_from_stick(image)


@given(st.lists(st.tuples(st.integers(0, 4 * GRAIN - 1), st.integers(1, 255)), max_size=5))
@settings(max_examples=30)
def test_spans_cover_the_buffer_and_never_call_data_zero(marks: list[tuple[int, int]]) -> None:
    data = bytearray(4 * GRAIN)
    for at, value in marks:
        data[at] = value
    found = spans(memoryview(data), 1 << 30)
    assert found[0].start == 1 << 30
    assert found[-1].end == (1 << 30) + len(data)
    assert all(a.end == b.start and a.zero != b.zero for a, b in pairwise(found))
    for span in found:
        part = data[span.start - (1 << 30) : span.end - (1 << 30)]
        assert not span.zero or not any(part)


def test_is_zero() -> None:
    assert is_zero(memoryview(bytes(7)))
    assert not is_zero(memoryview(bytes(GRAIN - 1) + b"\x01"))
