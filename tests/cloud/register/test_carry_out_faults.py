"""Whatever goes wrong, the same command completes it, and nothing is there twice."""

from __future__ import annotations

from contextlib import suppress

import pytest

from b2ct.cloud.register import images
from b2ct.cloud.register.carry_out import run
from b2ct.cloud.register.content import Content
from b2ct.cloud.register.delivery import Source
from b2ct.cloud.register.images import Choice
from b2ct.cloud.register.progress import Listener
from b2ct.cloud.register.request import Request
from b2ct.core.errors import B2ctError
from b2ct.one.client import Client
from b2ct.one.faults import ImageFailedError, OneError, StuckError
from b2ct.one.states import ImageState
from b2ct.one.waiting import wait_image
from b2ct.rehearsal.oned import OnedDouble
from tests.cloud.conftest import QUICK
from tests.cloud.register.look import starts_from, there
from tests.cloud.shop import Shop, a_qcow2


def test_an_error_of_the_driver(double: OnedDouble, store: Shop, first: Content) -> None:
    double.faults.fail_image("*", "Error copying image in the datastore: No space left")
    with pytest.raises(ImageFailedError, match="No space left") as caught:
        store.put(store.request(first))
    assert "disk is full" in caught.value.hint
    assert caught.value.exit_code == 1
    assert store.ground.one.templates.all() == ()
    double.faults.clear()
    notes: list[str] = []
    assert store.put(store.request(first), Listener(notes.append)).made
    assert any("is deleted" in note for note in notes)
    assert len(there(store)) == 1


def test_stuck_in_locked(double: OnedDouble, store: Shop, first: Content) -> None:
    double.faults.stick_image()
    states: list[str] = []
    listener = Listener(state=lambda what, state, _seconds: states.append(f"{what} {state}"))
    with pytest.raises(StuckError, match="still being copied") as caught:
        store.put(store.request(first, deadline=0.3), listener)
    assert "--force" in caught.value.hint
    assert {state.split()[-1] for state in states} == {"LOCKED"}
    double.faults.clear()
    # Again: the same image is waited for, none is made beside it; --replace ends it.
    with pytest.raises(StuckError):
        store.put(store.request(first, deadline=0.3))
    assert len(there(store)) == 1
    done = store.put(store.request(first, Choice.REPLACE, deadline=0.5))
    assert (done.made, done.image.name) == (True, store.base)
    assert there(store)[store.base].state is ImageState.READY


def test_a_restart_while_it_is_copied(double: OnedDouble, store: Shop, first: Content) -> None:
    def restart(method: str) -> None:
        if method == "one.image.info":
            double.faults.before.clear()
            double.cloud.restart()

    double.faults.before.append(restart)
    with pytest.raises(StuckError):
        store.put(store.request(first, deadline=0.3))
    assert store.put(store.request(first, Choice.REPLACE, deadline=0.5)).made
    assert len(there(store)) == 1


@pytest.mark.parametrize("method", ["one.image.allocate", "one.template.allocate"])
@pytest.mark.parametrize("kind", ["reset", "truncated"])
def test_a_lost_answer(
    double: OnedDouble, store: Shop, first: Content, method: str, kind: str
) -> None:
    double.faults.http(kind, method=method)
    done = store.put(store.request(first))
    assert done.image.state is ImageState.READY
    assert len(there(store)) == 1
    assert starts_from(store) == store.base


@pytest.mark.parametrize("after", range(5, 12))
def test_a_new_version_that_is_interrupted_anywhere(
    double: OnedDouble, store: Shop, first: Content, second: Content, after: int
) -> None:
    """Whatever is interrupted, the same command completes it, and nothing is there twice."""
    store.put(store.request(first))
    request = store.request(second, Choice.NEW_VERSION)
    interrupted(double, store, request, after)
    assert there(store)[starts_from(store)].state is ImageState.READY
    store.put(request)
    assert set(there(store)) == {store.base, f"{store.base}.v2"}
    assert starts_from(store) == f"{store.base}.v2"


@pytest.mark.parametrize("after", range(5, 16))
def test_a_replacement_that_is_interrupted_anywhere(
    double: OnedDouble, store: Shop, first: Content, second: Content, after: int
) -> None:
    store.put(store.request(first))
    request = store.request(second, Choice.REPLACE)
    interrupted(double, store, request, after)
    sums = {image.template.text(images.SHA256) for image in there(store).values()}
    assert sums & {first.sha256, second.sha256}, "both are gone"
    store.put(request)
    (image,) = there(store).values()
    assert image.name == store.base
    assert image.template.text(images.SHA256) == second.sha256
    assert starts_from(store) == store.base


def interrupted(double: OnedDouble, shop: Shop, request: Request, calls: int) -> None:
    """A run whose front-end goes away after so many calls, and stays away."""
    double.faults.http("refuse", times=-1, skip=calls)
    impatient = Client(
        shop.ground.where,
        deadline=0.1,
        pauses=QUICK,
        notice=lambda _text: None,
        sleep=shop.ground.one.sleep,
    )
    with suppress(B2ctError):
        run(impatient, request)
    double.faults.clear()


def test_waiting_is_for_the_image_that_others_register(
    double: OnedDouble, store: Shop, first: Content
) -> None:
    """Another run copies it already: this one makes no second one, and waits for the same."""
    double.faults.stick_image()
    with pytest.raises(StuckError):
        store.put(store.request(first, deadline=0.1))
    (image,) = there(store).values()
    with pytest.raises(StuckError):
        wait_image(store.ground.one, image.id, deadline=0)


def test_a_file_that_is_not_there(shop: Shop, first: Content) -> None:
    gone = Source(path=str(shop.folder / "gone.qcow2"))
    with pytest.raises(OneError, match=r"gone\.qcow2"):
        shop.put(shop.request(first, source=gone))
    assert there(shop) == {}


def test_another_file_than_the_one_here(shop: Shop, first: Content) -> None:
    """The server compares the checksum of what it copies."""
    request = shop.request(first)
    (shop.folder / first.path.name).write_bytes(
        a_qcow2(first.path.with_name("other.qcow2"), mark=b"other").read_bytes()
    )
    # 7.x keeps the driver's last line alone; the remedy says where the cause stands.
    with pytest.raises(ImageFailedError, match=r"Hash does not match|Error copying") as caught:
        shop.put(request)
    assert "checksum" in caught.value.hint
    assert there(shop)[shop.base].state is ImageState.ERROR
    # The right file: what failed is removed, and it is registered.
    assert shop.put(shop.request(first)).made
    assert there(shop)[shop.base].state is ImageState.READY
