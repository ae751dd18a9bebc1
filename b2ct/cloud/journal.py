"""What a run was going to make, noted on the server.

Some kinds take no attributes when they are made (hosts, clusters, groups, users): their names are
noted before, in the template of the user who makes them, so that a run that ends between the two
calls leaves nothing whose origin is unknown. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Set

from b2ct.one.text import Attributes


def name(site: str) -> str:
    """The attribute, in the template of the user who applies, that says what was begun."""
    return f"B2CT_BEGUN_{re.sub('[^A-Za-z0-9]', '_', site).upper()}"


def text(begun: Iterable[tuple[str, str]]) -> str:
    """The attribute's value for objects by kind and name."""
    return " ".join(f"{kind}={name}" for kind, name in sorted(begun))


def read(template: Attributes, site: str, kinds: Set[str]) -> frozenset[tuple[str, str]]:
    """What a run of ours has begun to make, by kind and name; `kinds`: those that are noted."""
    words = template.text(name(site)).split()
    pairs = (word.partition("=") for word in words)
    return frozenset((kind, name) for kind, _, name in pairs if kind in kinds and name)
