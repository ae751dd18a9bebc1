"""ACL rules: the readable form of `oneacl create` and the numbers of the API, both ways.

Numbers follow include/AclRule.h and src/oca/ruby/opennebula/acl.rb of the public sources.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

from b2ct.core.errors import B2ctError
from b2ct.one import xml
from b2ct.one.xml import Element

_WHO = MappingProxyType({"#": 0x1_0000_0000, "@": 0x2_0000_0000, "%": 0x8_0000_0000})
_ALL = 0x4_0000_0000
RESOURCES = MappingProxyType(
    {
        name: 0x10_0000_0000 << bit
        for name, bit in (
            *(("VM", 0), ("HOST", 1), ("NET", 2), ("IMAGE", 3), ("USER", 4), ("TEMPLATE", 5)),
            *(("GROUP", 6), ("DATASTORE", 8), ("CLUSTER", 9), ("DOCUMENT", 10), ("ZONE", 11)),
            *(("SECGROUP", 12), ("VDC", 13), ("VROUTER", 14), ("MARKETPLACE", 15)),
            *(("MARKETPLACEAPP", 16), ("VMGROUP", 17), ("VNTEMPLATE", 18), ("BACKUPJOB", 20)),
        )
    }
)
RIGHTS = MappingProxyType({"USE": 1, "MANAGE": 2, "ADMIN": 4, "CREATE": 8})
_WHOM = re.compile(r"(?P<mark>[#@%])(?P<id>[0-9]{1,9})|\*")


@dataclass(frozen=True)
class AclRule:
    """Who may do what with which resources, in which zone; `id` is -1 before it exists."""

    user: int
    resource: int
    rights: int
    zone: int
    id: int = -1

    @classmethod
    def parse(cls, element: Element) -> Self:
        """From `<ACL>`."""
        numbers = (
            int(xml.text(element, name, "0"), 16) for name in ("USER", "RESOURCE", "RIGHTS", "ZONE")
        )
        user, resource, rights, zone = numbers
        return cls(user, resource, rights, zone, xml.integer(element, "ID", -1))

    @classmethod
    def of(cls, text: str) -> Self:
        """From `#5 IMAGE+TEMPLATE/* USE+CREATE *`; without a zone: all.

        Raises B2ctError for what `oneacl create` would not take.
        """
        words = text.split()
        if len(words) not in (3, 4):
            raise _bad(text, "it needs three or four words")
        kinds, slash, which = words[1].partition("/")
        if not slash:
            raise _bad(text, "the resource needs a /")
        return cls(
            _id(words[0], text),
            _bits(kinds, dict(RESOURCES), text) | _id(which, text),
            _bits(words[2], dict(RIGHTS), text),
            _id(words[3] if len(words) == 4 else "*", text),
        )

    @property
    def key(self) -> tuple[int, int, int, int]:
        """What it says, whatever its ID."""
        return self.user, self.resource, self.rights, self.zone

    @property
    def hexadecimal(self) -> tuple[str, str, str, str]:
        """The arguments of one.acl.addrule."""
        return f"{self.user:x}", f"{self.resource:x}", f"{self.rights:x}", f"{self.zone:x}"

    def __str__(self) -> str:
        """The readable form."""
        kinds = "+".join(name for name, bit in RESOURCES.items() if self.resource & bit)
        rights = "+".join(name for name, bit in RIGHTS.items() if self.rights & bit)
        return (
            f"{_whom(self.user)} {kinds}/{_whom(self.resource)} {rights or '-'} {_whom(self.zone)}"
        )


def _id(word: str, text: str) -> int:
    found = _WHOM.fullmatch(word)
    if not found:
        raise _bad(text, f"{word!r} is neither #ID, @ID, %ID nor *")
    return _ALL if word == "*" else _WHO[found["mark"]] | int(found["id"])


def _bits(words: str, known: dict[str, int], text: str) -> int:
    value = 0
    for word in words.upper().split("+"):
        if word not in known:
            raise _bad(text, f"{word!r} is none of {', '.join(known)}")
        value |= known[word]
    return value


def _whom(value: int) -> str:
    if value & _ALL:
        return "*"
    return next((f"{mark}{value & 0xFFFF_FFFF}" for mark, bit in _WHO.items() if value & bit), "?")


def _bad(text: str, why: str) -> B2ctError:
    return B2ctError(
        f"{text!r} is no ACL rule: {why}", hint="write it as `@100 IMAGE+TEMPLATE/* USE *`"
    )
