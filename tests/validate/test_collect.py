from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError, InvalidFileError
from b2ct.validate.check import Subject
from b2ct.validate.collect import chosen, collect

HEAD = "from b2ct.validate.check import check, site_check\n"
GOOD = """
@check(proves="it is there", why="it matters", remedy="ssh {user}@{address} touch it")
def test_mine_is_there(host):
    assert host.file("/").exists, "gone"
"""


def folder(tmp_path: Path, text: str, name: str = "test_mine.py") -> Path:
    made = tmp_path / "checks"
    made.mkdir(exist_ok=True)
    (made / name).write_text(text)
    return made


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(InvalidFileError) as caught:
        collect([folder(tmp_path, text)])
    return [line.replace(f"{tmp_path}/checks/", "") for line in caught.value.lines()]


def test_what_ships_is_sound_and_enough() -> None:
    checks = collect()
    assert len(checks) >= 60
    assert len({check.name for check in checks}) == len(checks)
    subjects = [check.subject for check in checks]
    assert subjects == sorted(subjects, key=lambda one: one is Subject.SITE)


def test_a_sites_own_are_found_with_their_metadata(tmp_path: Path) -> None:
    own = folder(tmp_path, f"import os\n{HEAD}{GOOD}")
    folder(tmp_path, "1/0", name="helper.py")  # not named as a test: left alone
    check = next(one for one in collect([own]) if one.name == "mine-is-there")
    assert check.group == "mine"
    assert check.wants == ("host",)
    assert check.source == f"{own}/test_mine.py:4"
    assert sorted(path.name for path in own.iterdir()) == ["helper.py", "test_mine.py"]


def test_modules_of_one_name_in_two_folders(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one = folder(tmp_path / "a", HEAD + GOOD)
    other = folder(tmp_path / "b", HEAD + GOOD.replace("mine_is", "other_is"))
    names = {check.name for check in collect([one, other])}
    assert {"mine-is-there", "other-is-there"} <= names


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def f(:\n", "test_mine.py:1:7: syntax error: "),
        ("import b2ct_no_such_module\n", "test_mine.py:1:1: ModuleNotFoundError: No module named"),
        ("x = 1\ny = x / 0\n", "test_mine.py:2:1: ZeroDivisionError: division by zero"),
        ("raise SystemExit('bye')\n", "test_mine.py:1:1: SystemExit: bye"),
        ("def test_x(host): pass\n", "test_mine.py:1:1: test_x is no check: @check or @site_check"),
        (
            HEAD + "@check(proves='a', why='b')\ndef test_x(): pass\n",
            "test_mine.py:2:1: TypeError: check() missing 1 required keyword-only argument: "
            "'remedy'",
        ),
        (
            HEAD + "@check(proves='a', why='b', remedy='c')\ndef check_x(): pass\n",
            "TypeError: check_x: the name of a check begins with test_",
        ),
        (HEAD + GOOD.replace("(host)", "(hots)"), "nothing is known to give for the parameter `h"),
        (HEAD + GOOD.replace("(host)", "(host, cloud)"), "for the parameter `cloud`"),
        (HEAD + GOOD.replace("{user}", "{usr}"), "`remedy`: {usr} is none of {address}"),
        (HEAD + GOOD.replace("{user}", "${"), "`remedy`: "),
        (HEAD + GOOD.replace("it is there", " "), "`proves` is empty"),
        (HEAD + GOOD.replace("matters", "matters."), "`why` ends with a full stop"),
        (HEAD + GOOD.replace("why=", "on='squit', why="), "`on` is 'squit'"),
        (HEAD + GOOD.replace("why=", "roles=(), why="), "`roles` is empty"),
        (HEAD + GOOD.replace("mine_is_there", "answers_ssh"), "the name `answers-ssh` is taken"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, said: str, tmp_path: Path) -> None:
    lines = problems(tmp_path, text)
    assert any(said in line for line in lines), lines
    assert all(line.startswith("test_mine.py:") for line in lines)


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    folder(tmp_path, "def test_a(host): pass\ndef test_b(host): pass\n", name="test_also.py")
    lines = problems(tmp_path, HEAD + GOOD + GOOD.replace("mine_is", "it_is").replace("(h", "(x"))
    assert [line.partition(" ")[0] for line in lines] == [
        "test_also.py:1:1:", "test_also.py:2:1:", "test_mine.py:7:1:",
    ]  # fmt: skip


def test_a_name_that_is_taken_names_both(tmp_path: Path) -> None:
    folder(tmp_path, HEAD + GOOD, name="test_also.py")
    (line,) = problems(tmp_path, HEAD + GOOD)
    assert "the name `mine-is-there` is taken by" in line
    assert "test_also.py:3" in line


@pytest.mark.parametrize("make", [False, True])
def test_a_folder_without_checks(make: bool, tmp_path: Path) -> None:
    if make:
        (tmp_path / "no").mkdir()
        (tmp_path / "no" / "mine.py").write_text("")
    with pytest.raises(B2ctError, match="holds no checks" if make else "there is no folder"):
        collect([tmp_path / "no"])


def test_patterns_choose_by_name_part_wildcard_and_group(tmp_path: Path) -> None:
    more = GOOD.replace("mine_is_there", "mine_is_gone") + GOOD.replace("mine_is_", "yours_are_")
    checks = [one for one in collect([folder(tmp_path, HEAD + GOOD + more)]) if "mine" in one.group]

    def names(*patterns: str) -> list[str]:
        return [check.name for check in chosen(checks, patterns)]

    everything = ["mine-is-there", "mine-is-gone", "yours-are-there"]
    assert names() == everything
    assert names("mine") == everything  # the group
    assert names("is-gone") == ["mine-is-gone"]
    assert names("test_mine_is_gone") == ["mine-is-gone"]
    assert names("*-there") == ["mine-is-there", "yours-are-there"]
    assert names("is-gone", "YOURS*") == ["mine-is-gone", "yours-are-there"]
    with pytest.raises(B2ctError, match="no check fits 'nothing'"):
        names("is-gone", "nothing")
