"""The cloud as it is: every kind of object, each in one call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast

from b2ct.cloud.kinds import KINDS
from b2ct.one.objects.account import User
from b2ct.one.objects.base import Named
from b2ct.one.objects.storage import Image
from b2ct.one.objects.vm import Vm
from b2ct.one.ownership import Owners

if TYPE_CHECKING:
    from b2ct.cloud.kinds.kind import Kind, Pool
    from b2ct.one.client import Client

T = TypeVar("T")


@dataclass(frozen=True)
class Live:
    """What is there."""

    me: User
    owners: Owners
    """Whose marks count."""
    pools: Mapping[str, tuple[Any, ...]]
    """Kind -> its objects."""
    images: tuple[Image, ...] = ()
    vms: tuple[Vm, ...] | None = None
    """None: nobody asked for them, so nothing can be said of what VMs use."""

    def of(self, kind: Kind[Any, T]) -> tuple[T, ...]:
        """The objects of a kind."""
        return cast("tuple[T, ...]", self.pools.get(kind.name, ()))

    @cached_property
    def named(self) -> Mapping[tuple[str, str], tuple[Named, ...]]:
        """Kind and name -> the objects that have it."""
        found: dict[tuple[str, str], list[Named]] = {}
        for kind, items in self.pools.items():
            for item in items:
                if isinstance(item, Named):
                    found.setdefault((kind, item.name), []).append(item)
        return {key: tuple(items) for key, items in found.items()}

    @cached_property
    def numbered(self) -> Mapping[tuple[str, int], Named]:
        """Kind and ID -> the object."""
        items = ((kind, item) for kind, pool in self.pools.items() for item in pool)
        return {(kind, item.id): item for kind, item in items if isinstance(item, Named)}


def read(one: Client, *, vms: bool = False) -> Live:
    """Ask for everything, each pool once. `vms`: the VMs, too (needed to delete things)."""
    asked: dict[Pool[Any], tuple[Any, ...]] = {}

    def all_of(pool: Pool[Any]) -> tuple[Any, ...]:
        if pool not in asked:
            asked[pool] = pool.all()
        return asked[pool]

    me = one.users.me()
    pools = {kind.name: kind.among(all_of(kind.pool(one))) for kind in KINDS}
    owners = Owners.of(me, all_of(one.groups))
    return Live(me, owners, pools, all_of(one.images), one.vms.all() if vms else None)
