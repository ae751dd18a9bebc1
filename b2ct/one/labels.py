"""How an object in OpenNebula says that B2CT made it."""

from __future__ import annotations

from b2ct.one.objects.base import Named

MADE = "B2CT_MADE"
"""Attribute of everything that B2CT made. What lacks it is left alone."""
LABEL = "b2ct"
"""In LABELS, by which Sunstone groups what it lists."""


def marks() -> dict[str, str]:
    """Attributes for a new object."""
    return {MADE: "YES", "LABELS": LABEL}


def ours(item: Named) -> bool:
    """B2CT made it."""
    return item.template.text(MADE) == "YES"
