"""script/audit tells known weaknesses, and what it could not ask about, from nothing found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

AUDIT = Path(__file__).parents[1] / "script" / "audit"


def audited(folder: Path, answer: str, code: int) -> subprocess.CompletedProcess[str]:
    """The script, copied to a project of its own, with a pip-audit that gives this answer."""
    place = folder / ".venv" / "bin" / "pip-audit"
    place.parent.mkdir(parents=True)
    place.write_text(f"#!{sys.executable}\nprint({answer!r})\nraise SystemExit({code})\n")
    place.chmod(0o755)
    script = folder / "script" / "audit"
    script.parent.mkdir()
    script.write_bytes(AUDIT.read_bytes())
    return _run(script)


def _run(script: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, str(script)]
    environment = {**os.environ, "PATH": "/nowhere"}
    return subprocess.run(
        argv, capture_output=True, text=True, env=environment, timeout=60, check=False
    )


def package(name: str, *ids: str, **more: str) -> dict[str, object]:
    vulns = [{"id": found, "fix_versions": ["2.0"], "aliases": []} for found in ids]
    return {"name": name, "version": "1.0", **({} if more else {"vulns": vulns}), **more}


def test_a_known_weakness_ends_it_with_1(tmp_path: Path) -> None:
    answer = json.dumps({"dependencies": [package("a"), package("b", "PYSEC-1")], "fixes": []})
    done = audited(tmp_path, answer, 1)
    assert done.returncode == 1
    assert "b 1.0: PYSEC-1, mended in 2.0" in done.stdout
    assert "2 packages asked about, 1 known weaknesses" in done.stderr


def test_none_is_said(tmp_path: Path) -> None:
    done = audited(tmp_path, json.dumps({"dependencies": [package("a")], "fixes": []}), 0)
    assert (done.returncode, done.stderr) == (
        0, "audit: 1 packages asked about, 0 known weaknesses\n",
    )  # fmt: skip


def test_what_a_mirror_does_not_know_is_said(tmp_path: Path) -> None:
    skipped = package("a", skip_reason="Dependency not found on PyPI")
    done = audited(tmp_path, json.dumps({"dependencies": [skipped], "fixes": []}), 0)
    assert done.returncode == 0
    assert "1 packages have no advisories" in done.stderr
    assert "0 packages asked about" in done.stderr


@pytest.mark.parametrize("answer", ["", "requests.exceptions.ProxyError"])
def test_without_a_network_it_says_so_and_goes_on(answer: str, tmp_path: Path) -> None:
    done = audited(tmp_path, answer, 1)
    assert done.returncode == 0
    assert "cannot be reached, nobody was asked" in done.stderr


def test_without_pip_audit_it_says_so_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "script").mkdir()
    script = tmp_path / "script" / "audit"
    script.write_bytes(AUDIT.read_bytes())
    done = _run(script)
    assert done.returncode == 0
    assert "pip-audit is not installed" in done.stderr
