"""The datastore that is meant, and the room it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.cloud.register.content import Content
from b2ct.core.errors import B2ctError
from b2ct.rehearsal.oned import Capacity, OnedDouble
from tests.cloud.conftest import on
from tests.cloud.shop import Shop, a_shop


@pytest.mark.parametrize("datastore", ["nope", "0", "system"])
def test_no_such_datastore(shop: Shop, first: Content, datastore: str) -> None:
    with pytest.raises(B2ctError, match="no image datastore") as caught:
        shop.put(shop.request(first, datastore=datastore))
    assert "default (1)" in caught.value.hint


def test_no_room(tmp_path: Path, first: Content) -> None:
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


@pytest.mark.parametrize("where", ["oned.conf", "the datastore"])
def test_a_server_that_does_not_look_for_room(tmp_path: Path, first: Content, where: str) -> None:
    """DATASTORE_CAPACITY_CHECK: the file is small, and its disk is larger than the datastore."""
    with (
        OnedDouble(capacity=Capacity(image=(100, 5, 95))) as small,
        a_shop(on(small), tmp_path / "front-end") as store,
    ):
        small.tick(60)
        if where == "oned.conf":
            small.cloud.capacity_check = "NO"
        else:
            small.cloud.datastores[1].template.set("DATASTORE_CAPACITY_CHECK", "NO")
        done = store.put(store.request(first))
        assert done.made
        assert any("the file alone fits" in text for text in done.notes)


def test_an_administrator_may_let_the_file_alone_count(tmp_path: Path, first: Content) -> None:
    with (
        OnedDouble(capacity=Capacity(image=(100, 5, 95))) as small,
        a_shop(on(small), tmp_path / "front-end") as store,
    ):
        small.tick(60)
        assert store.put(store.request(first, thin=True)).made


def test_a_limit_is_named(tmp_path: Path, first: Content) -> None:
    with (
        OnedDouble(capacity=Capacity(image=(1000, 900, 100))) as small,
        a_shop(on(small), tmp_path / "front-end") as store,
    ):
        small.tick(60)
        small.cloud.datastores[1].template.set("LIMIT_MB", "104")
        with pytest.raises(B2ctError, match="4 MiB left of its LIMIT_MB of 104 MiB") as caught:
            store.put(store.request(first))
        assert "raise its LIMIT_MB" in caught.value.hint
        small.cloud.datastores[1].template.set("LIMIT_MB", "200")
        assert store.put(store.request(first)).made
