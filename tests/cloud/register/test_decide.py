"""What is refused before anything is done."""

from __future__ import annotations

import pytest

from b2ct.cloud.register import images
from b2ct.cloud.register.content import Content
from b2ct.cloud.register.delivery import Source
from b2ct.cloud.register.images import Choice
from b2ct.core.errors import B2ctError
from tests.cloud.register.look import the_template, there
from tests.cloud.shop import Shop


def test_what_a_vm_uses_is_not_replaced(shop: Shop, first: Content, second: Content) -> None:
    one = shop.ground.one
    shop.network(f"{shop.ground.prefix}vms")
    shop.put(shop.request(first))
    one.templates.instantiate(the_template(shop).id, name=shop.ground.name("vm"), hold=True)
    with pytest.raises(B2ctError, match=r"1 VM\(s\) use it") as caught:
        shop.put(shop.request(second, Choice.REPLACE))
    assert "--new-version" in caught.value.hint
    assert there(shop)[shop.base].template.text(images.SHA256) == first.sha256


def test_a_folder_that_the_datastore_may_not_read(shop: Shop, first: Content) -> None:
    with pytest.raises(B2ctError, match="may not read") as caught:
        shop.put(shop.request(first, source=Source(path="/etc/one/w.qcow2")))
    assert "SAFE_DIRS" in caught.value.hint


def test_a_replacement_has_to_wait(store: Shop, first: Content, second: Content) -> None:
    store.put(store.request(first))
    with pytest.raises(B2ctError, match="has to wait"):
        store.put(store.request(second, Choice.REPLACE, wait=False))
