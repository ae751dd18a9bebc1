from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.image.disk.qcow2 import to_qcow2
from b2ct.image.model import MIB, Qcow2
from tests.image.disk.trees import told


def a_disk(path: Path, size: int = 64 * MIB) -> Path:
    """A raw disk, mostly holes: text here, noise there."""
    with path.open("wb") as file:
        file.truncate(size)
        file.write(b"some text that packs well\n" * 100_000)
        file.seek(size // 2)
        file.write(os.urandom(5 * MIB))
    return path


@pytest.mark.parametrize(
    "options",
    [
        Qcow2(),
        Qcow2(compression="zlib"),
        Qcow2(compression="none"),
        Qcow2.model_validate({"cluster": "128 KiB"}),
    ],
)
def test_the_same_disk_gives_the_same_bits(tmp_path: Path, options: Qcow2) -> None:
    raw = a_disk(tmp_path / "raw.img")
    sums = set()
    for name in ("a.qcow2", "with, comma:and colon.qcow2"):
        to_qcow2(raw, tmp_path / name, options)
        sums.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(sums) == 1
    out = tmp_path / "a.qcow2"
    assert "No errors were found" in told("qemu-img", "check", "-f", "qcow2", out)
    assert "Images are identical" in told("qemu-img", "compare", "-F", "raw", out, raw)
    about = json.loads(told("qemu-img", "info", "--output=json", out))
    assert about["virtual-size"] == 64 * MIB
    assert about["cluster-size"] == options.cluster
    packed = options.compression != "none"
    assert about["format-specific"]["data"]["compression-type"] == (
        options.compression if packed else "zlib"
    )
    assert (out.stat().st_size < 6 * MIB) == packed
    assert out.stat().st_mode & 0o777 == 0o644


def test_progress_adds_up_to_the_size_of_the_disk(tmp_path: Path) -> None:
    told_so_far: list[int] = []
    to_qcow2(a_disk(tmp_path / "raw.img"), tmp_path / "o.qcow2", Qcow2(), told_so_far.append)
    assert all(count >= 0 for count in told_so_far)
    assert sum(told_so_far) == 64 * MIB
    assert len(told_so_far) > 2


def test_a_full_disk_leaves_the_old_image(small_disk: Path, tmp_path: Path) -> None:
    raw, out = a_disk(tmp_path / "raw.img"), small_disk / "worker.qcow2"
    out.write_text("the old one")
    with pytest.raises(B2ctError, match=r"no space left in .*small for worker\.qcow2") as failed:
        to_qcow2(raw, out, Qcow2())
    assert "-o" in failed.value.hint
    assert [path.name for path in small_disk.iterdir()] == ["worker.qcow2"]
    assert out.read_text() == "the old one"


def test_a_raw_disk_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(B2ctError, match=r"read .*/raw[.]img"):
        to_qcow2(tmp_path / "raw.img", tmp_path / "o.qcow2", Qcow2())
    assert list(tmp_path.iterdir()) == []
