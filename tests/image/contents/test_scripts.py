"""What holds for every script of a worker."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.image.contents.worker import IMAGES, WORKER, scripts


def test_shellcheck_finds_nothing() -> None:
    assert len(scripts()) > 20
    profile = WORKER / "etc/profile.d/b2ct.sh"
    for words in (["-s", "sh", str(profile)], [str(path) for path in scripts()]):
        done = subprocess.run(
            ["shellcheck", "-S", "style", *words], capture_output=True, text=True, check=False
        )
        assert done.stdout + done.stderr == ""


@pytest.mark.parametrize("script", scripts(), ids=lambda path: str(path.relative_to(IMAGES)))
def test_a_script_stops_at_its_first_failure(script: Path) -> None:
    text = script.read_text()
    assert "set -eu" in text or len(text.splitlines()) < 3  # one that only execs another


def test_what_is_run_in_the_image_is_executable_in_the_repository() -> None:
    for path in scripts():
        if "files" in path.relative_to(IMAGES).parts:
            assert os.access(path, os.X_OK), path
