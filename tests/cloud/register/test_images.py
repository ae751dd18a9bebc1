"""Versions of images, and what is decided about a content: pure, so without any server."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2ct.cloud.register import images
from b2ct.cloud.register.images import Choice, Decision, OtherContentError, decide, family
from b2ct.core.errors import B2ctError
from b2ct.one import labels, text
from b2ct.one.objects.storage import Image
from b2ct.one.objects.vm import Template
from b2ct.one.states import ImageState, ImageType
from b2ct.one.text import Attributes

OLD, NEW = "aa" * 32, "bb" * 32
BASES = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P"), exclude_characters=text.NAME_FORBIDS),
    min_size=1,
    max_size=20,
).filter(lambda name: not images._ENDING.search(name))


def image(number: int, name: str, sha256: str = OLD, **more: Any) -> Image:
    marks = {**labels.marks(), images.SHA256: sha256} if sha256 else {}
    values: dict[str, Any] = {
        "id": number, "name": name, "owner": "oneadmin", "template": Attributes.of(marks),
        "state": ImageState.READY, "type": ImageType.OS, "size": 64, "datastore_id": 1,
        "datastore": "default", "persistent": False, "path": "", "source": "x", "format": "qcow2",
        "running_vms": 0, "vms": (), "clones": (), "registered": 1795218480,
    }  # fmt: skip
    return Image(**{**values, **more})


def template(name: str, **disk: str) -> Template:
    attributes = Attributes.of({"DISK": disk})
    return Template(id=7, name=name, owner="oneadmin", template=attributes, registered=0)


def of(*found: Image, starts: str = "") -> images.Family:
    return family("w", found, [template("t", IMAGE=starts)] if starts else [])


@given(BASES, st.integers(1, 999999999))
def test_a_versions_name_can_be_read_back(base: str, number: int) -> None:
    assert images.split(images.join(base, number)) == (base, number)


@given(BASES, st.lists(st.integers(1, 40), unique=True))
def test_the_next_version_is_after_all_others(base: str, numbers: list[int]) -> None:
    found = [image(n, images.join(base, n)) for n in numbers]
    made = images.split(family(base, found, []).next_name)
    assert made == (base, max(numbers, default=0) + 1)


@given(st.text(max_size=140))
def test_every_version_of_a_good_name_is_a_good_name(name: str) -> None:
    try:
        images.check_base(name)
    except B2ctError:
        return
    for number in (1, 2, 999999999):
        text.check_name(images.join(name, number) + images.NEW)
        assert images.split(images.join(name, number)) == (name, number)


@pytest.mark.parametrize("name", ["w.v2", "w.v1", "w.v0", "w.new", "", "a/b", "x" * 120])
def test_a_name_that_versions_cannot_be_made_of(name: str) -> None:
    with pytest.raises(B2ctError) as caught:
        images.check_base(name)
    assert caught.value.hint


def test_names_of_others_are_no_versions() -> None:
    found = of(*(image(i, name) for i, name in enumerate(["w", "wv2", "w.v2x", "w.v02", "ww.v2"])))
    assert [version.image.name for version in found.versions] == ["w"]


def test_the_first() -> None:
    assert decide(of(), NEW, Choice.REFUSE) == Decision("w")


def test_the_same_content() -> None:
    there = image(1, "w", NEW)
    done = decide(of(there, starts="w"), NEW, Choice.REFUSE)
    assert done == Decision("w", found=there)
    assert done.nothing


@pytest.mark.parametrize(
    ("choice", "current"), [(Choice.REFUSE, False), (Choice.NEW_VERSION, True)]
)
def test_the_same_content_that_is_not_current(choice: Choice, current: bool) -> None:
    """After a rollback nothing goes forward again unless somebody asks for it."""
    done = decide(of(image(1, "w"), image(2, "w.v2", NEW), starts="w"), NEW, choice)
    assert (done.target, done.nothing, done.current) == ("w.v2", True, current)


def test_other_content_is_refused_with_the_ways_out() -> None:
    with pytest.raises(OtherContentError, match=r"1 \(w; SHA-256 aaaa.*2026-11-20.*0 VM") as caught:
        decide(of(image(1, "w")), NEW, Choice.REFUSE)
    assert "--new-version" in caught.value.hint
    assert "--replace" in caught.value.hint
    with pytest.raises(OtherContentError, match="3 VM") as caught:
        decide(of(image(1, "w", vms=(1, 2, 3))), NEW, Choice.REFUSE)
    assert "--replace" not in caught.value.hint


def test_an_image_made_by_hand_is_never_taken_for_ours() -> None:
    by_hand = image(1, "w", "", template=Attributes.of({images.SHA256: NEW}))
    with pytest.raises(OtherContentError, match="made by hand"):
        decide(of(by_hand), NEW, Choice.REFUSE)
    with pytest.raises(B2ctError, match="not made by b2ct"):
        decide(of(by_hand), NEW, Choice.REPLACE)
    assert decide(of(by_hand), NEW, Choice.NEW_VERSION).target == "w.v2"


def test_a_new_version() -> None:
    done = decide(of(image(1, "w"), image(9, "w.v7"), starts="w"), NEW, Choice.NEW_VERSION)
    assert (done.target, done.made_as, done.replaces) == ("w.v8", "w.v8", None)


def test_a_replacement_is_whole_before_the_old_one_goes() -> None:
    old, begun = image(1, "w"), image(2, "w.new", NEW)
    done = decide(of(old), NEW, Choice.REPLACE)
    assert (done.target, done.made_as, done.replaces) == ("w", "w.new", old)
    with pytest.raises(B2ctError, match="was not ended"):
        decide(of(old, begun), NEW, Choice.REFUSE)
    assert decide(of(old, begun), NEW, Choice.REPLACE) == Decision("w", begun, replaces=old)
    # The old one has gone already: only its name is to be taken over, whoever asks.
    assert decide(of(begun), NEW, Choice.REFUSE) == Decision("w", begun)
    # A replacement by yet another content takes the place of the one that was given up.
    assert decide(of(old, begun), "cc" * 32, Choice.REPLACE).remove == (begun,)
    copying = image(2, "w.new", NEW, state=ImageState.LOCKED)
    with pytest.raises(B2ctError, match="another content is just replacing"):
        decide(of(old, copying), "cc" * 32, Choice.REPLACE)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"vms": (4,)}, "1 VM"),
        ({"state": ImageState.LOCKED}, "being copied"),
        ({"locked_by": 1}, "has locked it"),
    ],
)
def test_what_is_in_use_is_never_replaced(more: dict[str, Any], why: str) -> None:
    with pytest.raises(B2ctError, match=why) as caught:
        decide(of(image(1, "w", **more)), NEW, Choice.REPLACE)
    assert "--new-version" in caught.value.hint


def test_the_current_version_is_the_one_that_is_replaced() -> None:
    found = (image(1, "w"), image(2, "w.v2"), image(3, "w.v3"))
    assert decide(of(*found, starts="w.v2"), NEW, Choice.REPLACE).target == "w.v2"
    assert decide(of(*found), NEW, Choice.REPLACE).target == "w.v3"
    both = family("w", found, [template("a", IMAGE="w"), template("b", IMAGE_ID="3")])
    with pytest.raises(B2ctError, match=r"a from w, b from w\.v3"):
        decide(both, NEW, Choice.REPLACE)


def test_what_a_failed_attempt_left_is_removed() -> None:
    dead = image(1, "w", NEW, state=ImageState.ERROR)
    assert decide(of(dead), NEW, Choice.REFUSE) == Decision("w", remove=(dead,))
    assert decide(of(dead), OLD, Choice.REFUSE) == Decision("w", remove=(dead,))
    held = image(1, "w", NEW, state=ImageState.ERROR, vms=(3,))
    with pytest.raises(B2ctError, match="is in ERROR"):
        decide(of(held), NEW, Choice.REFUSE)


def test_a_disabled_image_is_not_enabled_behind_its_owners_back() -> None:
    with pytest.raises(B2ctError, match="disabled") as caught:
        decide(of(image(4, "w", NEW, state=ImageState.DISABLED)), NEW, Choice.NEW_VERSION)
    assert "oneimage enable 4" in caught.value.hint


def test_one_that_is_being_copied_is_waited_for() -> None:
    copying = image(1, "w", NEW, state=ImageState.LOCKED)
    assert decide(of(copying), NEW, Choice.REFUSE) == Decision("w", found=copying)


@pytest.mark.parametrize(
    ("disk", "same"),
    [
        ({"IMAGE": "w"}, True),
        ({"IMAGE": "w", "IMAGE_UNAME": "oneadmin"}, True),
        ({"IMAGE": "w", "IMAGE_UNAME": "ada"}, False),
        ({"IMAGE": "w", "IMAGE_UID": "0"}, True),
        ({"IMAGE": "w", "IMAGE_UID": "5"}, False),
        ({"IMAGE": "W"}, False),
        ({"IMAGE_ID": "1"}, True),
        ({"IMAGE_ID": "2", "IMAGE": "w"}, False),
        ({"SIZE": "10"}, False),
    ],
)
def test_which_image_a_disk_names(disk: dict[str, str], same: bool) -> None:
    assert images.starts_from(template("t", **disk), image(1, "w")) is same


def test_going_back() -> None:
    found = (image(1, "w"), image(2, "w.v2", state=ImageState.ERROR), image(3, "w.v3"))
    versions = of(*found, starts="w.v3")
    assert images.previous(versions).image.name == "w"
    assert {images.version_named(versions, name).number for name in ("2", "v2", "w.v2")} == {2}
    with pytest.raises(B2ctError, match="no version '9'") as caught:
        images.version_named(versions, "9")
    assert "v1, v2, v3" in caught.value.hint
    with pytest.raises(B2ctError, match="before w"):
        images.previous(of(*found, starts="w"))
    with pytest.raises(B2ctError, match="no VM template"):
        images.previous(of(*found))
