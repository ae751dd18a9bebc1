"""What the kernel and lsblk say, parsed; hostile text included."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2ct.core.errors import B2ctError
from b2ct.stick import sources

EL8 = """{
   "blockdevices": [
      {"name": "sda", "maj:min": "  8:0", "fstype": null, "label": null, "serial": "WD 1",
         "vendor": "ATA     ", "model": "WDC WD10",
         "children": [
            {"name": "sda1", "maj:min": "8:1", "fstype": "LVM2_member", "label": null,
               "children": [{"name": "vg-root", "maj:min": "253:0", "fstype": "xfs"}]}
         ]}
   ]
}"""


def test_lsblk_of_el8_nests_and_pads() -> None:
    found = sources.parse_lsblk(EL8)
    assert set(found) == {"8:0", "8:1", "253:0"}
    assert found["8:0"].vendor == "ATA"
    assert found["8:0"].serial == "WD 1"
    assert found["8:1"].fstype == "LVM2_member"
    assert found["253:0"].fstype == "xfs"


def test_lsblk_that_says_nothing_is_no_error() -> None:
    assert sources.parse_lsblk("") == {}
    assert sources.parse_lsblk('{"blockdevices": []}') == {}


@pytest.mark.parametrize("text", ["{", "[]", '{"other": 1}', "lsblk: failed"])
def test_lsblk_that_is_not_json(text: str) -> None:
    with pytest.raises(B2ctError, match="lsblk"):
        sources.parse_lsblk(text)


def test_mountinfo() -> None:
    text = (
        "36 35 98:0 /mnt1 /mnt/a\\040b\\134 rw,noatime master:1 - ext3 /dev/root rw,errors=x\n"
        "37 35 0:40 / /merged rw - overlay overlay rw,lowerdir=/l1:/l2,upperdir=/u\n"
        "rubbish\n"
    )
    first, second = sources.parse_mountinfo(text)
    assert (first.number, first.point, first.fstype) == ("98:0", "/mnt/a b\\", "ext3")
    assert second.options == ("rw", "lowerdir=/l1:/l2", "upperdir=/u")


@given(st.text(max_size=200))
@settings(max_examples=100)
def test_no_text_breaks_the_parsers(text: str) -> None:
    sources.parse_mountinfo(text)
    sources.parse_swaps(text)
    sources.parse_fstab(text)
    with suppress(B2ctError):
        sources.parse_lsblk(text)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda s: (
            st.lists(s)
            | st.dictionaries(st.sampled_from(["blockdevices", "children", "maj:min", "name"]), s)
        ),
        max_leaves=8,
    )
)
@settings(max_examples=100)
def test_no_json_breaks_the_parser(value: object) -> None:
    with suppress(B2ctError):
        sources.parse_lsblk(json.dumps({"blockdevices": value}))


def test_swaps_and_fstab() -> None:
    swaps = "Filename\tType\tSize\n/dev/dm-1  partition 1 0 -2\n/swap\\040file file 1 0 -3\n"
    assert sources.parse_swaps(swaps) == ("/dev/dm-1", "/swap file")
    fstab = "# x\n\nUUID=a / ext4 defaults 0 1\nLABEL=my\\040boot /boot vfat\nbroken\n"
    assert sources.parse_fstab(fstab) == (("UUID=a", "/"), ("LABEL=my boot", "/boot"))
