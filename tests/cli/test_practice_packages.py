from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from b2ct.cli.main import b2ct
from b2ct.core.errors import B2ctError


def test_it_says_what_it_made_and_what_to_do_with_it(tmp_path: Path) -> None:
    out = tmp_path / "made"
    done = CliRunner().invoke(b2ct, ["practice", "packages", "--apt", "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert f"b2ct image build {out}/practice-debian-12.yaml" in done.stdout
    assert not (out / "rpm").exists()


def test_json(tmp_path: Path) -> None:
    words = ["practice", "packages", "--apt", "--json", "-o", str(tmp_path / "made")]
    told = json.loads(CliRunner().invoke(b2ct, words).stdout)
    assert told["apt"] == str(tmp_path / "made/apt")
    assert told["rpm"] is None
    assert len(told["fingerprint"]) == 40


def test_an_unknown_definition_is_refused_and_nothing_written(tmp_path: Path) -> None:
    words = ["practice", "packages", "--for", "el99-worker", "-o", str(tmp_path / "made")]
    done = CliRunner().invoke(b2ct, words)
    assert isinstance(done.exception, B2ctError)
    assert list(tmp_path.iterdir()) == []


def test_options_of_the_iso_before_the_word_are_a_usage_error(tmp_path: Path) -> None:
    words = ["practice", "--layout", "el9", "packages", "-o", str(tmp_path / "made")]
    done = CliRunner().invoke(b2ct, words)
    assert done.exit_code == 2
    assert "behind 'packages'" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_a_layout_it_asks_for_one() -> None:
    done = CliRunner().invoke(b2ct, ["practice"])
    assert done.exit_code == 2
    assert "--layout" in done.stderr
