"""Users and groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from b2ct.one import xml
from b2ct.one.objects.base import Named, named
from b2ct.one.quotas import Quotas
from b2ct.one.xml import Element


@dataclass(frozen=True, kw_only=True)
class User(Named):
    """A user. The hash of the password and the login tokens are dropped when it is read."""

    gid: int
    group: str
    groups: tuple[int, ...]
    auth_driver: str
    enabled: bool
    quotas: Quotas

    @classmethod
    def parse(cls, element: Element) -> Self:
        """From `<USER>`."""
        e = element
        fields = named(e)
        fields["template"] = fields["template"].without("TOKEN_PASSWORD")
        return cls(
            **fields, gid=xml.integer(e, "GID"), group=xml.text(e, "GNAME"),
            groups=xml.ids(e, "GROUPS"), auth_driver=xml.text(e, "AUTH_DRIVER"),
            enabled=xml.flag(e, "ENABLED"), quotas=Quotas.parse(e),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Group(Named):
    """A group of users."""

    users: tuple[int, ...]
    admins: tuple[int, ...]
    quotas: Quotas

    @classmethod
    def parse(cls, element: Element) -> Self:
        """From `<GROUP>`."""
        e = element
        return cls(
            **named(e), users=xml.ids(e, "USERS"), admins=xml.ids(e, "ADMINS"),
            quotas=Quotas.parse(e),
        )  # fmt: skip
