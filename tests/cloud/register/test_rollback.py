"""Going back to a version of an image, and forward again."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.cloud.register import images, rollback
from b2ct.cloud.register.images import Choice
from b2ct.cloud.register.survey import survey
from b2ct.core.errors import B2ctError
from tests.cloud.conftest import Ground
from tests.cloud.register.look import starts_from, the_template
from tests.cloud.shop import Shop, a_content, a_shop


def test_rolling_back_and_forward(ground: Ground, tmp_path: Path) -> None:
    first = a_content(tmp_path / "first.qcow2", mark=b"first")
    second = a_content(tmp_path / "second.qcow2", mark=b"second")
    with a_shop(ground, tmp_path / "front-end") as shop:
        shop.put(shop.request(first))
        shop.put(shop.request(second, Choice.NEW_VERSION))
        back_and_forward(shop)


def back_and_forward(shop: Shop) -> None:
    one = shop.ground.one

    def family() -> images.Family:
        return survey(one).family(shop.base)

    before = the_template(shop).template
    rollback.apply(one, rollback.plan(family(), None))
    assert starts_from(shop) == shop.base
    assert the_template(shop).template.without("DISK") == before.without("DISK")
    assert rollback.plan(family(), "v1").moves == ()
    rollback.apply(one, rollback.plan(family(), "v2"))
    assert starts_from(shop) == f"{shop.base}.v2"
    with pytest.raises(B2ctError, match="no version 'v3'"):
        rollback.plan(family(), "v3")
