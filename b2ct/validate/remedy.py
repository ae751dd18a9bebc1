"""Remedies with the values of this site: `ssh {node}` becomes a line that can be pasted."""

from __future__ import annotations

import string
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from b2ct.site import places
from b2ct.site.places import reached

if TYPE_CHECKING:
    from b2ct.site.model import Node, Site


@dataclass(frozen=True)
class Values:
    """What a remedy may name in braces."""

    node: str
    """Name of the node; in a check of the site: of the control node."""
    address: str
    """How that node is reached."""
    control: str
    """How the control node is reached."""
    domain: str
    user: str
    """Who logs in."""


NAMES = frozenset(Values.__dataclass_fields__)


def problem(template: str) -> str:
    """What is wrong with a remedy's braces; empty: nothing."""
    try:
        fields = [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]
    except ValueError as err:
        return f"{err}: a brace of the command itself is written twice"
    unknown = [name for name in fields if name not in NAMES]
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in sorted(NAMES))
        return (
            f"{{{unknown[0]}}} is none of {known}; a brace of the command itself is written twice"
        )
    return ""


def filled(template: str, values: Values) -> str:
    """A remedy of a check's metadata with this site's values. Raises KeyError for others."""
    return template.format_map(asdict(values))


def replaced(text: str, values: Values) -> str:
    """The remedy that a check itself gave: the known names are replaced, other braces stay."""
    for name, value in asdict(values).items():
        text = text.replace(f"{{{name}}}", value)
    return text


def values(node: Node | None, site: Site, user: str) -> Values:
    """The values for a node; None: for the site as a whole, so those of its control node."""
    control = places.control_of(site)
    subject = node or control
    return Values(
        node=subject.name if subject else "",
        address=reached(subject, site) if subject else "",
        control=reached(control, site) if control else "the control node",
        domain=site.site.domain or "",
        user=user,
    )
