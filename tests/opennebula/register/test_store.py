"""The datastore that is meant, and the room it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.opennebula.content import Content
from tests.oned import Capacity, OnedDouble
from tests.opennebula.conftest import on
from tests.opennebula.shop import Shop, a_shop


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
