"""What B2CT made, what it takes care of, and what was made by hand. Pure.

Every object that B2CT makes carries B2CT_MADE and the name of its site. These marks are attributes,
and every user of OpenNebula may write any attribute of their own objects. So marks count on objects
of the caller, of oneadmin and of oneadmin's group alone; all else was made by hand, whatever stands
in it. Hosts and clusters have no owner: only administrators make and change them.

Users may write their own attributes, too, and a group's administrators those of the group. The
marks of users and groups therefore stand in the template of oneadmin's group.

Some kinds take no attributes when they are made (hosts, clusters, groups, users): their names are
noted on the server before, in the template of the user who makes them, so that a run that ends
between the two calls leaves nothing whose origin is unknown.
"""

from __future__ import annotations

import re
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
LATE = frozenset({"group", "cluster", "host", "user"})
"""Kinds that take their marks only after they were made."""
ACCOUNTS = frozenset({"group", "user"})
"""Kinds whose marks stand in oneadmin's group."""
ONEADMIN, ADMINISTRATORS = 0, 0
"""The IDs of oneadmin and of oneadmin's group."""
BY_HAND, ELSEWHERE = "made by hand", "made for the site"
OWN = {"cluster": 100, "datastore": 100, "security group": 100, "group": 100, "user": 2}
"""IDs below these are OpenNebula's own objects."""


def marks(site: str) -> dict[str, str]:
    """Attributes of a new object."""
    return {**labels.marks(), SITE: site}


def recorded(kind: str, oid: int, given: Mapping[str, str]) -> dict[str, Loose]:
    """The marks of a user or group, as they are set in oneadmin's group."""
    return {account(kind, oid): {k: v for k, v in given.items() if k != "LABELS"}}


def forgotten(kind: str, oid: int) -> dict[str, Loose]:
    """The same when it is gone. An update cannot take attributes away without a race."""
    names = [account(kind, oid), *([rules(oid)] if kind == "user" else [])]
    return dict.fromkeys(names, "")


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


def system(kind: str, item: Named) -> bool:
    """OpenNebula's own, which nobody made."""
    return item.id < OWN.get(kind, 0)


def journal_name(site: str) -> str:
    """The attribute, in the template of the user who applies, that says what was begun."""
    return f"B2CT_BEGUN_{re.sub('[^A-Za-z0-9]', '_', site).upper()}"


def journal_text(begun: Iterable[tuple[str, str]]) -> str:
    """The attribute's value for objects by kind and name."""
    return " ".join(f"{kind}={name}" for kind, name in sorted(begun))


def journal(template: Attributes, site: str) -> frozenset[tuple[str, str]]:
    """What a run of ours has begun to make, by kind and name."""
    words = template.text(journal_name(site)).split()
    pairs = (word.partition("=") for word in words)
    return frozenset((kind, name) for kind, _, name in pairs if kind in LATE and name)
