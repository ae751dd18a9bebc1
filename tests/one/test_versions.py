"""Which version is spoken to in which way."""

from __future__ import annotations

import pytest

from b2ct.core.errors import B2ctError
from b2ct.one.versions import DIALECTS, dialect, numbers


@pytest.mark.parametrize(
    ("version", "row"),
    [
        ("5.12.0.4", "5.12"), ("6.0.0", "5.12"), ("6.4.1", "6.4"), ("6.8.0", "6.8"),
        ("6.10.5", "6.10"), ("6.99.80", "6.10"), ("7.0.1", "7.0"), ("7.2.0", "7.2"),
        ("7.4.0", "7.2"),
    ],
)  # fmt: skip
def test_the_newest_row_that_is_not_newer(version: str, row: str) -> None:
    said: list[str] = []
    assert str(dialect(version, said.append)) == row
    assert said == []


def test_a_newer_server_is_spoken_to_with_a_word() -> None:
    said: list[str] = []
    assert dialect("8.0.0", said.append) == DIALECTS[-1]
    assert len(said) == 1
    assert "8.0.0 is newer" in said[0]


def test_an_older_one_too() -> None:
    said: list[str] = []
    assert dialect("5.4.1", said.append) == DIALECTS[0]
    assert "5.4.1 is older" in said[0]


@pytest.mark.parametrize("version", ["4.14.2", "", "nonsense", "<html>"])
def test_what_is_refused(version: str) -> None:
    with pytest.raises(B2ctError) as caught:
        dialect(version)
    assert caught.value.hint


def test_what_differs() -> None:
    old, new = dialect("6.10.5"), dialect("7.4.0")
    assert (old.ssh_driver, new.ssh_driver) == ("ssh", "local")
    assert (old.flow_template, new.flow_template) == ("vm_template", "template_id")
    assert (dialect("5.12.0").force_delete, old.force_delete) == (False, True)
    assert (new.server, str(new)) == ("7.4.0", "7.2")
    assert numbers("6.10.5") > numbers("6.8.3")
