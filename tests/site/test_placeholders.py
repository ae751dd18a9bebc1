from __future__ import annotations

import pytest

from b2ct.site.placeholders import is_placeholder


@pytest.mark.parametrize(
    ("serial", "expected"),
    [
        ("To Be Filled By O.E.M.", True),
        ("Default  string", True),
        ("0123456789", True),
        ("0000000000", True),
        ("", True),
        ("CZJ1234ABC", False),
        ("VMware-56 4d 0c", False),
    ],
)
def test_what_a_board_says_whose_maker_said_nothing(serial: str, expected: bool) -> None:
    assert is_placeholder(serial) is expected
