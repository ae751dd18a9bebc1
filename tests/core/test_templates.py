"""The environment of all templates: guarded, strict, and of several folders."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import jinja2
import pytest

from b2ct import __version__
from b2ct.core import templates


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
        (folder / "same.j2").write_text(folder.name)
    (two / "part.j2").write_text("[{{ value | sh }}]\n")
    (one / "whole.j2").write_text("{% include 'part.j2' %}")
    return one, two


def test_the_first_folder_wins_and_includes_cross_folders(folders: tuple[Path, Path]) -> None:
    made = templates.environment(*folders)
    assert made.get_template("same.j2").render() == "one"
    assert made.get_template("whole.j2").render(value="a b") == "['a b']\n"


@pytest.mark.parametrize("text", ["{{ value }}", "{{ value ~ 'x' }}", "{{ value | upper }}"])
def test_a_value_without_a_filter_is_an_error(text: str, folders: tuple[Path, Path]) -> None:
    with pytest.raises(TypeError, match="without a filter"):
        templates.environment(*folders).from_string(text).render(value="x")


def test_an_unknown_value_is_an_error(folders: tuple[Path, Path]) -> None:
    with pytest.raises(jinja2.UndefinedError):
        templates.environment(*folders).from_string("{{ missing | sh }}").render()


@pytest.fixture(autouse=True)
def _no_cache_yet() -> Iterator[None]:
    """The folder is looked for once a process."""
    templates._compiled.cache_clear()
    yield
    templates._compiled.cache_clear()


def compiled(folder: Path) -> list[Path]:
    return list(folder.rglob("*.cache"))


def test_compiled_templates_are_kept(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert templates.environment(*folders).get_template("same.j2").render() == "one"
    assert len(compiled(tmp_path / "b2ct")) == 1
    assert [p.stat().st_mode & 0o777 for p in (tmp_path / "b2ct").iterdir()] == [0o700]


def writable_by_others(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)


def of_another_user(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    os.chown(folder, 12345, 12345)


def a_link(folder: Path) -> None:
    (folder.parent / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to("elsewhere")


@pytest.mark.parametrize("plant", [writable_by_others, of_another_user, a_link])
def test_compiled_templates_are_code_and_only_taken_from_a_folder_of_ours(
    folders: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    plant: Callable[[Path], None],
) -> None:
    if plant is of_another_user and os.geteuid() != 0:
        pytest.skip("only root gives folders away")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "b2ct").mkdir()
    plant(tmp_path / "b2ct" / f"templates-{__version__}")
    assert templates.environment(*folders).get_template("same.j2").render() == "one"
    assert compiled(tmp_path / "b2ct") == []


def test_a_folder_for_the_cache_that_cannot_be_made_is_no_error(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert templates.environment(*folders).get_template("same.j2").render() == "one"
