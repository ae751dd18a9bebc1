"""The cloud as it is beside the cloud as it shall be, while a plan is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast

from b2ct.cloud import journal

if TYPE_CHECKING:
    from b2ct.cloud.desired import Desired
    from b2ct.cloud.kinds.kind import Kind, Wanted
    from b2ct.cloud.live import Live
    from b2ct.one.objects.base import Named, Owned
    from b2ct.one.objects.vm import Vm

T = TypeVar("T")
OwnedT = TypeVar("OwnedT", bound="Owned")
W = TypeVar("W", bound="Wanted")
Number = tuple[str, int]
"""Kind and ID."""


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    prune: bool = False
    adopt: bool = False
    password: bool = False
    """Set the DIRAC user's password anew: it cannot be compared."""


class View:
    """One run of planning: what the kinds look at. It grows as the plan does."""

    def __init__(
        self, desired: Desired, live: Live, options: Options, kinds: Sequence[Kind[Any, Any]]
    ) -> None:
        self.desired, self.live, self.options, self.kinds = desired, live, options, kinds
        self.label, self.owners = desired.label, live.owners
        late = frozenset(kind.name for kind in kinds if kind.late)
        self.begun = journal.read(live.me.template, self.label, late)
        """Kind and name of what an earlier run has noted that it was going to make."""
        self.found: dict[tuple[str, str], Named] = {}
        """Kind and name -> the object that is meant by a wanted one."""
        for kind in kinds:
            for wanted in desired.of(kind):
                if (item := kind.find(wanted, self)) is not None:
                    self.found[kind.name, wanted.name] = item
        known = {(k.name, n): oid for k in kinds for n, oid in k.known(live).items()}
        self.ids = {**known, **{key: item.id for key, item in self.found.items()}}
        """Kind and name -> ID, of everything that is wanted and there."""
        self.managed: dict[Number, Wanted] = {}
        """What is there, and will be as it is wanted."""
        self.gone: set[Number] = set()
        """What will be deleted."""
        self._held: dict[str, list[Any]] = {}

    @cached_property
    def _names(self) -> Mapping[Number, str]:
        names: dict[Number, str] = {}
        for (kind, name), oid in self.ids.items():
            names.setdefault((kind, oid), name)
        return names

    @cached_property
    def meant(self) -> frozenset[Number]:
        """Kind and ID of what is found for a wanted object."""
        return frozenset((kind, item.id) for (kind, _), item in self.found.items())

    def name(self, kind: Kind[Any, Any], oid: int) -> str:
        """The name of site.yaml, else the object's with its ID."""
        if name := self._names.get((kind.name, oid)):
            return name
        found = self.live.numbered.get((kind.name, oid))
        return f"{found.name} (ID {oid})" if found else f"ID {oid}"

    def id(self, kind: Kind[Any, Any], name: str) -> int | None:
        """The ID of what a name of site.yaml means, if that is there."""
        return self.ids.get((kind.name, name))

    def meaning(self, kind: Kind[Any, T], name: str) -> T | None:
        """The object that a name of site.yaml means, if it is there."""
        return cast("T | None", self.found.get((kind.name, name)))

    def there(self, kind: Kind[Any, Any]) -> list[str]:
        """The wanted names of a kind that are there."""
        return [name for its, name in self.found if its == kind.name]

    def held(self, kind: Kind[Any, OwnedT]) -> list[OwnedT]:
        """Those of a kind that the caller and administrators have, in this order."""
        if kind.name not in self._held:
            self._held[kind.name] = self.owners.held(self.live.of(kind))
        return cast("list[OwnedT]", self._held[kind.name])

    def stay(self, kind: Kind[Any, T]) -> Iterator[T]:
        """Those of a kind that will not have been deleted."""
        for item in self.live.of(kind):
            if (kind.name, cast("Any", item).id) not in self.gone:
                yield item

    def changed(self, kind: Kind[W, Any], item: Named) -> W | None:
        """As what it will be, if B2CT takes care of it."""
        return cast("W | None", self.managed.get((kind.name, item.id)))

    @property
    def vms(self) -> tuple[Vm, ...]:
        """VMs that are not done."""
        return tuple(vm for vm in self.live.vms or () if not vm.done)

    def holder(self, kind: Kind[Any, Any], oid: int) -> str:
        """What refers to an object and stays, in words; empty if nothing does."""
        held = self._holders.get((kind.name, oid), ())
        return next((words for holder, words in held if holder not in self.gone), "")

    @cached_property
    def _holders(self) -> Mapping[Number, list[tuple[Number, str]]]:
        """Kind and ID -> who refers to it, and that in words."""
        held: dict[Number, list[tuple[Number, str]]] = {}
        for kind in self.kinds:
            for item in self.live.of(kind):
                for number, words in kind.holds(item, self):
                    held.setdefault(number, []).append(((kind.name, item.id), words))
        return held
