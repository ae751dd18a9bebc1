"""The filter of the pools whose objects have owners."""

from __future__ import annotations

from collections.abc import Callable

from b2ct.rehearsal.oned.acl import USE
from b2ct.rehearsal.oned.entities import Entity
from b2ct.rehearsal.oned.errors import XML_RPC_API, OneError
from b2ct.rehearsal.oned.rpc import Call

GROUP, MINE, ALL, MINE_AND_GROUP = -4, -3, -2, -1


def visible(call: Call, who: int, kind: str) -> Callable[[Entity], bool]:
    """Which objects an answer holds: -4 those of the caller's primary group, -3 the caller's
    own, -2 all that the caller may use, -1 own and the groups', 0 and up those of that user.
    """
    if who < GROUP:
        raise OneError(XML_RPC_API, "Incorrect filter_flag")
    uid, groups, acl = call.uid, call.groups, call.cloud.acl

    def wanted(target: Entity) -> bool:
        owner, group = target.owner
        if who == GROUP:
            return group == call.user.gid
        if who == MINE:
            return owner == uid
        if who == MINE_AND_GROUP and owner != uid and group not in groups:
            return False
        if who >= 0 and owner != who:
            return False
        return acl.allowed(uid, groups, USE, kind, target)

    return wanted
