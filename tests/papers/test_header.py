"""What a QCOW2's header may say. qemu-img makes the files; where it cannot, a byte is changed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2ct.core.errors import B2ctError
from b2ct.papers.header import need_plain
from b2ct.papers.info import virtual_size
from tests.image.disk.trees import told

SIZE = 1 << 20


def created(image: Path, *options: str) -> Path:
    told("qemu-img", "create", "-q", "-f", "qcow2", *options, image, str(SIZE))
    return image


def refusal(image: Path) -> str:
    with pytest.raises(B2ctError) as caught:
        need_plain(image)
    return caught.value.message


@pytest.mark.parametrize(
    "option",
    [
        "compat=1.1",
        "compat=0.10",
        "lazy_refcounts=on",
        "compression_type=zstd",
        "extended_l2=on,cluster_size=64k",
        "cluster_size=512",
        "cluster_size=2M",
        "refcount_bits=64",
    ],
)
def test_what_is_whole_in_itself(tmp_path: Path, option: str) -> None:
    image = created(tmp_path / "image.qcow2", "-o", option)
    need_plain(image)
    told("qemu-img", "snapshot", "-c", "one", image)  # is in the file too
    assert virtual_size(image) == SIZE


def with_data_file(image: Path) -> Path:
    return created(image, "-o", f"data_file={image.with_suffix('.data')}")


def with_raw_data_file(image: Path) -> Path:
    return created(image, "-o", f"data_file={image.with_suffix('.data')},data_file_raw=on")


def with_backing_file(image: Path) -> Path:
    base = created(image.with_suffix(".base"))
    return created(image, "-b", str(base), "-F", "qcow2")


def encrypted(image: Path) -> Path:
    """LUKS, with as little work for its key as there can be."""
    return created(
        image, "--object", "secret,id=s,data=abc", "-o",
        "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=1",
    )  # fmt: skip


def with_bitmap(image: Path) -> Path:
    told("qemu-img", "bitmap", "--add", created(image), "backup")
    return image


def with_byte(at: int, value: int) -> Callable[[Path], Path]:
    def changed(image: Path) -> Path:
        data = bytearray(created(image).read_bytes())
        data[at] = value
        image.write_bytes(data)
        return image

    return changed


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (with_data_file, r"keeps its data in another file, '.*image\.data'"),
        (with_raw_data_file, r"keeps its data in another file, '.*image\.data'"),
        (with_backing_file, r"depends on another image, '.*image\.base'"),
        (encrypted, "is encrypted"),
        (with_bitmap, "carries dirty bitmaps"),
        # The last bytes of the three sets of features, and the first.
        (with_byte(79, 1 << 0), "was not closed by the program that wrote it"),
        (with_byte(79, 1 << 1), "is damaged, as its own header says"),
        (with_byte(79, 1 << 2), "keeps its data in another file"),
        (with_byte(79, 1 << 5), "has an unknown feature, incompatible bit 5"),
        (with_byte(72, 1 << 7), "has an unknown feature, incompatible bit 63"),
        (with_byte(87, 1 << 1), "has an unknown feature, compatible bit 1"),
        (with_byte(95, 1 << 0), "carries dirty bitmaps"),
        (with_byte(95, 1 << 1), "keeps its data in another file"),
        (with_byte(95, 1 << 2), "has an unknown feature, autoclear bit 2"),
        (with_byte(35, 1), "is encrypted"),  # AES, which qemu-img makes no more
        (with_byte(115, 0x99), "has an unknown part, header extension 0x68"),
        (with_byte(7, 1), "damaged QCOW2 header: version 1"),
        (with_byte(7, 4), "damaged QCOW2 header: version 4"),
        (with_byte(23, 22), r"damaged QCOW2 header: clusters of 2\^22 bytes"),
        (with_byte(101, 1), "damaged QCOW2 header: a length of"),
        (with_byte(117, 255), "damaged QCOW2 header: an extension that does not end"),
    ],
)
def test_what_is_not(tmp_path: Path, make: Callable[[Path], Path], why: str) -> None:
    assert re.search(why, refusal(make(tmp_path / "image.qcow2")))


def test_the_other_file_is_not_opened(tmp_path: Path) -> None:
    """Whoever opens a pipe waits for its other end."""
    image = with_data_file(tmp_path / "image.qcow2")
    (tmp_path / "image.data").unlink()
    os.mkfifo(tmp_path / "image.data")
    with pytest.raises(B2ctError, match="another file"):
        virtual_size(image)


def test_a_name_that_would_write_on_the_terminal(tmp_path: Path) -> None:
    image = tmp_path / "image.qcow2"
    data = with_data_file(image).read_bytes()
    name = os.fsencode(tmp_path / "image.data")
    image.write_bytes(data.replace(name, b"\x1b[2J\n".ljust(len(name), b"x")))
    assert "\\x1b[2J\\n" in refusal(image)


def test_what_is_no_image_at_all(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").touch()
    for name in ("pipe", "empty"):
        assert "is no QCOW2 image" in refusal(tmp_path / name)
    assert "is a directory" in refusal(tmp_path)
    assert "no such file" in refusal(tmp_path / "none")


@given(data=st.binary(max_size=300), at=st.integers(0, 200))
def test_hostile_headers_are_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, at: int
) -> None:
    folder = tmp_path_factory.getbasetemp()
    good = folder / "hostile-base.qcow2"
    if not good.exists():
        created(good)
    image = folder / "hostile.qcow2"
    image.write_bytes(good.read_bytes()[:at] + data)
    with suppress(B2ctError):
        need_plain(image)
