"""B2CT's own wheel, read and installed by the field's own tools."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from b2ct.core import commit
from b2ct.supply import wheel


def test_the_same_files_make_the_same_bytes() -> None:
    assert wheel.make() == wheel.make()


def test_pip_installs_it_and_it_runs_with_its_data(tmp_path: Path) -> None:
    made = tmp_path / wheel.name()
    made.write_bytes(wheel.make())
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps",
         "--target", tmp_path / "there", made],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    shown = subprocess.run(
        [sys.executable, "-c",
         "import b2ct; from b2ct.core.data import data_folder; print(b2ct.__file__);"
         "print(data_folder('kickstart')); print(sorted(data_folder('images').glob('*.yaml'))[0])"],
        check=True, capture_output=True, text=True, cwd=tmp_path, timeout=60,
        env={"PYTHONPATH": str(tmp_path / "there"), "PATH": "/usr/bin:/bin"},
    ).stdout.splitlines()  # fmt: skip
    assert shown[0] == f"{tmp_path}/there/b2ct/__init__.py"
    assert shown[1] == f"{tmp_path}/there/b2ct/_data/kickstart"
    assert shown[2].startswith(f"{tmp_path}/there/b2ct/_data/images/")


def test_it_holds_the_commands_and_nothing_hidden() -> None:
    archive = zipfile.ZipFile(io.BytesIO(wheel.make()))
    assert archive.testzip() is None
    names = archive.namelist()
    info = f"b2ct-{metadata.version('b2ct')}.dist-info"
    assert "b2ct = b2ct.cli.main:main" in archive.read(f"{info}/entry_points.txt").decode()
    assert not [name for name in names if "/." in name or "__pycache__" in name]
    recorded = {line.split(",")[0] for line in archive.read(f"{info}/RECORD").decode().split("\n")}
    assert recorded - {""} == set(names)


def test_it_says_the_commit_which_makes_no_other_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    before = wheel.identity()
    monkeypatch.setattr(commit, "commit", lambda: "0" * 40)
    archive = zipfile.ZipFile(io.BytesIO(wheel.make()))
    assert archive.read("b2ct/commit.txt") == b"0" * 40 + b"\n"
    assert wheel.identity() == before


def test_another_file_is_another_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    before = wheel.identity()
    whole = dict(wheel._contents())
    changed = {**whole, "b2ct/core/errors.py": b"# changed\n"}
    monkeypatch.setattr(wheel, "_contents", lambda: iter(changed.items()))
    assert wheel.identity() != before
