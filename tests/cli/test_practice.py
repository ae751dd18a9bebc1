from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from b2ct.cli.practice import practice
from b2ct.core.errors import B2ctError


def test_it_builds_and_says_what_it_built(tmp_path: Path) -> None:
    out = tmp_path / "el6.iso"
    done = CliRunner().invoke(practice, ["--layout", "el6", "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert f"layout el6, {out.stat().st_size} bytes" in done.stdout
    assert "Secure Boot off" in done.stderr


def test_unknown_layout_is_a_usage_error(tmp_path: Path) -> None:
    done = CliRunner().invoke(practice, ["--layout", "el5", "-o", str(tmp_path / "a.iso")])
    assert done.exit_code == 2
    assert "el6" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_kernel_that_is_none_is_refused_and_nothing_written(tmp_path: Path) -> None:
    fake = tmp_path / "vmlinuz"
    fake.write_text("text")
    words = ["--layout", "el9", "-o", str(tmp_path / "a.iso"), "--kernel", str(fake)]
    done = CliRunner().invoke(practice, words)
    assert isinstance(done.exception, B2ctError)
    assert "not an x86 Linux kernel" in done.exception.message
    assert list(tmp_path.iterdir()) == [fake]
