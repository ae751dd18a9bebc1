"""The VM template that starts from the image."""

from __future__ import annotations

import pytest

from b2ct.cloud.register.content import Content
from b2ct.cloud.register.decide import plan
from b2ct.cloud.register.survey import survey
from b2ct.core.errors import B2ctError
from b2ct.one.text import Attributes
from tests.cloud.register.look import the_template, there
from tests.cloud.shop import MIB, Shop


def test_a_worker_that_changes(shop: Shop, first: Content) -> None:
    shop.put(shop.request(first))
    one, template = shop.ground.one, the_template(shop)
    one.templates.update(template.id, Attributes.of({"MY_OWN": "kept", "CPU": "7"}))
    more = shop.with_worker(memory=3 * 2**30)
    made = plan(more.request(first), survey(one), shop.ground.where)
    assert made.template is not None
    changes = [str(change) for change in made.template.changes]
    assert changes == ["CPU: 7 -> 1", "MEMORY: 1024 -> 3072"]
    assert more.put(more.request(first)).template_action == "updated"
    said = the_template(shop).template
    assert (said.text("MEMORY"), said.text("CPU"), said.text("MY_OWN")) == ("3072", "1", "kept")


def test_a_template_made_by_hand_is_left_alone(shop: Shop, first: Content) -> None:
    by_hand = Attributes.of({"NAME": shop.ground.name("template"), "CPU": 1, "MEMORY": 64})
    shop.ground.one.templates.allocate(by_hand)
    with pytest.raises(B2ctError, match="not made by b2ct") as caught:
        shop.put(shop.request(first))
    assert "--template" in caught.value.hint
    assert there(shop) == {}


def test_a_disk_that_is_too_small(store: Shop, first: Content) -> None:
    small = store.with_worker(disk=4 * MIB)
    with pytest.raises(B2ctError, match="disk of 4 MiB, the image needs 8 MiB"):
        small.put(small.request(first))
