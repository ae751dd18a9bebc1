"""What the tests of several verbs need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from b2ct.rehearsal.oned import OnedDouble


@pytest.fixture
def frontend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OnedDouble]:
    """A double of oned that the environment leads to, as the user in ~/.one does."""
    with OnedDouble() as double:
        auth = tmp_path / "one_auth"
        auth.write_text(double.auth)
        auth.chmod(0o600)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("ONE_XMLRPC", double.url)
        monkeypatch.setenv("ONE_AUTH", str(auth))
        monkeypatch.setenv("NO_PROXY", "*")
        monkeypatch.setenv("DIRAC_PASSWORD", "correct-horse-battery")
        yield double
