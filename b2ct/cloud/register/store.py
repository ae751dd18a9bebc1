"""The datastore that an image goes to, and whether it has room."""

from __future__ import annotations

from collections.abc import Iterator

from b2ct.cloud.register.content import MIB, Content
from b2ct.core.errors import B2ctError
from b2ct.one.objects.storage import Datastore
from b2ct.one.states import DatastoreType


def choose(there: tuple[Datastore, ...], wanted: str | None) -> Datastore:
    """The image datastore of that name or ID; without one the only one, or `default`."""
    stores = [one for one in there if one.type is DatastoreType.IMAGE]
    names = ", ".join(f"{one.name} ({one.id})" for one in stores) or "none"
    if wanted is not None:
        found = [one for one in stores if wanted in (one.name, str(one.id))]
        if not found:
            raise B2ctError(
                f"there is no image datastore {wanted!r}", hint=f"image datastores are: {names}"
            )
        return found[0]
    usual = [one for one in stores if one.name == "default"]
    if len(stores) == 1 or len(usual) == 1:
        return (usual or stores)[0]
    raise B2ctError(
        "OpenNebula has no image datastore that you may use"
        if not stores else "there are several image datastores, and none is called `default`",
        hint=f"say which one with --datastore: {names}"
        if stores else "make one, or ask for the right to use it (`onedatastore list`)",
    )  # fmt: skip


def room(
    store: Datastore, content: Content, *, checks: bool = True, thin: bool = False
) -> Iterator[str]:
    """What to know of it. Raises B2ctError where oned would refuse: it counts the virtual size.

    `checks`: the server looks for room at all. `thin`: it is told not to; then the file must fit.
    """
    if not store.measured:
        yield f"OpenNebula has not yet measured how much room datastore {store.name!r} has"
        return
    file_mib = -(-content.size // MIB)
    if file_mib > (store.free if thin or not checks else store.room):
        raise B2ctError(
            f"the file {content.path.name} is {file_mib} MiB large, {_has(store)}",
            hint="delete images that nobody uses (`oneimage list`), enlarge the datastore, or name "
            "another with --datastore",
        )
    if content.virtual_mib <= store.room:
        return
    what = f"the disk of {content.path.name} is {content.virtual_mib} MiB large, {_has(store)}"
    if checks and not thin:
        raise B2ctError(
            what,
            hint="OpenNebula counts the whole disk, not the file: delete images that nobody uses "
            "(`oneimage list`), enlarge the datastore"
            + (", raise its LIMIT_MB" if store.limit is not None else "")
            + ", or name another with --datastore; --thin lets the file alone count, if you are an "
            "administrator",
        )
    yield f"{what}: the file alone fits, and the server does not look"


def _has(store: Datastore) -> str:
    if store.limit is None:
        return f"datastore {store.name!r} has {store.room} MiB free"
    return (
        f"datastore {store.name!r} has {store.room} MiB left of its LIMIT_MB of {store.limit} MiB"
    )
