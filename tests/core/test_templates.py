"""The environment of all templates: guarded, strict, and of several folders."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pytest

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


def test_a_folder_for_the_cache_that_cannot_be_made_is_no_error(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert templates.environment(*folders).get_template("same.j2").render() == "one"
