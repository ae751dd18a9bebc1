"""A test run leaves a server as it was."""

from __future__ import annotations

from .clouds import ADOPT, PRUNE, Cloud
from .conftest import Ground, as_it_was, whole_template


def test_what_tests_take_over_is_given_back(ground: Ground) -> None:
    """Even the server's own datastores, whose drivers `--adopt` sets."""
    one, cloud = ground.one, Cloud(ground.prefix)
    cloud.data["storage"] = {"type": "nfs", "server": "10.77.0.2", "export": "/srv/one"}

    def own() -> list[object]:
        stores = [store for store in one.datastores.all() if store.id < 100]
        places = [(store.id, store.tm_mad, store.template) for store in stores]
        return [places, whole_template(one), one.groups.get(0).template]

    before = own()
    with as_it_was(one):
        cloud.apply(one, ADOPT)
        assert own() != before
        cloud.empty().apply(one, PRUNE)
    assert own() == before
