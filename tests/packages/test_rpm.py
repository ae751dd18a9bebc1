"""The .rpm as rpm and rpmlint read it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from packages import rpm, tree
from packages.about import About
from tests.packages import small

ABOUT = About("3.12", 1790000000, commit="0" * 40)
ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(not shutil.which("rpmbuild"), reason="rpmbuild is not installed")


def said(*words: str | Path) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=300).stdout


def test_the_same_tree_makes_the_same_bytes(tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        work = tmp_path / name
        work.mkdir()
        made.append(rpm.build(small.make(work / "tree"), ABOUT, work, work).read_bytes())
    assert made[0] == made[1]


def test_what_it_says_of_itself(tmp_path: Path) -> None:
    made = rpm.build(small.make(tmp_path / "tree"), ABOUT, tmp_path, tmp_path)
    assert made.name == f"b2ct-{ABOUT.version}-20260921141320.py312.x86_64.rpm"
    needed = said("rpm", "--query", "--package", "--requires", made).splitlines()
    assert "/usr/bin/python3.12" in needed
    assert "libc.so.6(GLIBC_2.28)(64bit)" in needed
    assert said("rpm", "--query", "--package", "--queryformat", "%{LICENSE}", made) == "Apache-2.0"
    changes = said("rpm", "--query", "--package", "--changelog", made)
    assert f"- Made from commit {'0' * 40}." in changes


def test_every_file_is_in_it_and_is_roots(tmp_path: Path) -> None:
    made = rpm.build(small.make(tmp_path / "tree"), ABOUT, tmp_path, tmp_path)
    query = ("rpm", "--query", "--package", "--queryformat")
    shown = said(*query, "[%{FILENAMES}\t%{FILEUSERNAME}\t%{FILEMTIMES}\n]", made)
    rows = [line.split("\t") for line in shown.splitlines()]
    names = {name for name, _, _ in rows}
    assert {
        "/usr/bin/b2ct",
        "/usr/lib/b2ct/lib/a b%d.txt",
        "/usr/share/licenses/b2ct/LICENSE",
    } <= names
    assert "/usr/bin" not in names
    assert {user for _, user, _ in rows} == {"root"}
    assert {time for _, _, time in rows} == {"1790000000"}


def test_its_digests_are_right(built: dict[str, Path]) -> None:
    assert "digests OK" in said("rpm", "--checksig", "--nosignature", built["rpm"])


def test_rpmlint_finds_no_error(tmp_path: Path) -> None:
    """In all that is ours."""
    if not shutil.which("rpmlint"):
        pytest.skip("rpmlint is not installed")
    tree.around(tmp_path / "tree", ABOUT)
    made = rpm.build(tmp_path / "tree", ABOUT, tmp_path, tmp_path)
    words = ["rpmlint", "--config", f"{ROOT}/packages/files/rpmlint.toml", str(made)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    found = [line for line in done.stdout.splitlines() if ": E: " in line]
    # The wheels, which are left out here, bring what is compiled.
    assert [line for line in found if not line.endswith(" no-binary")] == []
    assert "1 packages" in done.stdout
