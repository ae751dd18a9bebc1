"""script/package as somebody calls it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def package(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "packages", *words], cwd=ROOT, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip


def test_the_script_bootstraps_and_calls_it() -> None:
    text = (ROOT / "script" / "package").read_text()
    assert (ROOT / "script" / "package").stat().st_mode & 0o111
    assert "script/bootstrap\n" in text
    assert "python -m packages" in text


def test_help_has_examples() -> None:
    assert "script/package rpm --python 3.12" in package("--help").stdout


@pytest.mark.parametrize("python", ["2.7", "3", "3.x", "3.11.4", "../3.1"])
def test_another_python_is_refused_in_one_line(python: str, tmp_path: Path) -> None:
    done = package("deb", "--python", python, "--output", str(tmp_path / "dist"))
    assert done.returncode == 2
    assert done.stderr == (
        f"script/package: '{python}' is no version of Python\nscript/package: hint: such as 3.11\n"
    )
    assert not (tmp_path / "dist").exists()
