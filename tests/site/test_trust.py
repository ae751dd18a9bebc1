"""What a site.yaml reaches for beyond its folder, and that nothing of it happens unasked."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.core.consent import Consent, Question
from b2ct.core.errors import B2ctError
from b2ct.site import trust
from b2ct.site.chosen import ChosenSite
from b2ct.site.load import load_text
from b2ct.site.trust import Origin


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own; sites lie in `sites/desy` below it."""
    (tmp_path / "sites/desy/sub").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def chosen(text: str, folder: Path, consent: Consent | None = None) -> ChosenSite:
    origin = Origin(folder / "site.yaml", text)
    return ChosenSite(load_text(text), folder, origin, consent or Consent())


def secret(reference: str) -> str:
    return f"secrets: {{root_password: {reference}}}\n"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("pw", True), ("sub/../pw", True), ("sub/pw", True), (".hidden", True),
        ("../pw", False), ("/etc/passwd", False), ("link", False), ("sub/link", False),
        ("~/pw", False),
    ],
)  # fmt: skip
def test_a_file_is_the_sites_when_it_lies_below_its_folder(
    home: Path, path: str, expected: bool
) -> None:
    folder = home / "sites/desy"
    (folder / "link").symlink_to("/etc/passwd")
    (folder / "sub/link").symlink_to("../../pw")
    assert trust.inside(folder, Path(path)) is expected


def test_in_the_home_folder_hidden_files_are_the_users_own(home: Path) -> None:
    assert trust.inside(home, Path("pw"))
    assert not trust.inside(home, Path(".ssh/config"))
    assert not trust.inside(home, Path("sites/../.netrc"))
    assert not trust.inside(home.parent, Path("pw"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (secret("{file: pw}"), []),
        (secret("{env: HOME}"), []),
        (secret("{command: [pass, show, a b]}"),
         ["secrets.root_password runs the command: pass show 'a b'"]),
        (secret("{file: /etc/hostname}"), ["secrets.root_password reads the file: /etc/hostname"]),
        ("workers: {w: {scripts: [ok.sh, ../up.sh], user_data: /x}}\n",
         ["workers.w.scripts reads the file: ../up.sh", "workers.w.user_data reads the file: /x"]),
        ("cvmfs: {keys: {a.org: /k}}\n", ["cvmfs.keys.a.org reads the file: /k"]),
    ],
)  # fmt: skip
def test_what_a_site_reaches_for(home: Path, text: str, told: list[str]) -> None:
    folder = home / "sites/desy"
    assert trust.reaches(load_text(text), folder) == told


def test_a_variable_counts_where_it_goes_to_a_server_that_only_the_site_names(home: Path) -> None:
    site = load_text(secret("{env: AWS_SECRET}"))
    told = trust.reaches(site, home / "sites/desy", leaving=True)
    assert told == ["secrets.root_password sends the environment variable: AWS_SECRET"]


class Asked:
    """A person who says yes, and remembers what was asked."""

    def __init__(self) -> None:
        self.questions: list[Question] = []

    def __call__(self, question: Question) -> bool:
        self.questions.append(question)
        return True


def test_a_command_does_not_run_before_somebody_said_yes(home: Path) -> None:
    folder = home / "sites/desy"
    text = secret("{command: [sh, -c, 'touch ran; echo hunter2']}")
    with pytest.raises(B2ctError, match="is not trusted with that") as caught:
        chosen(text, folder).secret("root_password")
    assert "--trust-site" in caught.value.hint
    assert not (folder / "ran").exists()
    asked = Asked()
    value = chosen(text, folder, Consent(asked)).secret("root_password")
    assert value is not None
    assert value.get_secret_value() == "hunter2"
    assert "touch ran" in "\n".join(asked.questions[0].told)


def test_the_sites_own_file_needs_no_question(home: Path) -> None:
    (home / "sites/desy/pw").write_text("hunter2\n")
    value = chosen(secret("{file: pw}"), home / "sites/desy").secret("root_password")
    assert value is not None


def test_another_text_or_another_program_is_asked_for_anew(home: Path) -> None:
    folder = home / "sites/desy"
    program = folder / "tool"
    program.write_text("#!/bin/sh\necho one\n")
    program.chmod(0o755)
    text = secret("{command: [./tool]}")
    asked = Asked()
    consent = Consent(asked, folder=home / ".state")
    for change in (text, text, text + "# other\n"):
        chosen(change, folder, consent).secret("root_password")
    assert len(asked.questions) == 2
    program.write_text("#!/bin/sh\necho evil\n")
    chosen(text, folder, consent).secret("root_password")
    assert len(asked.questions) == 3


def test_the_same_file_elsewhere_is_another_one(home: Path) -> None:
    asked = Asked()
    consent = Consent(asked, folder=home / ".state")
    for folder in (home / "sites/desy", home / "sites"):
        chosen(secret("{command: [echo, x]}"), folder, consent).secret("root_password")
    assert len(asked.questions) == 2


def test_files_of_other_folders_enter_no_vm_unasked(home: Path) -> None:
    site = chosen("workers: {w: {scripts: [/home/me/deploy.sh]}}\n", home / "sites/desy")
    with pytest.raises(B2ctError, match=r"deploy\.sh"):
        site.allow_files()
    chosen("workers: {w: {scripts: [ok.sh]}}\n", home / "sites/desy").allow_files()
