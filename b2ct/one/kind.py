"""What every kind of OpenNebula's objects can do: list, look up, update, rename, delete."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Generic, TypeVar

from b2ct.one import text
from b2ct.one.faults import MissingError, OneError
from b2ct.one.objects import base
from b2ct.one.objects.base import Named, Owned
from b2ct.one.text import Attributes
from b2ct.one.transport import Argument, Repeat, Transport

T = TypeVar("T", bound=Named)
OwnedT = TypeVar("OwnedT", bound=Owned)

MINE, ALL, MINE_AND_GROUPS = -3, -2, -1
"""Which objects a pool lists: the caller's own, every one that may be seen, own and groups'."""


class Kind(Generic[T]):
    """What all kinds can do."""

    prefix: ClassVar[str]
    """Of the methods: `image` in one.image.info."""
    tag: ClassVar[str]
    """Of the XML element."""
    label: ClassVar[str]
    """For people."""
    cls: type[T]
    filtered: ClassVar[bool] = False
    """The pool's method takes a filter and a range."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def all(self, owner: int = ALL) -> tuple[T, ...]:
        """All of them, by ID, in one call.

        `owner`: ALL, MINE, MINE_AND_GROUPS or a user's ID; of no effect on hosts, clusters,
        datastores, users and groups, whose names are unique anyway.
        """
        arguments = (owner, -1, -1) if self.filtered else ()
        body = self._read(f"{self.prefix}pool.info", *arguments)
        return base.pool(body, self.cls.parse, self.tag)

    def get(self, oid: int) -> T:
        """The one of that ID. Raises MissingError."""
        body = self._read(f"{self.prefix}.info", oid, what=self._what(oid))
        return base.one(body, self.cls.parse)

    def named(self, name: str, owner: int = MINE) -> tuple[T, ...]:
        """Those of exactly that name, by ID; several are possible on the server.

        Names are compared as they are: not by case, not by beginning.
        """
        return tuple(item for item in self.all(owner) if item.name == name)

    def find(self, name: str, owner: int = MINE) -> T | None:
        """The one of exactly that name with the lowest ID, or None."""
        return next(iter(self.named(name, owner)), None)

    def update(self, oid: int, attributes: Attributes, *, merge: bool = True) -> None:
        """Set attributes. `merge`: the others stay; else all others are removed.

        Even with `merge` a name is replaced with all that it holds, CONTEXT included: send all
        of a vector. Raises TextError for what the server would not survive.
        """
        self._set(oid, "update", text.wire(attributes), int(merge), attributes=attributes)

    def rename(self, oid: int, name: str) -> None:
        """Give it another name. Raises DuplicateError."""
        self._set(oid, "rename", text.check_name(name, what=f"the new name of {self.label} {oid}"))

    def delete(self, oid: int) -> None:
        """Remove it. Raises InUseError, MissingError.

        When an answer was lost and the second attempt finds nothing, the first one did it.
        """
        self._delete(oid)

    def _delete(self, oid: int, *more: Argument) -> None:
        try:
            self._set(oid, "delete", *more)
        except MissingError as err:
            if not err.repeated:
                raise

    def _read(self, method: str, *arguments: Argument, what: str = "") -> str:
        body = self._transport.call(method, *arguments, what=what)
        if not isinstance(body, str):
            raise OneError(
                f"{method}: the server answers with a number where XML was expected",
                hint="its OpenNebula is older or newer than expected",
            )
        return body

    def _set(
        self,
        oid: int,
        verb: str,
        *arguments: Argument,
        attributes: Attributes | None = None,
    ) -> None:
        """A change that may be made twice: it sets what it would set again."""
        self._transport.call(
            f"{self.prefix}.{verb}", oid, *arguments, what=self._what(oid),
            secrets=attributes.secrets() if attributes else (),
        )  # fmt: skip

    def _make(
        self,
        *arguments: Argument,
        what: str,
        verb: str = "allocate",
        attributes: Attributes | None = None,
        secrets: Iterable[str] = (),
    ) -> int:
        """Make something, once; return its ID."""
        found = self._transport.call(
            f"{self.prefix}.{verb}", *arguments, repeat=Repeat.NEVER, what=what,
            secrets=(*secrets, *(attributes.secrets() if attributes else ())),
        )  # fmt: skip
        if isinstance(found, bool) or not isinstance(found, int):
            raise OneError(
                f"{what}: the server does not tell the ID of what it made",
                hint="its OpenNebula is older or newer than expected",
            )
        return found

    def _what(self, oid: int) -> str:
        return f"{self.label} {oid}"


class OwnedKind(Kind[OwnedT]):
    """Kinds whose objects have an owner and permissions."""

    def chmod(self, oid: int, permissions: str) -> None:
        """Set permissions, given in nine characters as `um-u-----` (owner, group, other)."""
        marks = "umaumauma"
        if len(permissions) != 9 or any(
            p not in (m, "-") for p, m in zip(permissions, marks, strict=True)
        ):
            raise text.TextError(f"{permissions!r} are no permissions", hint="as in um-u-----")
        self._set(oid, "chmod", *(int(mark != "-") for mark in permissions))

    def chown(self, oid: int, uid: int = -1, gid: int = -1) -> None:
        """Give it to another user or group; -1 leaves that as it is."""
        self._set(oid, "chown", uid, gid)
