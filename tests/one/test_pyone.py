"""pyone, OpenNebula's own binding, as the oracle: what it sends and reads, we send and read."""

from __future__ import annotations

from typing import Any

import pyone
import pyone.bindings
import pytest

from b2ct.one import states
from b2ct.one.kind import Kind
from b2ct.one.kinds import Clusters, Datastores, Groups, Hosts, Images, Networks, Templates, Users
from b2ct.one.transport import Transport

from .recorded import Exchange, exchanges
from .servers import good, serving


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("image.info", (7,)),
        ("vmpool.info", (-2, -1, -1, -1)),
        ("image.allocate", ('NAME="a<&>ü"\nSIZE="1"\n', 1, True)),
        ("user.allocate", ("dirac", "pass word", "", [100, 101])),
    ],
)
def test_the_same_request(method: str, arguments: tuple[Any, ...]) -> None:
    with serving(good(1), good(1)) as server:
        where = server.endpoint()
        Transport(where).call(method, *arguments)
        group, _, verb = method.partition(".")
        getattr(getattr(pyone.OneServer(where.url, session=where.auth), group), verb)(*arguments)
        assert server.bodies[0] == server.bodies[1]


OURS: dict[str, type[Kind[Any]]] = {
    f"one.{kind.prefix}.info": kind
    for kind in (Clusters, Datastores, Groups, Hosts, Images, Networks, Templates, Users)
}
READ = [one for one in exchanges() if one.method in OURS and one.good is True]


def test_there_is_something_to_read() -> None:
    assert len({one.method for one in READ}) >= 5


@pytest.mark.parametrize("exchange", READ, ids=lambda one: f"{one.number}-{one.method}")
def test_the_same_object(exchange: Exchange) -> None:
    theirs = pyone.bindings.parseString(exchange.value.encode())
    with serving(good(exchange.value)) as server:
        ours = OURS[exchange.method](Transport(server.endpoint())).get(1)
    assert (ours.id, ours.name) == (theirs.ID, theirs.NAME)
    for name, field in (("STATE", "state"), ("TYPE", "type"), ("GID", "gid"), ("UID", "uid")):
        number = getattr(theirs, name, None)
        if isinstance(number, int) and hasattr(ours, field):
            assert getattr(ours, field) == number, name


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (states.ImageState, pyone.IMAGE_STATES), (states.HostState, pyone.HOST_STATES),
        (states.HostStatus, pyone.HOST_STATUS), (states.VmState, pyone.VM_STATE),
        (states.DatastoreType, pyone.DATASTORE_TYPES),
    ],
)  # fmt: skip
def test_the_same_numbers(ours: Any, theirs: Any) -> None:
    """Every state that pyone knows has the same number and the same name."""
    for one in theirs:
        assert ours(one.value).name == one.name
