from __future__ import annotations

import pytest

from b2ct.core.errors import B2ctError
from b2ct.rehearsal.installer.layouts import LAYOUTS, layout, udev_escape


def test_volume_ids_fit_a_descriptor() -> None:
    assert all(0 < len(row.volume_id.encode("ascii")) <= 32 for row in LAYOUTS.values())


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("CentOS 7 x86_64", r"CentOS\x207\x20x86_64"),
        ("AlmaLinux-9-5-x86_64-dvd", "AlmaLinux-9-5-x86_64-dvd"),
        ("CentOS_6.10_Final", "CentOS_6.10_Final"),
        ("a/b", r"a\x2fb"),
        ("a\\b", r"a\x5cb"),
    ],
)
def test_udev_escape(label: str, name: str) -> None:
    assert udev_escape(label) == name


def test_unknown_layout_names_the_known_ones() -> None:
    with pytest.raises(B2ctError, match="'el5'") as failed:
        layout("el5")
    assert failed.value.hint == "choose one of el6, el7, el9, el10"
