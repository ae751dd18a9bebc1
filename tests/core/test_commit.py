"""The commit of a checkout, of what git archived, and of what was packed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from b2ct.core import commit

ROOT = Path(__file__).resolve().parents[2]


def git(checkout: Path, *words: str) -> str:
    name = ["-c", "user.name=B2CT", "-c", "user.email=b2ct@example.org"]
    done = subprocess.run(
        ["git", "-C", checkout, *name, *words], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of one commit."""
    (tmp_path / "b2ct").mkdir()
    for name in ("b2ct/commit.txt", ".gitattributes"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    return tmp_path


def test_git_is_asked_in_a_checkout(checkout: Path) -> None:
    assert commit.commit(checkout / "b2ct") == git(checkout, "rev-parse", "HEAD")


@pytest.mark.parametrize("name", ["b2ct/new.py", "b2ct/commit.txt"])
def test_a_file_that_differs_is_said(checkout: Path, name: str) -> None:
    with (checkout / name).open("a") as file:
        file.write("x = 1\n")
    assert commit.commit(checkout / "b2ct") == git(checkout, "rev-parse", "HEAD") + "+"


def test_what_is_not_shipped_does_not_count(checkout: Path) -> None:
    (checkout / "notes.txt").write_text("mine\n")
    assert not commit.commit(checkout / "b2ct").endswith("+")


def test_a_hook_of_another_repository_does_not_mislead(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert len(commit.commit(checkout / "b2ct")) == 40


def test_what_git_archived_needs_no_git(checkout: Path, tmp_path: Path) -> None:
    there = tmp_path / "archived"
    there.mkdir()
    subprocess.run(f"git -C {checkout} archive HEAD | tar -C {there} -x", shell=True, check=True)
    assert commit.commit(there / "b2ct") == git(checkout, "rev-parse", "HEAD")


@pytest.mark.parametrize("broken", ["no git", "no repository", "no commit"])
def test_nobody_knows(checkout: Path, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    if broken == "no git":
        monkeypatch.setenv("PATH", "/nowhere")
    elif broken == "no repository":
        (checkout / ".git" / "HEAD").unlink()
    else:
        git(checkout, "checkout", "--quiet", "--orphan", "empty")
    assert commit.commit(checkout / "b2ct") == ""


@pytest.mark.parametrize(
    ("known", "text"),
    [
        ("", "commit not known"),
        ("0123456789abcdef" + "0" * 24, "commit 0123456789ab"),
        ("0123456789abcdef" + "0" * 24 + "+", "commit 0123456789ab, changed since"),
    ],
)
def test_for_a_person(known: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "commit", lambda: known)
    assert commit.told() == text
