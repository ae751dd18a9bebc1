"""What the steps of one `b2ct apply` share: the client, and the IDs of what is there by now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from b2ct.cloud.desired import Desired
from b2ct.cloud.steps import Plan
from b2ct.one import ownership
from b2ct.one.client import Client
from b2ct.one.kind import ALL
from b2ct.one.settle import once
from b2ct.one.text import Attributes, Loose

if TYPE_CHECKING:
    from b2ct.cloud.kinds.kind import Kind, ObjectKind, Wanted

W = TypeVar("W", bound="Wanted")


class Run:
    """One run. It remembers what was made, and changes nothing else."""

    def __init__(
        self, one: Client, desired: Desired, plan: Plan, password: Callable[[], str]
    ) -> None:
        self.one, self.desired, self.plan, self.password = one, desired, plan, password
        self.ids = dict(plan.ids)
        self.made: dict[tuple[str, str], int] = {}
        """Kind and name -> ID of what this run made."""
        self.noted: set[str] = set()
        """Users whose ACL rules are recorded."""
        self._wanted = {
            (kind, one.name): one for kind, every in desired.wanted.items() for one in every
        }

    def wanted(self, kind: Kind[W, Any], name: str) -> W:
        """The wanted object of a name."""
        return cast("W", self._wanted[kind.name, name])

    def id(self, kind: Kind[Any, Any], name: str) -> int:
        """The ID of what a name of site.yaml means. Raises KeyError where it is not there."""
        return self.ids[kind.name, name]

    def make(self, kind: ObjectKind[Any, Any], name: str, allocate: Callable[[], int]) -> int:
        """Make it once, although other runs do the same; remember its ID."""
        owner = self.one.me.id if kind.per_owner else ALL
        number = once(lambda: kind.pool(self.one).named(name, owner), allocate)
        self.ids[kind.name, name] = self.made[kind.name, name] = number
        return number

    def mark(self, kind: ObjectKind[Any, Any], name: str) -> None:
        """Say that B2CT made it."""
        self.say(kind, self.id(kind, name), ownership.marks(self.desired.label))

    def say(self, kind: ObjectKind[Any, Any], oid: int, marks: Mapping[str, str]) -> None:
        """Set marks, where they count."""
        if kind.account:
            self.say_of_accounts(ownership.recorded(kind.name, oid, marks))
        else:
            kind.pool(self.one).update(oid, Attributes.of(marks))

    def say_of_accounts(self, attributes: Mapping[str, Loose]) -> None:
        """Set attributes of oneadmin's group, of which each belongs to one user or group."""
        self.one.groups.update(ownership.ADMINISTRATORS, Attributes.of(attributes))

    def new(self, wanted: Wanted) -> Attributes:
        """The attributes of a new object, with its marks."""
        given = {name: text for name, text in wanted.attributes.items() if text}
        marks = ownership.marks(self.desired.label)
        return Attributes.of({"NAME": wanted.name, **given, **marks})
