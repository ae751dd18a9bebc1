"""Registering images and templates on a whole server: the double of oned, or a live one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from b2ct.cloud.register import images
from b2ct.cloud.register.content import Content
from b2ct.cloud.register.decide import plan
from b2ct.cloud.register.images import Choice, OtherContentError
from b2ct.cloud.register.outcome import Outcome
from b2ct.cloud.register.survey import survey
from b2ct.one.states import ImageState
from b2ct.one.text import Attributes
from b2ct.rehearsal.oned import OnedDouble
from tests.cloud.conftest import on
from tests.cloud.register.look import starts_from, the_template, there
from tests.cloud.shop import Shop, a_content, a_shop


def test_the_first_time_and_again(shop: Shop, first: Content) -> None:
    request = shop.request(first)
    made = plan(request, survey(shop.ground.one), shop.ground.where)
    assert not made.nothing
    assert there(shop) == {}
    done = shop.put(request)
    assert (done.made, done.template_action) == (True, "created")
    image = there(shop)[shop.base]
    assert image.state is ImageState.READY
    assert image.size == 8
    said = image.template
    assert said.text(images.SHA256) == first.sha256
    assert (said.text("B2CT_NAME"), said.text("B2CT_BUILT")) == ("first", "2023-11-14")
    assert said.text("DEV_PREFIX") == "vd"
    template = the_template(shop).template
    assert template.text("MEMORY") == "1024"
    assert template.vector("DISK")["IMAGE"] == shop.base
    assert template.vector("NIC")["NETWORK"] == f"{shop.ground.prefix}vms"
    assert template.vector("CONTEXT")["USERDATA_ENCODING"] == "base64"
    again = shop.put(request)
    assert (again.made, again.template_action, again.image.id) == (False, "nothing", image.id)
    made = plan(request, survey(shop.ground.one), shop.ground.where)
    assert made.nothing


def test_other_content(shop: Shop, first: Content, second: Content) -> None:
    shop.put(shop.request(first))
    with pytest.raises(OtherContentError):
        shop.put(shop.request(second))
    assert set(there(shop)) == {shop.base}
    done = shop.put(shop.request(second, Choice.NEW_VERSION))
    assert (done.image.name, done.template_action) == (f"{shop.base}.v2", "updated")
    assert starts_from(shop) == f"{shop.base}.v2"
    assert shop.put(shop.request(second, Choice.NEW_VERSION)).template_action == "nothing"
    # The first again: it is there, and nothing goes back by itself.
    back = shop.put(shop.request(first))
    assert (back.made, back.current, starts_from(shop)) == (False, False, f"{shop.base}.v2")
    assert "rollback" in back.notes[0]


def test_all_templates_start_from_a_new_version(
    shop: Shop, first: Content, second: Content
) -> None:
    other = replace(shop.worker(), name=shop.ground.name("other"))
    shop.put(shop.request(first))
    shop.put(shop.request(first, worker=other))
    by_hand = {"IMAGE": shop.base}
    attributes = Attributes.of(
        {"NAME": shop.ground.name("hand"), "CPU": 1, "MEMORY": 64, "DISK": by_hand}
    )
    number = shop.ground.one.templates.allocate(attributes)
    done = shop.put(shop.request(second, Choice.NEW_VERSION, worker=None))
    assert sorted(done.moved) == [shop.ground.name("other"), shop.ground.name("template")]
    for name in done.moved:
        (found,) = shop.ground.one.templates.named(name)
        assert found.template.vector("DISK")["IMAGE"] == f"{shop.base}.v2"
        assert found.template.vector("DISK")["SIZE"] == "40960"
    assert shop.ground.one.templates.get(number).template.vector("DISK") == by_hand


def test_replacing(shop: Shop, first: Content, second: Content) -> None:
    old = shop.put(shop.request(first)).image
    done = shop.put(shop.request(second, Choice.REPLACE))
    assert (done.made, done.image.name) == (True, shop.base)
    assert done.image.id != old.id
    assert set(there(shop)) == {shop.base}
    assert there(shop)[shop.base].template.text(images.SHA256) == second.sha256


def test_many_at_once_make_one(shop: Shop, first: Content) -> None:
    request = shop.request(first)
    done = in_parallel(6, lambda: shop.put(request))
    assert len({outcome.image.id for outcome in done}) == 1
    assert [outcome.made for outcome in done].count(True) == 1
    assert set(there(shop)) == {shop.base}
    assert the_template(shop).template.text("B2CT_IMAGE") == shop.base


def test_two_new_versions_at_once(
    shop: Shop, tmp_path: Path, first: Content, second: Content
) -> None:
    third = a_content(tmp_path / "third.qcow2", mark=b"third")
    shop.put(shop.request(first))
    requests = [shop.request(made, Choice.NEW_VERSION) for made in (second, third)]
    done = in_parallel(2, lambda: shop.put(requests.pop()))
    assert {outcome.image.name for outcome in done} == {f"{shop.base}.v2", f"{shop.base}.v3"}
    sums = {image.template.text(images.SHA256) for image in there(shop).values()}
    assert sums == {first.sha256, second.sha256, third.sha256}


def test_an_image_alone(shop: Shop, first: Content) -> None:
    done = shop.put(shop.request(first, worker=None))
    assert (done.template, done.template_action) == ("", "none")
    assert shop.ground.one.templates.named(shop.ground.name("template")) == ()


@pytest.mark.parametrize("release", ["5.12", "6.10", "7.0"])
def test_every_release(tmp_path: Path, first: Content, second: Content, release: str) -> None:
    with (
        OnedDouble(release=release) as double,
        a_shop(on(double), tmp_path / "front-end") as shop,
    ):
        shop.put(shop.request(first))
        shop.put(shop.request(second, Choice.NEW_VERSION))
        third = a_content(tmp_path / "third.qcow2", mark=b"third")
        done = shop.put(shop.request(third, Choice.REPLACE))
        assert done.image.name == starts_from(shop) == f"{shop.base}.v2"
        assert set(there(shop)) == {shop.base, f"{shop.base}.v2"}


def test_not_waiting(double: OnedDouble, store: Shop, first: Content) -> None:
    double.faults.stick_image()
    done = store.put(store.request(first, wait=False))
    assert (done.image.state, done.template_action) == (ImageState.LOCKED, "created")


def test_a_new_version_that_nobody_waits_for_is_not_current_yet(
    double: OnedDouble, store: Shop, first: Content, second: Content
) -> None:
    store.put(store.request(first))
    double.faults.stick_image()
    done = store.put(store.request(second, Choice.NEW_VERSION, wait=False))
    assert starts_from(store) == store.base
    assert "stays as it is" in done.notes[-1]


def test_calls_are_bounded(double: OnedDouble, store: Shop, first: Content) -> None:
    store.put(store.request(first))
    double.calls.clear()
    store.put(store.request(first))
    assert len(double.calls) <= 8
    assert not [call for call in double.calls if "allocate" in call or "update" in call]


def in_parallel(count: int, act: Callable[[], Outcome]) -> list[Outcome]:
    found: list[Outcome] = []
    failed: list[BaseException] = []

    def one_of_them() -> None:
        try:
            found.append(act())
        except BaseException as err:
            failed.append(err)

    threads = [threading.Thread(target=one_of_them) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    return found
