"""The manual pages: all verbs are in them, and who reads man(7) finds nothing wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from b2ct.cli import manual
from b2ct.cli.main import VERBS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("share") / "man" / "man1"
    with pytest.MonkeyPatch.context() as clock:
        clock.setenv("SOURCE_DATE_EPOCH", "1790000000")
        manual.write(folder)
    return folder


def shown(page: Path) -> str:
    """What a reader sees, on paper of 80 columns; warnings are errors."""
    done = subprocess.run(
        ["man", "--warnings=w", "--local-file", page], capture_output=True, text=True, timeout=60,
        env={**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8"}, check=True,
    )  # fmt: skip
    assert done.stderr == "", page.name
    return done.stdout


def test_there_is_a_page_for_every_verb(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    assert names == {"b2ct.1", *(f"b2ct-{verb}.1" for verb in VERBS)}


def test_mandoc_finds_nothing(folder: Path) -> None:
    if not shutil.which("mandoc"):
        pytest.skip("mandoc is not installed")
    done = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "style", *sorted(folder.iterdir())],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    # How long the lines of the markup are, no reader sees.
    found = [line for line in done.stdout.splitlines() if "line longer than 80 bytes" not in line]
    assert found == []


def test_man_shows_each_without_a_warning(folder: Path) -> None:
    if not shutil.which("man"):
        pytest.skip("man is not installed")
    for page in sorted(folder.iterdir()):
        assert shown(page).startswith(page.stem.upper()), page.name


def test_a_group_has_its_verbs_as_sections_with_their_options(folder: Path) -> None:
    if not shutil.which("man"):
        pytest.skip("man is not installed")
    text = shown(folder / "b2ct-usb.1")
    assert "B2CT USB WRITE\n" in text
    assert "sudo $(which b2ct) usb write site.iso /dev/sdb\n" in text
    assert "--practice-file" in text
    assert "2026-09-21" in text
    assert "b2ct(1)" in text


def test_the_first_page_says_examples_exit_codes_and_the_others(folder: Path) -> None:
    text = (folder / "b2ct.1").read_text()
    for part in ('.SH "EXAMPLES"', '.SH "EXIT STATUS"', "130 interrupted", r"\fBb2ct\-usb\fR(1)"):
        assert part in text


@pytest.mark.parametrize("text", [".so /etc/passwd", "'br", r"\fBbold", "back\\slash"])
def test_text_is_never_markup(text: str) -> None:
    line = manual._line(text)
    assert not line.startswith((".", "'"))
    assert "\\" not in text or r"\e" in line


def test_it_is_a_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "b2ct.cli.manual", tmp_path / "man1"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert len(done.stdout.splitlines()) == len(list((tmp_path / "man1").iterdir())) > 20
