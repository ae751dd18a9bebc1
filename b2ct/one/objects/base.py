"""What all objects of the server have in common, and how they are read from its answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from b2ct.one import xml
from b2ct.one.text import Attributes
from b2ct.one.xml import Element

T = TypeVar("T", bound="Named")


@dataclass(frozen=True, kw_only=True)
class Named:
    """What every object has."""

    id: int
    name: str
    template: Attributes = field(default_factory=Attributes)
    """The object's own attributes; `repr` shows their names only."""

    @classmethod
    def parse(cls, element: Element) -> Self:
        """From the object's XML element."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Owned(Named):
    """What has an owner, a group and permissions."""

    uid: int = 0
    gid: int = 0
    owner: str = ""
    group: str = ""
    permissions: str = ""
    """Nine characters as `ls` has them, with u, m, a: `um-u-----`; empty in pools of VMs."""
    locked_by: int | None = None
    """LOCK level that somebody set, None without a lock."""


def one(body: str, parse: Callable[[Element], T]) -> T:
    """The object in the body of an `info` answer."""
    return parse(xml.tree(body))


def pool(body: str, parse: Callable[[Element], T], tag: str) -> tuple[T, ...]:
    """The objects of a pool's body, by ID. Quotas that stand apart are put back to their owners."""
    root = xml.tree(body)
    apart = {xml.integer(q, "ID"): q for q in root.iterfind("QUOTAS")}
    found = []
    for element in root.iterfind(tag):
        if (quotas := apart.get(xml.integer(element, "ID"))) is not None:
            element.extend(child for child in quotas if child.tag != "ID")
        found.append(parse(element))
    return tuple(sorted(found, key=lambda item: item.id))


Fields = dict[str, Any]  # keyword arguments of a dataclass, whose fields mypy knows
_MARKS = {"U": "u", "M": "m", "A": "a"}


def named(element: Element) -> Fields:
    """The fields of a Named."""
    return {
        "id": xml.integer(element, "ID", -1),
        "name": (element.findtext("NAME") or ""),
        "template": xml.attributes(element.find("TEMPLATE")),
    }


def owned(element: Element) -> Fields:
    """The fields of an Owned."""
    e, lock = element, element.find("LOCK/LOCKED")
    permissions = "".join(
        mark if xml.flag(e, f"PERMISSIONS/{who}_{what}") else "-"
        for who in ("OWNER", "GROUP", "OTHER")
        for what, mark in _MARKS.items()
        if e.find("PERMISSIONS") is not None
    )
    return {
        **named(e), "uid": xml.integer(e, "UID"), "gid": xml.integer(e, "GID"),
        "owner": xml.text(e, "UNAME"), "group": xml.text(e, "GNAME"), "permissions": permissions,
        "locked_by": xml.integer(e, "LOCK/LOCKED") if lock is not None else None,
    }  # fmt: skip


def clusters(element: Element) -> tuple[int, ...]:
    """From 5.0 an object may be in several; before, in one."""
    return xml.ids(element, "CLUSTERS") or tuple(
        int(one.text) for one in element.iterfind("CLUSTER_ID") if one.text and one.text.isdigit()
    )
