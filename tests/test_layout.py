"""The top level is what the project says it is; the lock file fits what it locks."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {
    *("b2ct", "kickstart", "images", "packer", "templates", "tests"),
    *("docs", "benchmarks", "packages", "script", ".ci"),
}
FILES = {
    *("Vagrantfile", "pyproject.toml", "README.md", "ARCHITECTURE.md", "CHANGELOG.md", "LICENSE"),
    *("SECURITY.md", "CONTRIBUTING.md"),
    ".gitignore",
    ".gitattributes",  # `git archive` writes the commit into b2ct/commit.txt
}
# What tools leave behind in a working copy; .gitignore has them too.
PASSING = {".git", ".venv", "build", "dist", "demo", "__pycache__"}


def _top_level() -> set[str]:
    return {
        path.name
        for path in ROOT.iterdir()
        if path.name not in PASSING
        and not re.fullmatch(r"\..*_cache|\.hypothesis|.*\.egg-info", path.name)
    }


def test_the_top_level_is_exactly_this() -> None:
    assert _top_level() == FOLDERS | FILES


@pytest.mark.parametrize("name", sorted(FOLDERS))
def test_no_folder_is_empty(name: str) -> None:
    assert any(path.is_file() and path.stat().st_size for path in (ROOT / name).rglob("*"))


@pytest.mark.parametrize("name", ["images", "packer", "templates"])
def test_folders_for_later_say_what_will_belong_there(name: str) -> None:
    held = [path for path in (ROOT / name).rglob("*") if path.is_file() and path.stat().st_size]
    readme = ROOT / name / "README.md"
    assert held != [readme] or len(readme.read_text().split()) > 10
    assert held


def test_what_passes_is_ignored_by_git() -> None:
    ignored = (ROOT / ".gitignore").read_text()
    for name in PASSING - {".git"}:
        assert re.search(rf"^/?{re.escape(name)}/$", ignored, re.MULTILINE), name


@pytest.mark.parametrize(
    "name",
    [
        *("script/bootstrap", "script/test", "script/demo", "script/docs", "script/audit"),
        *("script/package", ".ci/run"),
    ],
)
def test_scripts_can_be_run(name: str) -> None:
    path = ROOT / name
    assert path.stat().st_mode & 0o111
    assert path.read_text().startswith("#!")


def test_ci_runs_the_tests_and_nothing_else() -> None:
    text = (ROOT / ".ci" / "run").read_text()
    assert re.search(r"^exec script/test\b", text, re.MULTILINE)


def _locked() -> dict[str, str]:
    lock = (ROOT / "script" / "requirements.lock").read_text()
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", lock, re.MULTILINE))


def test_the_lock_file_fits_the_requirements() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    for extra in project["project"]["optional-dependencies"].values():
        wanted += extra
    locked = _locked()
    for line in wanted:
        requirement = Requirement(line)
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if name != project["project"]["name"]:
            assert name in locked, f"{line}: run script/lock"
            assert requirement.specifier.contains(locked[name]), f"{line}: run script/lock"


def test_the_lock_file_has_a_hash_for_everything_and_names_no_host() -> None:
    text = (ROOT / "script" / "requirements.lock").read_text()
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(_locked())
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in text
    assert not re.search(r"^\s*--(?!hash)", text, re.MULTILINE)
