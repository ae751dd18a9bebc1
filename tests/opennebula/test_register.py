"""Registering images and templates on a whole server: the double of oned, or a live one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError, VerdictError
from b2ct.image.verify import NOBODY
from b2ct.opennebula import content, images, register, rollback
from b2ct.opennebula.client import Client
from b2ct.opennebula.content import Content
from b2ct.opennebula.delivery import Source
from b2ct.opennebula.faults import ImageFailedError, OneError, StuckError
from b2ct.opennebula.images import Choice, OtherContentError
from b2ct.opennebula.objects import Image, Template
from b2ct.opennebula.register import Listener, Request
from b2ct.opennebula.states import ImageState
from b2ct.opennebula.text import Attributes
from b2ct.opennebula.waiting import wait_image
from tests import web
from tests.oned import Capacity, OnedDouble

from .conftest import QUICK, Ground, on
from .shop import MIB, Shop, a_content, a_qcow2, a_shop
from .sshd import breaking_line, front_end, needs_sshd


@pytest.fixture
def shop(ground: Ground, tmp_path: Path) -> Iterator[Shop]:
    with a_shop(ground, tmp_path / "front-end") as made:
        yield made


@pytest.fixture
def first(tmp_path: Path) -> Content:
    return a_content(tmp_path / "first.qcow2", mark=b"first")


@pytest.fixture
def second(tmp_path: Path) -> Content:
    return a_content(tmp_path / "second.qcow2", mark=b"second", size=9 * MIB)


def there(shop: Shop) -> dict[str, Image]:
    one = shop.ground.one
    return {i.name: i for i in one.images.all(one.me.id) if i.name.startswith(shop.base)}


def the_template(shop: Shop) -> Template:
    (found,) = shop.ground.one.templates.named(shop.ground.name("template"))
    return found


def starts_from(shop: Shop) -> str:
    return the_template(shop).template.vector("DISK")["IMAGE"]


class TestEverywhere:
    def test_the_first_time_and_again(self, shop: Shop, first: Content) -> None:
        request = shop.request(first)
        plan = register.plan(request, register.survey(shop.ground.one), shop.ground.where)
        assert not plan.nothing
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
        plan = register.plan(request, register.survey(shop.ground.one), shop.ground.where)
        assert plan.nothing

    def test_other_content(self, shop: Shop, first: Content, second: Content) -> None:
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
        self, shop: Shop, first: Content, second: Content
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

    def test_rolling_back_and_forward(self, shop: Shop, first: Content, second: Content) -> None:
        one = shop.ground.one
        shop.put(shop.request(first))
        shop.put(shop.request(second, Choice.NEW_VERSION))

        def family() -> images.Family:
            return register.survey(one).family(shop.base)

        before = the_template(shop).template
        rollback.apply(one, rollback.plan(family(), None))
        assert starts_from(shop) == shop.base
        assert the_template(shop).template.without("DISK") == before.without("DISK")
        assert rollback.plan(family(), "v1").moves == ()
        rollback.apply(one, rollback.plan(family(), "v2"))
        assert starts_from(shop) == f"{shop.base}.v2"
        with pytest.raises(B2ctError, match="no version 'v3'"):
            rollback.plan(family(), "v3")

    def test_replacing(self, shop: Shop, first: Content, second: Content) -> None:
        old = shop.put(shop.request(first)).image
        done = shop.put(shop.request(second, Choice.REPLACE))
        assert (done.made, done.image.name) == (True, shop.base)
        assert done.image.id != old.id
        assert set(there(shop)) == {shop.base}
        assert there(shop)[shop.base].template.text(images.SHA256) == second.sha256

    def test_what_a_vm_uses_is_not_replaced(
        self, shop: Shop, first: Content, second: Content
    ) -> None:
        one = shop.ground.one
        shop.network(f"{shop.ground.prefix}vms")
        shop.put(shop.request(first))
        one.templates.instantiate(the_template(shop).id, name=shop.ground.name("vm"), hold=True)
        with pytest.raises(B2ctError, match=r"1 VM\(s\) use it") as caught:
            shop.put(shop.request(second, Choice.REPLACE))
        assert "--new-version" in caught.value.hint
        assert there(shop)[shop.base].template.text(images.SHA256) == first.sha256

    def test_a_worker_that_changes(self, shop: Shop, first: Content) -> None:
        shop.put(shop.request(first))
        one, template = shop.ground.one, the_template(shop)
        one.templates.update(template.id, Attributes.of({"MY_OWN": "kept", "CPU": "7"}))
        more = shop.with_worker(memory=3 * 2**30)
        plan = register.plan(more.request(first), register.survey(one), shop.ground.where)
        assert plan.template is not None
        changes = [str(change) for change in plan.template.changes]
        assert changes == ["CPU: 7 -> 1", "MEMORY: 1024 -> 3072"]
        assert more.put(more.request(first)).template_action == "updated"
        said = the_template(shop).template
        assert (said.text("MEMORY"), said.text("CPU"), said.text("MY_OWN")) == ("3072", "1", "kept")

    def test_a_template_made_by_hand_is_left_alone(self, shop: Shop, first: Content) -> None:
        by_hand = Attributes.of({"NAME": shop.ground.name("template"), "CPU": 1, "MEMORY": 64})
        shop.ground.one.templates.allocate(by_hand)
        with pytest.raises(B2ctError, match="not made by b2ct") as caught:
            shop.put(shop.request(first))
        assert "--template" in caught.value.hint
        assert there(shop) == {}

    def test_many_at_once_make_one(self, shop: Shop, first: Content) -> None:
        request = shop.request(first)
        done = in_parallel(6, lambda: shop.put(request))
        assert len({outcome.image.id for outcome in done}) == 1
        assert [outcome.made for outcome in done].count(True) == 1
        assert set(there(shop)) == {shop.base}
        assert the_template(shop).template.text("B2CT_IMAGE") == shop.base

    def test_two_new_versions_at_once(
        self, shop: Shop, tmp_path: Path, first: Content, second: Content
    ) -> None:
        third = a_content(tmp_path / "third.qcow2", mark=b"third")
        shop.put(shop.request(first))
        requests = [shop.request(made, Choice.NEW_VERSION) for made in (second, third)]
        done = in_parallel(2, lambda: shop.put(requests.pop()))
        assert {outcome.image.name for outcome in done} == {f"{shop.base}.v2", f"{shop.base}.v3"}
        sums = {image.template.text(images.SHA256) for image in there(shop).values()}
        assert sums == {first.sha256, second.sha256, third.sha256}

    def test_a_file_that_is_not_there(self, shop: Shop, first: Content) -> None:
        gone = Source(path=str(shop.folder / "gone.qcow2"))
        with pytest.raises(OneError, match=r"gone\.qcow2"):
            shop.put(shop.request(first, source=gone))
        assert there(shop) == {}

    def test_another_file_than_the_one_here(self, shop: Shop, first: Content) -> None:
        """The server compares the checksum of what it copies."""
        request = shop.request(first)
        (shop.folder / first.path.name).write_bytes(
            a_qcow2(first.path.with_name("other.qcow2"), mark=b"other").read_bytes()
        )
        with pytest.raises(ImageFailedError, match="Hash does not match"):
            shop.put(request)
        assert there(shop)[shop.base].state is ImageState.ERROR
        # The right file: what failed is removed, and it is registered.
        assert shop.put(shop.request(first)).made
        assert there(shop)[shop.base].state is ImageState.READY

    def test_a_folder_that_the_datastore_may_not_read(self, shop: Shop, first: Content) -> None:
        with pytest.raises(B2ctError, match="may not read") as caught:
            shop.put(shop.request(first, source=Source(path="/etc/one/w.qcow2")))
        assert "SAFE_DIRS" in caught.value.hint

    @pytest.mark.parametrize("datastore", ["nope", "0", "system"])
    def test_no_such_datastore(self, shop: Shop, first: Content, datastore: str) -> None:
        with pytest.raises(B2ctError, match="no image datastore") as caught:
            shop.put(shop.request(first, datastore=datastore))
        assert "default (1)" in caught.value.hint

    def test_an_image_alone(self, shop: Shop, first: Content) -> None:
        done = shop.put(shop.request(first, worker=None))
        assert (done.template, done.template_action) == ("", "none")
        assert shop.ground.one.templates.named(shop.ground.name("template")) == ()


def in_parallel(count: int, act: Callable[[], register.Outcome]) -> list[register.Outcome]:
    found: list[register.Outcome] = []
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


@pytest.fixture
def store(double: OnedDouble, tmp_path: Path) -> Iterator[Shop]:
    with a_shop(on(double), tmp_path / "front-end") as made:
        yield made


class TestWhatGoesWrong:
    def test_an_error_of_the_driver(self, double: OnedDouble, store: Shop, first: Content) -> None:
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

    def test_stuck_in_locked(self, double: OnedDouble, store: Shop, first: Content) -> None:
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

    def test_a_restart_while_it_is_copied(
        self, double: OnedDouble, store: Shop, first: Content
    ) -> None:
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
        self, double: OnedDouble, store: Shop, first: Content, method: str, kind: str
    ) -> None:
        double.faults.http(kind, method=method)
        done = store.put(store.request(first))
        assert done.image.state is ImageState.READY
        assert len(there(store)) == 1
        assert starts_from(store) == store.base

    @pytest.mark.parametrize("after", range(5, 12))
    def test_a_new_version_that_is_interrupted_anywhere(
        self, double: OnedDouble, store: Shop, first: Content, second: Content, after: int
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
        self, double: OnedDouble, store: Shop, first: Content, second: Content, after: int
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

    @pytest.mark.parametrize("release", ["5.12", "6.10", "7.0"])
    def test_every_release(
        self, tmp_path: Path, first: Content, second: Content, release: str
    ) -> None:
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

    def test_no_room(self, tmp_path: Path, first: Content) -> None:
        with (
            OnedDouble(capacity=Capacity(image=(100, 5, 95))) as small,
            a_shop(on(small), tmp_path / "front-end") as store,
        ):
            small.tick(60)
            with pytest.raises(B2ctError, match=r"8 MiB large.*5 MiB free") as caught:
                store.put(store.request(first))
            assert "virtual" not in caught.value.hint
            assert "counts the whole disk" in caught.value.hint
            assert "one.image.allocate" not in small.calls

    def test_not_waiting(self, double: OnedDouble, store: Shop, first: Content) -> None:
        double.faults.stick_image()
        done = store.put(store.request(first, wait=False))
        assert (done.image.state, done.template_action) == (ImageState.LOCKED, "created")

    def test_a_replacement_has_to_wait(self, store: Shop, first: Content, second: Content) -> None:
        store.put(store.request(first))
        with pytest.raises(B2ctError, match="has to wait"):
            store.put(store.request(second, Choice.REPLACE, wait=False))

    def test_a_new_version_that_nobody_waits_for_is_not_current_yet(
        self, double: OnedDouble, store: Shop, first: Content, second: Content
    ) -> None:
        store.put(store.request(first))
        double.faults.stick_image()
        done = store.put(store.request(second, Choice.NEW_VERSION, wait=False))
        assert starts_from(store) == store.base
        assert "stays as it is" in done.notes[-1]

    def test_a_disk_that_is_too_small(self, store: Shop, first: Content) -> None:
        small = store.with_worker(disk=4 * MIB)
        with pytest.raises(B2ctError, match="disk of 4 MiB, the image needs 8 MiB"):
            small.put(small.request(first))

    def test_calls_are_bounded(self, double: OnedDouble, store: Shop, first: Content) -> None:
        store.put(store.request(first))
        double.calls.clear()
        store.put(store.request(first))
        assert len(double.calls) <= 8
        assert not [call for call in double.calls if "allocate" in call or "update" in call]


def interrupted(double: OnedDouble, shop: Shop, request: Request, calls: int) -> None:
    """A run whose front-end goes away after so many calls, and stays away."""
    double.faults.http("refuse", times=-1, skip=calls)
    impatient = Client(shop.ground.where, deadline=0.2, pauses=QUICK, notice=lambda _text: None)
    with suppress(B2ctError):
        register.run(impatient, request)
    double.faults.clear()


@needs_sshd
class TestOverSsh:
    def test_a_copy_that_is_cut(self, store: Shop, first: Content, tmp_path: Path) -> None:
        notes: list[str] = []
        root = tmp_path / "sshd"
        root.mkdir()
        with front_end(root) as host, breaking_line(host.port, [200_000]) as line:
            known = tmp_path / "known_hosts"
            known.write_text(f"[127.0.0.1]:{line.port} {host.host_key}\n")
            source = Source(
                ssh=f"{host.user}@127.0.0.1:{line.port}", folder=str(store.folder),
                known_hosts=known, identity=host.key,
            )  # fmt: skip
            done = store.put(store.request(first, source=source), Listener(notes.append, pause=0))
        assert done.made
        assert any("was lost" in note for note in notes)
        assert any("checksum compared" in note for note in notes)
        assert list(store.folder.iterdir()) == [], "the copy on the front-end is removed"
        assert there(store)[store.base].state is ImageState.READY

    def test_a_copy_that_stays(self, store: Shop, first: Content, tmp_path: Path) -> None:
        root = tmp_path / "sshd"
        root.mkdir()
        with front_end(root) as host:
            known = tmp_path / "known_hosts"
            known.write_text(f"[127.0.0.1]:{host.port} {host.host_key}\n")
            source = Source(
                ssh=f"{host.user}@127.0.0.1:{host.port}", folder=str(store.folder),
                known_hosts=known, identity=host.key,
            )  # fmt: skip
            done = store.put(store.request(first, source=source, keep_upload=True))
        (left,) = store.folder.iterdir()
        assert str(left) == done.uploaded
        assert left.read_bytes() == first.path.read_bytes()


def test_a_url_that_the_front_end_fetches(double: OnedDouble, store: Shop, first: Content) -> None:
    with web.serve() as site:
        site.pages["/w.qcow2"] = web.Page(first.path.read_bytes())
        done = store.put(store.request(first, source=Source(url=f"{site.base}/w.qcow2")))
    assert done.made
    assert done.image.size == 8


class TestTheFile:
    def test_no_qcow2(self, tmp_path: Path) -> None:
        (tmp_path / "junk.qcow2").write_bytes(b"thirteen byte")
        with pytest.raises(B2ctError, match="no QCOW2"):
            content.read(tmp_path / "junk.qcow2", NOBODY, unverified=True)

    def test_no_papers(self, tmp_path: Path) -> None:
        image = a_qcow2(tmp_path / "bare.qcow2", papers=False)
        with pytest.raises(B2ctError, match="no manifest") as caught:
            content.read(image, NOBODY)
        assert "--unverified" in caught.value.hint
        found = content.read(image, NOBODY, unverified=True)
        assert (found.plain_name, found.virtual_mib, found.name) == ("bare", 8, "")

    def test_damaged(self, tmp_path: Path) -> None:
        image = a_qcow2(tmp_path / "w.qcow2")
        data = bytearray(image.read_bytes())
        data[-1] ^= 1
        image.write_bytes(data)
        with pytest.raises(VerdictError, match="was changed"):
            content.read(image, NOBODY)

    def test_a_file_that_changes_after_it_was_checked(self, tmp_path: Path) -> None:
        made = a_content(tmp_path / "w.qcow2")
        made.path.write_bytes(b"x")
        with pytest.raises(B2ctError, match="has changed"):
            content.sha1(made)


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
