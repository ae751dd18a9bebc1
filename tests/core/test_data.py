"""The data folders are found in a checkout; tests/test_wheel.py looks for them in a wheel."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.core.data import cache_folder, data_folder


@pytest.mark.parametrize("name", ["kickstart", "images", "packer", "templates"])
def test_data_folders_are_there(name: str) -> None:
    folder = data_folder(name)
    assert folder.is_dir()
    assert any(folder.iterdir())


@pytest.mark.parametrize(
    ("value", "folder"), [("/big/cache", "/big/cache"), ("", ".cache"), ("relative", ".cache")]
)
def test_the_cache_folder_follows_xdg(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str, folder: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", value)
    assert cache_folder() == tmp_path / folder / "b2ct"
