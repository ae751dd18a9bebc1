"""Wheel and sdist, installed into an empty environment, work from any directory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from b2ct import __version__
from b2ct.core import commit
from b2ct.supply import wheel as supply

ROOT = Path(__file__).resolve().parent.parent
DATA = ("kickstart", "images", "packer", "templates")


def _run(*argv: str | Path, **how: str | Path) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    env["PATH"] = str(how.get("PATH", env["PATH"]))
    done = subprocess.run(
        [str(word) for word in argv],
        cwd=how.get("cwd"), env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{argv}:\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(name="dist", scope="module")
def _dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with both, made the usual way: the sdist, and from it the wheel."""
    out = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT)
    return out


@pytest.fixture(name="wheel", scope="module")
def _wheel(dist: Path) -> Path:
    (wheel,) = dist.glob("*.whl")
    return wheel


@pytest.fixture(name="b2ct", scope="module", params=["*.whl", "*.tar.gz"])
def _b2ct(
    dist: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Path:
    """The command in an environment that has the package and, by a path file, its dependencies.

    The dependencies are the ones that this test runs with, so that no network is needed; the
    project itself must not come with them, so its own path file is left behind.
    """
    (package,) = dist.glob(request.param)
    venv = tmp_path_factory.mktemp("empty") / "venv"
    _run(sys.executable, "-m", "venv", "--without-pip", venv)
    python = venv / "bin" / "python"
    (site,) = (venv / "lib").glob("python*/site-packages")
    # A .pth file adds the folder, but does not read the .pth files in it: no editable install.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    words = ["--no-deps", "--no-index", "--no-build-isolation", "--ignore-installed"]
    _run(sys.executable, "-m", "pip", "--python", python, "install", *words, package)
    return venv / "bin" / "b2ct"


def test_the_data_folders_are_inside(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for folder in DATA:
        ours = {
            f"b2ct/_data/{path.relative_to(ROOT)}"
            for path in (ROOT / folder).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        assert ours <= set(names), folder
    assert "b2ct/core/hosttools.txt" in names
    assert not any(name.startswith(("tests/", "docs/", "script/")) for name in names)


def test_it_is_the_installed_one_that_runs(b2ct: Path, tmp_path: Path) -> None:
    code = "import b2ct; print(b2ct.__file__)"
    where = _run(b2ct.with_name("python"), "-c", code, cwd=tmp_path).stdout
    assert Path(where.strip()).is_relative_to(b2ct.parent.parent)


def test_help_and_version(b2ct: Path, tmp_path: Path) -> None:
    assert "kickstart" in _run(b2ct, "--help", cwd=tmp_path).stdout
    said = _run(b2ct, "--version", cwd=tmp_path).stdout
    assert said == f"b2ct, version {__version__} ({commit.told()})\n"


def test_what_is_installed_remembers_the_commit_without_git(b2ct: Path, tmp_path: Path) -> None:
    code = "from b2ct.core import commit; print(commit.commit())"
    known = _run(b2ct.with_name("python"), "-c", code, cwd=tmp_path, PATH="/nowhere").stdout.strip()
    assert known == commit.commit()


def test_it_is_not_told_from_the_checkout(b2ct: Path, tmp_path: Path) -> None:
    code = "from b2ct.supply import wheel; print(wheel.identity())"
    done = _run(b2ct.with_name("python"), "-c", code, cwd=tmp_path)
    assert done.stdout.strip() == supply.identity()


def test_the_schema(b2ct: Path, tmp_path: Path) -> None:
    schema = json.loads(_run(b2ct, "schema", cwd=tmp_path).stdout)
    assert {"site", "nodes", "networks"} <= set(schema["properties"])


def test_a_kickstart_is_rendered_from_the_shipped_templates(b2ct: Path, tmp_path: Path) -> None:
    text = _run(b2ct, "kickstart", "--role", "hypervisor", cwd=tmp_path).stdout
    assert "%packages" in text
    assert "opennebula-node-kvm" in text
    assert text.count("%end") >= 2


def test_the_doctor_reads_its_table(b2ct: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [str(b2ct), "doctor", "--json"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert json.loads(done.stdout)["tools"]
