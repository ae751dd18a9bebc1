"""`b2ct next` as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.program import b2ct


def test_from_an_empty_folder_to_the_first_installer(tmp_path: Path) -> None:
    first = b2ct("next", cwd=tmp_path)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.splitlines()[0] == "next   describe the site: there is no site.yaml here"
    assert first.stdout.splitlines()[-1] == "       b2ct init"
    assert b2ct("init", "--yes", cwd=tmp_path).returncode == 0
    then = b2ct("next", "--offline", cwd=tmp_path)
    assert "next   make the installer: no installer of B2CT is in this folder\n" in then.stdout
    assert len(then.stdout.splitlines()) <= 10


def test_a_broken_file_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("nodes: [{nam: x}]\n")
    done = b2ct("next", "--site", "mine.yaml", "--json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["commands"] == ["b2ct check mine.yaml"]
    assert told["steps"][0]["text"].startswith("mine.yaml:1:")
