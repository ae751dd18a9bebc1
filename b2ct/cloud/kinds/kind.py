"""What a kind of OpenNebula's objects tells `b2ct plan` and `b2ct apply`: all of it in one class.

`Kind` is what these two loop over. `ObjectKind` is the usual one: objects that have a name and
carry B2CT's marks; each of its methods has a default, so that a new kind says only what is its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar, cast

from b2ct.cloud import compare
from b2ct.cloud.difference import Change
from b2ct.cloud.steps import Step
from b2ct.one import ownership
from b2ct.one.faults import MissingError
from b2ct.one.objects.base import Named
from b2ct.one.text import Attributes

if TYPE_CHECKING:
    from b2ct.cloud.desired import Described
    from b2ct.cloud.live import Live
    from b2ct.cloud.session import Run
    from b2ct.cloud.view import Number, Options, View
    from b2ct.one.client import Client
    from b2ct.one.kind import Kind as Calls

DEFAULT = "default"
"""OpenNebula's own cluster and security group, and one of its datastores."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """An object as it shall be. References are names of site.yaml."""

    name: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Attributes of OpenNebula, by which it is compared; an empty text: it shall not be there."""


class Need(Enum):
    """What a step takes from the person's machine."""

    PASSWORD = "the DIRAC user's password"  # noqa: S105 - says what, and is none
    FILES = "files that workers bring"


T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")
W = TypeVar("W", bound=Wanted)
N = TypeVar("N", bound=Named)


class Pool(Protocol[T_co]):
    """What lists all objects of a sort, in one call."""

    def all(self) -> tuple[T_co, ...]:
        """All of them."""


class Kind(ABC, Generic[W, T]):
    """A kind of objects: as site.yaml wants them (W), as the server has them (T)."""

    name: ClassVar[str]
    """For people, in plans and in JSON."""
    made: ClassVar[int]
    """When it is made, among the kinds: what it refers to has a lower number."""
    deleted: ClassVar[int]
    """When it is deleted: what refers to it has a lower number."""
    late: ClassVar[bool] = False
    """It takes its marks only after it was made."""

    @abstractmethod
    def pool(self, one: Client) -> Pool[T]:
        """What lists them. A pool that kinds share is asked once."""

    def among(self, listed: tuple[T, ...]) -> tuple[T, ...]:
        """Those of this kind among what the pool lists."""
        return listed

    def known(self, _live: Live) -> Mapping[str, int]:
        """Names that site.yaml may use for objects that every OpenNebula has, and their IDs."""
        return {}

    @abstractmethod
    def wanted(self, described: Described) -> Iterable[W]:
        """What site.yaml wants."""

    def notes(self, _described: Described) -> Iterable[str]:
        """What the person should know about what is not wanted."""
        return ()

    def find(self, _wanted: W, _view: View) -> Named | None:
        """The object that is meant; None for kinds whose steps look for it themselves."""
        return None

    @abstractmethod
    def steps(self, view: View) -> Iterator[Step]:
        """What is to be done about what is wanted."""

    @abstractmethod
    def left_over(self, view: View) -> Iterator[Step]:
        """What B2CT made and site.yaml does not have any more."""

    def others(self, _view: View, *, of_sites: bool) -> tuple[str, ...]:  # noqa: ARG002
        """Names of what was made by hand; or, `of_sites`, by B2CT for other sites."""
        return ()

    def holds(self, _item: T, _view: View) -> Iterator[tuple[Number, str]]:
        """Objects that cannot be deleted as long as this one is there, and why, in words."""
        yield from ()

    def needs(self, _step: Step) -> Need | None:
        """What a step takes from the person's machine."""
        return None

    @abstractmethod
    def create(self, run: Run, step: Step) -> None:
        """Carry out a step that makes something. Safe to run again."""

    @abstractmethod
    def update(self, run: Run, step: Step) -> None:
        """Carry out a step that changes something. It says what shall be: twice is once."""

    @abstractmethod
    def delete(self, run: Run, step: Step) -> None:
        """Carry out a step that deletes. Raises InUseError."""

    def end(self, run: Run) -> None:
        """What is to be done once, after all steps."""


