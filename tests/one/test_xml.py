"""Hostile answers, as one line."""

from __future__ import annotations

import pytest

from b2ct.one import xml
from b2ct.one.faults import BrokenError


@pytest.mark.parametrize(
    ("body", "match"),
    [
        ("", "malformed"),
        ("no XML", "malformed"),
        ("<IMAGE><ID>1</ID>", "malformed"),
        ("<IMAGE>\x00</IMAGE>", "malformed"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><IMAGE>&a;</IMAGE>', "document type"),
        ("<IMAGE>&undefined;</IMAGE>", "malformed"),
        ('<!DOCTYPE x SYSTEM "file:///etc/passwd"><IMAGE/>', "document type"),
    ],
)
def test_hostile_bodies(body: str, match: str) -> None:
    with pytest.raises(BrokenError, match=match) as caught:
        xml.tree(body)
    assert caught.value.hint
