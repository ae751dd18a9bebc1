"""What B2CT made, what it takes care of, and what was made by hand. Pure.

Every object that B2CT makes carries B2CT_MADE and the name of its site. These marks are attributes,
and every user of OpenNebula may write any attribute of their own objects. So marks count on objects
of the caller, of oneadmin and of oneadmin's group alone; all else was made by hand, whatever stands
in it. Hosts and clusters have no owner: only administrators make and change them.

Users may write their own attributes, too, and a group's administrators those of the group. The
marks of users and groups therefore stand in the template of oneadmin's group.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from b2ct.one import labels
from b2ct.one.objects.account import Group, User
from b2ct.one.objects.base import Named, Owned
from b2ct.one.objects.network import AddressRange
from b2ct.one.text import Attributes, Loose

T = TypeVar("T", bound=Owned)

SITE = "B2CT_SITE"
"""Attribute: the name of the site for which B2CT takes care of the object."""
ADOPTED = "B2CT_ADOPTED"
"""Attribute of what was made by hand and given into B2CT's care: never deleted."""
ONEADMIN, ADMINISTRATORS = 0, 0
"""The IDs of oneadmin and of oneadmin's group."""
BY_HAND, ELSEWHERE = "made by hand", "made for the site"


def marks(site: str) -> dict[str, str]:
    """Attributes of a new object."""
    return {**labels.marks(), SITE: site}


def recorded(kind: str, oid: int, given: Mapping[str, str]) -> dict[str, Loose]:
    """The marks of a user or group, as they are set in oneadmin's group."""
    return {account(kind, oid): {k: v for k, v in given.items() if k != "LABELS"}}


def adoption(site: str) -> dict[str, str]:
    """Attributes of an object that is taken over."""
    return {ADOPTED: "YES", SITE: site}


def account(kind: str, oid: int) -> str:
    """The attribute of oneadmin's group that holds the marks of a user or group."""
    return f"B2CT_{kind.upper()}_{oid}"


def rules(uid: int) -> str:
    """The attribute of oneadmin's group that names the ACL rules that B2CT added for a user."""
    return f"B2CT_RULES_{uid}"


@dataclass(frozen=True)
class Owners:
    """Whose marks count."""

    me: int
    """The caller's ID."""
    administrators: frozenset[int] | None = None
    """IDs of the users in oneadmin's group; None: the caller may not see them."""
    accounts: Attributes = field(default_factory=Attributes)
    """Of oneadmin's group: the marks of users and groups."""

    @classmethod
    def of(cls, me: User, groups: Iterable[Group]) -> Owners:
        """For this caller, who sees these groups."""
        admins = next((group for group in groups if group.id == ADMINISTRATORS), None)
        return cls(me.id, frozenset(admins.users), admins.template) if admins else cls(me.id)

    def hold(self, item: Named) -> bool:
        """It belongs to the caller or to an administrator, or has no owner."""
        if not isinstance(item, Owned) or item.uid in (self.me, ONEADMIN):
            return True
        if self.administrators is None:
            # Who may not see the group goes by the object's: others may not give theirs to it.
            return item.gid == ADMINISTRATORS
        return item.uid in self.administrators

    def held(self, items: Iterable[T]) -> list[T]:
        """The caller's own, then oneadmin's, then administrators', each by ID; no others."""
        order = {self.me: 0, ONEADMIN: 1}
        found = (item for item in items if self.hold(item))
        return sorted(found, key=lambda item: (order.get(item.uid, 2), item.id))

    def marks(self, item: Named) -> Mapping[str, str]:
        """The marks that count."""
        if isinstance(item, User | Group):
            kind = "user" if isinstance(item, User) else "group"
            return self.accounts.vector(account(kind, item.id))
        if not self.hold(item):
            return {}
        return {name: item.template.text(name) for name in (labels.MADE, ADOPTED, SITE)}

    def cared_for(self, item: Named, site: str) -> bool:
        """B2CT may change it."""
        marks = self.marks(item)
        return "YES" in (marks.get(labels.MADE), marks.get(ADOPTED)) and marks.get(SITE) == site

    def made(self, item: Named, site: str) -> bool:
        """B2CT made it for this site, and may delete it."""
        marks = self.marks(item)
        return marks.get(labels.MADE) == "YES" and marks.get(SITE) == site

    def foreign(self, item: Named, site: str) -> str:
        """Why B2CT leaves it alone, in words; empty if it does not."""
        if self.cared_for(item, site):
            return ""
        other = self.marks(item).get(SITE)
        if other and other != site:
            return f"{ELSEWHERE} {other}"
        return BY_HAND if self.hold(item) else f"{BY_HAND}, and it is {_owner(item)}'s"


def _owner(item: Named) -> str:
    return (isinstance(item, Owned) and item.owner) or "another user"


def made_range(one: AddressRange) -> bool:
    """An address range that B2CT added to a network."""
    return one.attributes.get(labels.MADE) == "YES"