class ObjectKind(Kind[W, N]):
    """Objects with a name and marks. `made`, `pool`, `wanted` and `make` are each kind's own."""

    per_owner: ClassVar[bool] = False
    """Names are unique per owner only: another user's object of the name is none of ours."""
    account: ClassVar[bool] = False
    """Its marks stand in oneadmin's group (see one.ownership)."""
    own: ClassVar[int] = 0
    """IDs below this are OpenNebula's own objects, which nobody made."""

    # as it shall be, and as it is

    @abstractmethod
    def pool(self, one: Client) -> Calls[N]:
        """The client's calls for it."""

    def shown(self, wanted: W) -> Mapping[str, str]:
        """Everything that is compared: for people, by its name, in this order."""
        return wanted.attributes

    def there(self, item: N, wanted: W, _view: View) -> Mapping[str, str]:
        """The same as it is."""
        return {name: item.template.text(name) for name in wanted.attributes}

    def changes(self, item: N, wanted: W, view: View) -> tuple[Change, ...]:
        """What differs."""
        now = self.there(item, wanted, view)
        pairs = ((name, now[name], text) for name, text in self.shown(wanted).items())
        return tuple(Change(name, old, new) for name, old, new in pairs if old != new)

    def find(self, wanted: W, view: View) -> N | None:
        """B2CT's own object of the name first, else any; of several the oldest."""
        named = cast("tuple[N, ...]", view.live.named.get((self.name, wanted.name), ()))
        ours = [item for item in named if view.owners.cared_for(item, view.label)]
        usable = [item for item in named if not self.per_owner or self._mine(item, view)]
        return min(ours or usable, key=lambda item: item.id, default=None)

    @staticmethod
    def _mine(item: Named, view: View) -> bool:
        return bool(getattr(item, "uid", None) == view.live.me.id)

    def missing(self, wanted: W) -> Step:
        """The step about one that is not there."""
        return compare.creation(self, wanted)

    def steps(self, view: View) -> Iterator[Step]:
        """Each wanted one is made, changed, or left as it is."""
        return compare.steps(self, view)

    def asked(self, _options: Options) -> tuple[Change, ...]:
        """Changes that the person asked for, whatever is there."""
        return ()

    def bar(self, _item: N, _wanted: W, _name: str) -> tuple[str, str] | None:
        """Why a change is not made now, and what helps."""
        return None

    def trouble(self, _item: N) -> tuple[str, str] | None:
        """Why nothing at all is done about an object, and what helps."""
        return None

    # what is not wanted any more

    def system(self, item: Named) -> bool:
        """It is OpenNebula's own."""
        return item.id < self.own

    def kept(self, _item: N, _view: View) -> bool:
        """It stays although no wanted object means it."""
        return False

    def used(self, _item: N, _view: View) -> str:
        """What uses it besides what other kinds hold, in words; empty: nothing."""
        return ""

    def left_over(self, view: View) -> Iterator[Step]:
        """What B2CT made is deleted on demand, unless something uses it."""
        return compare.left_over(self, view)

    def others(self, view: View, *, of_sites: bool) -> tuple[str, ...]:
        """Names of what nobody wants here and B2CT did not make for this site."""
        return compare.others(self, view, of_sites=of_sites)

    # carried out

    @abstractmethod
    def make(self, run: Run, wanted: W) -> None:
        """Make it as it is wanted, unless somebody just did."""

    def sent(self, _run: Run, wanted: W, names: Set[str]) -> Attributes:
        """The attributes that an update sends, of the changes of these names."""
        return Attributes.of({n: text for n, text in wanted.attributes.items() if n in names})

    def change(self, run: Run, wanted: W, item: N, names: Set[str]) -> None:
        """Make the changes of these names. `item`: as the plan found it."""
        attributes, marks = self.sent(run, wanted, names), _marks(run, names)
        if not self.account:
            attributes = attributes.merged(Attributes.of(marks))
        if attributes:
            self.pool(run.one).update(item.id, attributes)
        if self.account and marks:
            run.say(self, item.id, marks)

    def remove(self, run: Run, oid: int) -> None:
        """Delete it."""
        self.pool(run.one).delete(oid)

    def forgotten(self, oid: int) -> Mapping[str, str]:
        """Attributes of oneadmin's group to empty when it is gone. (Taking them away is a race.)"""
        return {ownership.account(self.name, oid): ""} if self.account else {}

    def create(self, run: Run, step: Step) -> None:
        """Make what the step names."""
        self.make(run, run.wanted(self, step.name))

    def update(self, run: Run, step: Step) -> None:
        """Make the step's changes."""
        names = frozenset(change.name for change in step.changes)
        self.change(run, run.wanted(self, step.name), cast("N", step.found), names)

    def delete(self, run: Run, step: Step) -> None:
        """Delete it; somebody who was faster is no error."""
        with suppress(MissingError):
            self.remove(run, step.oid)
        if emptied := self.forgotten(step.oid):
            run.say_of_accounts(emptied)


def _marks(run: Run, names: Set[str]) -> Mapping[str, str]:
    """The marks among the changes."""
    if compare.MARKS in names:
        return ownership.marks(run.desired.label)
    return ownership.adoption(run.desired.label) if compare.TAKEN_OVER in names else {}


AnyKind = Kind[Any, Any]
