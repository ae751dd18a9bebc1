"""Configuration text and cloud.auth, read back by what DIRAC reads them with."""

from __future__ import annotations

import configparser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2ct.core.errors import B2ctError
from b2ct.dirac import cfg, cloudauth
from tests.dirac import read

NAMES = st.text("abcXYZ019._-", min_size=1, max_size=8)
VALUES = st.text(st.characters(codec="utf-8"), max_size=12)
TREES: Any = st.recursive(VALUES, lambda inner: st.dictionaries(NAMES, inner, max_size=3))


@settings(max_examples=60)
@given(tree=st.dictionaries(NAMES, TREES, max_size=3))
def test_diraccfg_reads_what_was_written_or_it_is_refused(tree: dict[str, Any]) -> None:
    try:
        text = cfg.render(tree, comments=["made by a test"])
    except B2ctError:
        return
    assert read.tree(text) == tree


@pytest.mark.parametrize("name", ["", "a b", "a{", "a=b", "a/b", "#a", "a\n"])
def test_names_that_dirac_would_misread(name: str) -> None:
    with pytest.raises(B2ctError, match="cannot be a name"):
        cfg.render({name: "x"})


@pytest.mark.parametrize("value", [" x", "x ", "a\nb", "a\x00"])
def test_values_that_dirac_would_misread(value: str) -> None:
    with pytest.raises(B2ctError, match="the value of x"):
        cfg.render({"x": value})


def as_dirac(text: str, ce: str) -> tuple[str, str]:
    """CloudComputingElement._getDriverAuth."""
    parser = configparser.ConfigParser()
    parser.read_string(text)
    return parser[ce]["key"], parser[ce]["secret"]


@settings(max_examples=100)
@given(password=VALUES)
def test_dirac_reads_the_same_password(password: str) -> None:
    try:
        text = cloudauth.text("one.example.org", "dirac", password)
    except B2ctError:
        return
    assert as_dirac(text, "one.example.org") == ("dirac", password)


@pytest.mark.parametrize("password", ["", " x", "x ", "PROXY", "a\nb"])
def test_passwords_that_dirac_would_misread(password: str) -> None:
    with pytest.raises(B2ctError, match="password") as caught:
        cloudauth.text("ce", "dirac", password)
    assert "another password" in caught.value.hint


def test_cloud_auth_is_read_as_dirac_does(tmp_path: Path) -> None:
    path = tmp_path / "cloud.auth"
    path.write_text("[DEFAULT]\nkey = d\nsecret = e\n" + cloudauth.text("ce", "dirac", "a%b"))
    path.chmod(0o600)
    assert cloudauth.read(path, "ce") == ("dirac", "a%b")
    assert cloudauth.read(path, "other") == ("d", "e")


@pytest.mark.parametrize("text", ["", "[x\n", "[ce]\nkey = x\n", "[ce]\nkey=x\nsecret=a%b\n", "x"])
def test_a_cloud_auth_that_is_none(text: str, tmp_path: Path) -> None:
    path = tmp_path / "cloud.auth"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(B2ctError, match="holds no `key` and `secret` for ce"):
        cloudauth.read(path, "ce")


def test_a_cloud_auth_that_others_may_read(tmp_path: Path) -> None:
    path = tmp_path / "cloud.auth"
    path.write_text(cloudauth.text("ce", "dirac", "x"))
    path.chmod(0o640)
    with pytest.raises(B2ctError, match=r"mode 0640") as caught:
        cloudauth.read(path, "ce")
    assert "chmod 600" in caught.value.hint
    with pytest.raises(B2ctError, match="cannot read"):
        cloudauth.read(tmp_path / "none", "ce")
