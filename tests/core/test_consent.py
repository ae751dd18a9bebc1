"""A yes is remembered for exactly what was asked, by the one who was asked."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from b2ct.core.consent import Consent, Question, folder_of
from b2ct.core.errors import B2ctError

QUESTION = Question(
    "site", ("site.yaml", "text"), ("it runs a tool",), "Shall it?", "it is not trusted", "--trust"
)


class Person:
    """Answers, and counts how often it was asked."""

    def __init__(self, answer: bool | None) -> None:
        self.answer, self.asked = answer, 0

    def __call__(self, _question: Question) -> bool | None:
        self.asked += 1
        return self.answer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state/consent"


def test_a_yes_is_asked_for_once(folder: Path) -> None:
    person = Person(answer=True)
    for _ in range(3):
        Consent(person, folder=folder).need(QUESTION)
    assert person.asked == 1
    (kept,) = folder.iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "it runs a tool" in kept.read_text()


@pytest.mark.parametrize(
    "other",
    [
        replace(QUESTION, about=("site.yaml", "text ")),
        replace(QUESTION, about=("site.yamltext",)),
        replace(QUESTION, about=("site.yaml", "text", "more")),
        replace(QUESTION, kind="server"),
    ],
)
def test_another_question_is_asked_anew(folder: Path, other: Question) -> None:
    person = Person(answer=True)
    Consent(person, folder=folder).need(QUESTION)
    Consent(person, folder=folder).need(other)
    assert person.asked == 2


def test_a_no_is_not_remembered(folder: Path) -> None:
    person = Person(answer=False)
    for _ in range(2):
        with pytest.raises(B2ctError, match="it is not trusted"):
            Consent(person, folder=folder).need(QUESTION)
    assert person.asked == 2
    assert not folder.exists()


def test_where_nobody_can_be_asked_an_option_says_yes_for_this_run(folder: Path) -> None:
    with pytest.raises(B2ctError, match="it is not trusted") as caught:
        Consent(Person(None), folder=folder).need(QUESTION)
    assert "--trust" in caught.value.hint
    Consent(Person(None), frozenset({"--trust"}), folder).need(QUESTION)
    with pytest.raises(B2ctError):
        Consent(Person(None), folder=folder).need(QUESTION)


@pytest.mark.parametrize("mode", [0o666, 0o660])
def test_a_yes_that_others_may_write_is_none(folder: Path, mode: int) -> None:
    Consent(Person(answer=True), folder=folder).need(QUESTION)
    (folder / QUESTION.digest).chmod(mode)
    with pytest.raises(B2ctError):
        Consent(folder=folder).need(QUESTION)


def test_a_link_is_no_answer(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / QUESTION.digest).symlink_to("/etc/passwd")
    Consent(folder=folder)
    os.lchown(folder / QUESTION.digest, os.geteuid(), -1)
    with pytest.raises(B2ctError):
        Consent(folder=folder).need(QUESTION)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_under_sudo_the_users_folder_is_neither_believed_nor_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Consent(Person(answer=True), folder=folder).need(QUESTION)
    for path in (folder / QUESTION.digest, folder):
        os.chown(path, 65534, -1)
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    person = Person(answer=True)
    Consent(person, folder=folder).need(QUESTION)
    assert person.asked == 1
    assert before == {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert "not remembered" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HOME": "/h"}, Path("/h/.local/state/b2ct/consent")),
        ({"HOME": "/h", "XDG_STATE_HOME": "/s"}, Path("/s/b2ct/consent")),
        ({"HOME": "/h", "XDG_STATE_HOME": "here"}, Path("/h/.local/state/b2ct/consent")),
        ({"HOME": "."}, None),
        ({}, None),
    ],
)
def test_the_folder_follows_the_xdg_specification(
    environ: dict[str, str], expected: Path | None
) -> None:
    assert folder_of(environ) == expected
