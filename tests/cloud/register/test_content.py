"""The file that is to be registered, and its papers."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.cloud.register import content
from b2ct.core.errors import B2ctError, VerdictError
from b2ct.papers.verify import NOBODY
from tests.cloud.shop import a_content, a_qcow2


def test_no_qcow2(tmp_path: Path) -> None:
    (tmp_path / "junk.qcow2").write_bytes(b"thirteen byte")
    with pytest.raises(B2ctError, match="no QCOW2"):
        content.read(tmp_path / "junk.qcow2", NOBODY, unverified=True)


def test_no_papers(tmp_path: Path) -> None:
    image = a_qcow2(tmp_path / "bare.qcow2", papers=False)
    with pytest.raises(B2ctError, match="no manifest") as caught:
        content.read(image, NOBODY)
    assert "--unverified" in caught.value.hint
    found = content.read(image, NOBODY, unverified=True)
    assert (found.plain_name, found.virtual_mib, found.name) == ("bare", 8, "")


def test_damaged(tmp_path: Path) -> None:
    image = a_qcow2(tmp_path / "w.qcow2")
    data = bytearray(image.read_bytes())
    data[-1] ^= 1
    image.write_bytes(data)
    with pytest.raises(VerdictError, match="was changed"):
        content.read(image, NOBODY)


def test_a_copy_that_was_cut_and_has_no_papers(tmp_path: Path) -> None:
    image = a_qcow2(tmp_path / "bare.qcow2", papers=False)
    with image.open("r+b") as file:
        file.truncate(70_000)
    with pytest.raises(B2ctError, match="damaged, perhaps a copy that was cut"):
        content.read(image, NOBODY, unverified=True)


def test_a_file_that_changes_after_it_was_checked(tmp_path: Path) -> None:
    made = a_content(tmp_path / "w.qcow2")
    made.path.write_bytes(b"x")
    with pytest.raises(B2ctError, match="has changed"):
        content.sha1(made)
