"""What B2CT made, what it takes care of, and what was made by hand. Pure.

Every object that B2CT makes carries B2CT_MADE and the name of its site. Some kinds take no
attributes when they are made (hosts, clusters, groups, users): their names are noted on the
server before, in the template of the user who makes them, so that a run that ends between the two
calls leaves nothing whose origin is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from b2ct.opennebula import labels
from b2ct.opennebula.objects.base import Named
from b2ct.opennebula.objects.network import AddressRange
from b2ct.opennebula.text import Attributes

SITE = "B2CT_SITE"
"""Attribute: the name of the site for which B2CT takes care of the object."""
ADOPTED = "B2CT_ADOPTED"
"""Attribute of what was made by hand and given into B2CT's care: never deleted."""
LATE = frozenset({"group", "cluster", "host", "user"})
"""Kinds that take their marks only after they were made."""
OWN = {"cluster": 100, "datastore": 100, "security group": 100, "group": 100, "user": 2}
"""IDs below these are OpenNebula's own objects."""


def marks(site: str) -> dict[str, str]:
    """Attributes of a new object."""
    return {**labels.marks(), SITE: site}


def adoption(site: str) -> dict[str, str]:
    """Attributes of an object that is taken over."""
    return {ADOPTED: "YES", SITE: site}


def cared_for(item: Named, site: str) -> bool:
    """B2CT may change it."""
    kept = labels.ours(item) or item.template.text(ADOPTED) == "YES"
    return kept and item.template.text(SITE) == site


def made(item: Named, site: str) -> bool:
    """B2CT made it for this site, and may delete it."""
    return labels.ours(item) and item.template.text(SITE) == site


def made_range(one: AddressRange) -> bool:
    """An address range that B2CT added to a network."""
    return one.attributes.get(labels.MADE) == "YES"


def system(kind: str, item: Named) -> bool:
    """OpenNebula's own, which nobody made."""
    return item.id < OWN.get(kind, 0)


def foreign(item: Named, site: str) -> str:
    """Why B2CT leaves it alone, in words; empty if it does not."""
    if cared_for(item, site):
        return ""
    other = item.template.text(SITE)
    return f"made for the site {other}" if other and other != site else "made by hand"


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
