"""The data folders are found in a checkout; tests/test_wheel.py looks for them in a wheel."""

from __future__ import annotations

import pytest

from b2ct.core.data import data_folder


@pytest.mark.parametrize("name", ["kickstart", "images", "packer", "templates"])
def test_data_folders_are_there(name: str) -> None:
    folder = data_folder(name)
    assert folder.is_dir()
    assert any(folder.iterdir())
