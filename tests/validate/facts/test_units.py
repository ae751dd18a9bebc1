from __future__ import annotations

import pytest

from b2ct.validate.check import NotApplicableError
from b2ct.validate.facts import units
from tests.validate.fake import Fake

TEXT = """LoadState=loaded
ActiveState=active
SubState=running
Result=success
UnitFileState=enabled

LoadState=not-found
ActiveState=inactive
SubState=dead
Result=success
UnitFileState=

LoadState=loaded
ActiveState=failed
SubState=failed
Result=exit-code
UnitFileState=disabled

LoadState=masked
ActiveState=inactive
SubState=dead
Result=success
UnitFileState=masked
"""


def test_blocks_are_taken_in_their_order() -> None:
    a, b, c, d = units.parse(["a", "b", "c", "d"], TEXT)
    assert (a.running, a.known, a.state) == (True, True, "active (running)")
    assert (b.running, b.known, b.state) == (False, False, "not installed")
    assert (c.running, c.state, c.file) == (False, "failed (exit-code)", "disabled")
    assert (d.known, d.state) == (True, "masked")


def test_what_is_cut_off_is_not_installed() -> None:
    found = units.parse(["a", "b"], "LoadState=loaded\nActiveState=active\n")
    assert [unit.known for unit in found] == [True, False]
    assert [unit.known for unit in units.parse(["a"], "")] == [False]


def test_debian_s_name_stands_in() -> None:
    text = "LoadState=not-found\n\nLoadState=loaded\nActiveState=active\n"
    found = units.of(Fake({"systemctl show": text}), ["httpd.service"])
    assert found["httpd.service"].running
    assert found["httpd.service"].name == "apache2.service"


def test_a_release_without_systemd_ends_the_check() -> None:
    with pytest.raises(NotApplicableError, match="systemd"):
        units.of(Fake({}, code=127), ["a.service"])
