"""The kinds of objects that `b2ct plan` compares and `b2ct apply` makes: a file for each.

A new kind is a new file here and its name in KINDS; plan and apply know no kind.
"""

from __future__ import annotations

from b2ct.cloud.kinds.cluster import CLUSTER
from b2ct.cloud.kinds.datastore import DATASTORE
from b2ct.cloud.kinds.group import GROUP
from b2ct.cloud.kinds.host import HOST
from b2ct.cloud.kinds.kind import AnyKind
from b2ct.cloud.kinds.network import NETWORK
from b2ct.cloud.kinds.rule import RULE
from b2ct.cloud.kinds.security_group import SECURITY_GROUP
from b2ct.cloud.kinds.template import TEMPLATE
from b2ct.cloud.kinds.user import USER
from b2ct.cloud.kinds.volume import VOLUME

__all__ = [
    "CLUSTER",
    "DATASTORE",
    "GROUP",
    "HOST",
    "KINDS",
    "NETWORK",
    "RULE",
    "SECURITY_GROUP",
    "TEMPLATE",
    "USER",
    "VOLUME",
    "named",
]

KINDS: tuple[AnyKind, ...] = (
    *(GROUP, DATASTORE, CLUSTER, HOST, SECURITY_GROUP, NETWORK, VOLUME, TEMPLATE, USER, RULE),
)
"""In the order in which what was made by hand is told."""


def named(name: str) -> AnyKind:
    """The kind of a step."""
    return next(kind for kind in KINDS if kind.name == name)
