"""The data folders are found in a checkout; tests/test_wheel.py looks for them in a wheel."""

from __future__ import annotations

import os
import pwd
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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a home away")
def test_root_does_not_trust_the_cache_of_another_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As under a sudo that leaves HOME as it was."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    os.chown(tmp_path, 12345, 12345)
    assert cache_folder() == Path(pwd.getpwuid(0).pw_dir) / ".cache" / "b2ct"
