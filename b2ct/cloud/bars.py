"""Changes that are not made now: OpenNebula cannot, or somebody needs what is there. Pure."""

from __future__ import annotations

from typing import cast

from b2ct.cloud import diff
from b2ct.cloud.desired import Wanted, range_of
from b2ct.cloud.difference import Change
from b2ct.one.objects.base import Named
from b2ct.one.objects.network import VirtualNetwork
from b2ct.one.states import NetState

_STUCK = frozenset({NetState.ERROR, NetState.LOCK_DELETE, NetState.UPDATE_FAILURE})


def bar(wanted: Wanted, item: Named, change: Change) -> tuple[str, str] | None:
    """Why this change is not made now, and what helps."""
    if (wanted.kind, change.name) == ("host", "driver"):
        return (
            "OpenNebula cannot change the driver of a host",
            f"`b2ct drain {item.name}`, `onehost delete {item.name}`, then apply again",
        )
    if wanted.kind == "datastore" and change.name.isupper():
        images = cast("tuple[int, ...]", getattr(item, "images", ()))
        if images and change.name != "BRIDGE_LIST":
            return (
                f"{len(images)} image(s) are in this datastore",
                "delete them first: another driver would not find them",
            )
    if isinstance(item, VirtualNetwork) and change.name == "range":
        return _bar_range(item, change.new)
    return None


def trouble(item: Named) -> tuple[str, str] | None:
    """Why nothing at all is done about an object, and what helps."""
    if isinstance(item, VirtualNetwork) and item.state in _STUCK:
        return (
            f"the network is in state {item.state.name}",
            f"`onevnet recover --success {item.id}` if it is as it should be, else `--delete`",
        )
    return None


def _bar_range(network: VirtualNetwork, wanted: str) -> tuple[str, str] | None:
    ours = diff.our_ranges(network, wanted)
    first, size = range_of(wanted)
    for one in network.ranges:
        if one not in ours and diff.overlaps(one, wanted):
            return (
                f"the address range {diff.span(one)}, made by hand, overlaps with it",
                f"`onevnet rmar {network.id} {one.id}`, if nobody needs it",
            )
    for one in ours:
        grows = one.ip == first and one.size <= size
        if (used := diff.leased(one)) and not grows:
            return (
                f"{used} addresses of {diff.span(one)} are in use",
                "end these VMs first, or let the new range begin where the old one does",
            )
    return None
