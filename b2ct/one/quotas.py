"""Quotas of users and groups, as the server has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Self

from b2ct.one import xml
from b2ct.one.xml import Element

UNLIMITED = -2.0
"""A limit in a quota: none."""
DEFAULT = -1.0
"""A limit in a quota: that of DEFAULT_USER_QUOTAS or DEFAULT_GROUP_QUOTAS."""


@dataclass(frozen=True)
class Limit:
    """How much is allowed, and how much of it is used."""

    limit: float
    used: float


@dataclass(frozen=True)
class Quotas:
    """Limits by attribute; those of datastores, networks and images by ID first.

    Units as in the server's templates: MEMORY in MB, SIZE and SYSTEM_DISK_SIZE in MB.
    """

    vm: Mapping[str, Limit] = field(default_factory=lambda: MappingProxyType({}))
    datastores: Mapping[int, Mapping[str, Limit]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    networks: Mapping[int, Mapping[str, Limit]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    images: Mapping[int, Mapping[str, Limit]] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def parse(cls, element: Element) -> Self:
        """From the element that holds VM_QUOTA and its siblings."""
        vm = element.find("VM_QUOTA/VM")
        return cls(
            MappingProxyType(_limits(vm) if vm is not None else {}),
            *(
                MappingProxyType(
                    {
                        xml.integer(one, "ID"): MappingProxyType(_limits(one))
                        for one in element.iterfind(path)
                    }
                )
                for path in ("DATASTORE_QUOTA/DATASTORE", "NETWORK_QUOTA/NETWORK",
                             "IMAGE_QUOTA/IMAGE")
            ),
        )  # fmt: skip


def _limits(element: Element) -> dict[str, Limit]:
    names = [child.tag for child in element if child.tag != "ID"]
    return {
        name: Limit(xml.number(element, name), xml.number(element, f"{name}_USED"))
        for name in names
        if not name.endswith("_USED")
    }
