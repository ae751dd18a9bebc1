"""What all objects of the cloud have in common: identity, owner, permissions, lock, template."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from b2ct.rehearsal.oned import xmlwriter
from b2ct.rehearsal.oned.errors import no_exists
from b2ct.rehearsal.oned.template import Template

if TYPE_CHECKING:
    from b2ct.rehearsal.oned.cloud import Cloud

BITS = tuple(f"{who}_{what}" for who in ("OWNER", "GROUP", "OTHER") for what in "UMA")
_FORBIDDEN = "&|:\\\";/'#{}$<>"
MAX_NAME = 128


def bad_name(name: str, extra: str = "") -> str:
    """Why oned refuses this name; empty if it does not."""
    if not name:
        return "Invalid NAME, it cannot be empty"
    bad = next((c for c in name if c in _FORBIDDEN + extra), "")
    if bad:
        return f"Invalid NAME, char '{bad}' is not allowed"
    if len(name) > MAX_NAME:
        return f"Invalid NAME, max length is {MAX_NAME} chars"
    return ""


@dataclass
class Lock:
    level: int  # 1 use, 2 manage, 3 admin: operations from that level up are refused
    owner: int
    time: int
    request: int

    def xml(self) -> str:
        return (
            f"<LOCK><LOCKED>{self.level}</LOCKED><OWNER>{self.owner}</OWNER>"
            f"<TIME>{self.time}</TIME><REQ_ID>{self.request}</REQ_ID></LOCK>"
        )


@dataclass
class Entity:
    """An object with a number and a name."""

    kind: ClassVar[str] = ""
    cloud: Cloud
    id: int
    name: str
    template: Template = field(default_factory=Template)

    @property
    def owner(self) -> tuple[int, int]:
        """User and group that own it; -1 where nobody can."""
        return -1, -1

    @property
    def clusters(self) -> set[int]:
        return set()

    def bits(self) -> str:
        """The nine permission bits, owner use first."""
        return "000000000"

    def locked_for(self, level: int) -> bool:
        return False

    def xml(self) -> str:
        raise NotImplementedError

    def pool_xml(self) -> str:
        """How it appears in the answer about its pool."""
        return self.xml()

    def changed(self) -> None:
        """Called after each change that oned would write to its database."""


@dataclass
class Owned(Entity):
    """An object with an owner and permissions."""

    uid: int = 0
    gid: int = 0
    permissions: str = "110000000"
    lock: Lock | None = None

    @property
    def owner(self) -> tuple[int, int]:
        return self.uid, self.gid

    def bits(self) -> str:
        return self.permissions

    def locked_for(self, level: int) -> bool:
        return self.lock is not None and self.lock.level <= level

    def head_xml(self, *, permissions: bool = True) -> str:
        """From ID to PERMISSIONS."""
        lock = self.lock.xml() if self.lock else ""
        return (
            f"<ID>{self.id}</ID><UID>{self.uid}</UID><GID>{self.gid}</GID>"
            f"<UNAME>{self.cloud.user_name(self.uid)}</UNAME>"
            f"<GNAME>{self.cloud.group_name(self.gid)}</GNAME><NAME>{self.name}</NAME>{lock}"
            + (self.permissions_xml() if permissions else "")
        )

    def permissions_xml(self) -> str:
        pairs = zip(BITS, self.permissions, strict=True)
        return f"<PERMISSIONS>{''.join(xmlwriter.el(k, v) for k, v in pairs)}</PERMISSIONS>"


E = TypeVar("E", bound=Entity)


class Pool(Generic[E]):
    """All objects of one kind. Numbers are never used again."""

    def __init__(self, kind: str, tag: str) -> None:
        self.kind = kind
        self.tag = tag
        self._objects: dict[int, E] = {}
        self.next_id = 0

    def __iter__(self) -> Iterator[E]:
        return iter(list(self._objects.values()))

    def __len__(self) -> int:
        return len(self._objects)

    def __contains__(self, object_id: int) -> bool:
        return object_id in self._objects

    def __getitem__(self, object_id: int) -> E:
        """By number, or the refusal that oned gives."""
        if object_id not in self._objects:
            raise no_exists(self.kind, object_id)
        return self._objects[object_id]

    def find(self, object_id: int) -> E | None:
        return self._objects.get(object_id)

    def named(self, name: str, uid: int | None = None) -> E | None:
        """The first object of that exact name, of that owner if names are unique per owner."""
        return next(
            (o for o in self if o.name == name and (uid is None or o.owner[0] == uid)), None
        )

    def take_id(self) -> int:
        self.next_id += 1
        return self.next_id - 1

    def return_id(self) -> None:
        """The object of the last number could not be written after all.

        The number is used again, but for the very first: PoolSQL never goes back below 0.
        """
        self.next_id = max(self.next_id - 1, 1)

    def add(self, obj: E) -> E:
        self._objects[obj.id] = obj
        self.next_id = max(self.next_id, obj.id + 1)
        return obj

    def remove(self, object_id: int) -> None:
        self._objects.pop(object_id, None)

    def xml(
        self,
        wanted: Callable[[E], bool] = lambda _: True,
        write: Callable[[E], str] = lambda o: o.pool_xml(),
        limits: tuple[int, int] = (-1, -1),
    ) -> str:
        """The pool's answer, newest first.

        `limits` are oned's: first and last number, or (offset, -pagesize) for a page.
        """
        rows = [self._objects[n] for n in sorted(self._objects, reverse=True)]
        rows = [row for row in rows if wanted(row)]
        first, last = limits
        if last < -1:
            rows = rows[max(first, 0) : max(first, 0) - last]
        else:
            rows = [r for r in rows if r.id >= first and (last < 0 or r.id <= last)]
        return f"<{self.tag}>{''.join(write(row) for row in rows)}</{self.tag}>"
