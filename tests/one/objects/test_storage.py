from __future__ import annotations

from b2ct.one.objects import base
from b2ct.one.objects.storage import Datastore, Image
from b2ct.one.states import DatastoreType, ImageState
from tests.one.recorded import labelled, numbered


def image(number: int) -> Image:
    return base.one(numbered(number).value, Image.parse)


def test_an_image() -> None:
    found = image(88)
    assert (found.id, found.name, found.owner) == (1, "debian12-base-renamed", "oneadmin")
    assert (found.state, found.size, found.datastore_id) == (ImageState.READY, 64, 1)
    assert (found.format, found.path) == ("qcow2", "/srv/images/base.qcow2")
    assert found.permissions == "um-------"
    assert found.template.text("B2CT_SHA256") == "ab" * 32
    assert found.state.usable
    assert not found.persistent


def test_an_image_in_error_says_why() -> None:
    found = image(56)
    assert found.state is ImageState.ERROR
    assert "RESTRICTED_DIRS" in found.error
    assert not found.state.usable
    assert not found.state.locked


def test_datastores() -> None:
    pool = base.pool(labelled("datastorepool").value, Datastore.parse, "DATASTORE")
    assert [(d.name, d.type) for d in pool] == [
        ("system", DatastoreType.SYSTEM), ("default", DatastoreType.IMAGE),
        ("files", DatastoreType.FILE),
    ]  # fmt: skip
    assert not any(one.measured for one in pool)
    found = base.one(labelled("ds-capacity-wait").value, Datastore.parse)
    assert (found.total, found.free, found.used) == (258020, 71889, 32010)
    assert found.measured
    assert found.clusters == (0,)
