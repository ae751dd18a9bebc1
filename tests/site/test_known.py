"""The lists of what installers know, against what this machine's own libraries have."""

from __future__ import annotations

import zoneinfo

import pytest

from b2ct.site.crosscheck import known


def test_every_time_zone_of_this_machine_is_known() -> None:
    here = zoneinfo.available_timezones() - {"localtime", "Factory", "build/etc/localtime"}
    # A machine with a newer database has newer zones: they are new lines of the list.
    assert len(here - known.names("timezones")) < 10
    assert {"UTC", "Europe/Rome", "Asia/Tokyo"} <= known.names("timezones")


@pytest.mark.parametrize("kind", ["timezones", "keyboards", "languages"])
def test_each_list_is_sorted_and_has_no_name_twice(kind: str) -> None:
    lines = (known.FOLDER / f"{kind}.txt").read_text().splitlines()
    assert lines[0].startswith("# ")
    assert lines[1:] == sorted(set(lines[1:]))


@pytest.mark.parametrize(
    "name", ["us", "uk", "gb", "de", "de-latin1", "de-nodeadkeys", "it", "fr", "jp106", "jp", "no",
             "br-abnt2", "es", "us-intl", "cz-qwerty", "slovene", "sv-latin1", "trq"],
)  # fmt: skip
def test_keyboards_of_people(name: str) -> None:
    assert name in known.names("keyboards")


@pytest.mark.parametrize("name", ["br0", "br20", "brvms", "vmbr0", "lan", "enbridge", "one", "vms"])
def test_a_bridge_may_be_called(name: str) -> None:
    assert known.taken(name) == ""
